package fetch

import (
	"errors"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/failure"
)

// readLimits reads what the standing approval of the job asks, if one approved it.
func (a *attempt) readLimits() (err error) {
	a.limits, err = a.c.Limits()
	return refusal(err)
}

// checkLimits asks the standing approval about a size in bytes; below 0 it is not known yet.
func (a *attempt) checkLimits(n int64) error {
	if n < 0 {
		return nil
	}
	return refusal(a.c.CheckLimits(a.limits, n))
}

// checkHasDigest refuses an artifact for which the standing approval wants a digest of its origin's.
func (a *attempt) checkHasDigest(announced bool) error {
	if !a.limits.Digest || announced || a.c.Job.Sha256 != "" {
		return nil
	}
	return failure.Discardf("approved by allowed/%s, which requires a digest, and the origin names "+
		"none; to approve it yourself, retry it", a.limits.Rule)
}

// refusal makes a failure of what a standing approval does not allow.
func refusal(err error) error {
	no, ok := errors.AsType[*fsstore.RefusalError](err)
	switch {
	case !ok:
		return err
	case no.Mends:
		return &failure.Failure{Text: no.Why, End: failure.Defer, Reason: failure.Other}
	}
	return &failure.Failure{Text: no.Why, End: failure.Fail, Discard: true, Reason: failure.Other}
}
