package fetch

import (
	"context"
	"errors"
	"net/http"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/fetch/response"
	"fromcache/fsstore/kind"
)

// checkHeader checks the header and reserves space, before the body is read.
func (a *attempt) checkHeader(d *delivery) error {
	j := &a.c.Job
	if !j.AcceptAny && j.Sha256 == "" && d.upstream == nil {
		if err := response.CheckCoding(d.name, d.Header); err != nil {
			return err
		}
	}
	if err := a.checkOriginDigest(d); err != nil {
		return err
	}
	if a.o.MaxSize > 0 && d.total > a.o.MaxSize {
		return tooLarge(d.total, a.o.MaxSize)
	}
	if err := a.checkLimits(d.total); err != nil {
		return err
	}
	isDigestKnown := j.Sha256 != "" || len(response.Announced(d.Header, false)) > 0
	if !response.EndIsCertain(d.Response) && !isDigestKnown { //guard:TestBehaviours
		return failure.Failf("%s says neither how long the file is nor what its digest is, so it can't "+
			"be known to be whole: add the line `sha256 <hex>` to the job and retry",
			d.Host())
	}
	if d.total < 0 {
		return nil
	}
	return deferNoSpace(a.c.Reserve(d.total)) //guard:TestNoSpace
}

func tooLarge(n, limit int64) error {
	return failure.Discardf("it is larger than --max-artifact-size: %d bytes or more, %d are allowed",
		n, limit)
}

// deferNoSpace makes of fsstore.ErrNoSpace a failure that defers the job.
func deferNoSpace(err error) error {
	if errors.Is(err, fsstore.ErrNoSpace) {
		return &failure.Failure{Text: err.Error() + "; it goes on by itself once there is room: evict " +
			"artifacts, or lower --min-free", End: failure.Defer, Reason: failure.Disk}
	}
	return err
}

// checkBytes checks the complete part. The job's digest overrules what the origin announces and
// what the name says.
func (a *attempt) checkBytes(ctx context.Context, d *delivery, have response.Sums) error {
	j, got := &a.c.Job, a.part.SHA256()
	if d.upstream != nil {
		return a.checkUpstreamDigest(ctx, d, got, have)
	}
	if j.Sha256 != "" && j.Sha256 != got {
		return retryIfResumed(d, a.digestMismatch(d, got))
	}
	trailer := response.Announced(d.Trailer, d.StatusCode == http.StatusPartialContent)
	list := append(a.announced(d), trailer...)
	wrong, err := response.Verify(ctx, list, have, a.part)
	switch {
	case err != nil:
		return err
	case wrong != "" && j.Sha256 == "":
		return retryIfResumed(d, failure.Discardf("%s: they were changed on the way, or the "+
			"origin is wrong; retry, and report it to the origin if it stays so", wrong))
	case wrong == "":
		d.originDigest = response.Format(list)
	default:
		d.notes = append(d.notes, wrong+"; the sha256 of the job says that the bytes are right")
	}
	if err := a.checkHasDigest(len(list) > 0); err != nil {
		return err
	}
	if j.AcceptAny || j.Sha256 != "" {
		return nil
	}
	m := kind.CheckFile(d.name, a.part.Head(), j.AcceptHTML)
	switch {
	case a.part.Size() == 0 && (d.total != 0 || m != nil):
		return failure.Discardf("the origin sent no bytes at all: check the URL; if an empty file is " +
			"wanted, add the line `accept any` to the job and retry")
	case m != nil:
		return mismatch(m)
	}
	return nil
}

// announced returns the digests of the origin's by which the bytes of an answer are checked.
func (a *attempt) announced(d *delivery) []response.Digest {
	if d.upstream == nil {
		return response.Announced(d.Header, d.StatusCode == http.StatusPartialContent)
	}
	if !a.limits.Digest { // the upstream's own is enough
		return nil
	}
	return response.OriginDigests(d.Header)
}

// mismatch says what to do where the bytes are not what the URL's name says.
func mismatch(m *kind.Mismatch) error {
	if m.Accept == "text/html" {
		return failure.Discardf("%v Open the URL in a browser; if the page is what is wanted, add "+
			"the line `accept text/html` to the job and retry", m)
	}
	return failure.Discardf("%v: check the URL; if they are wanted all the same, add the line "+
		"`accept %s` to the job and retry", m, m.Accept)
}

// retryIfResumed makes err temporary where a part was resumed, because an origin that changed a
// file and kept its validator has two versions joined, and a fetch from the start mends that.
func retryIfResumed(d *delivery, err error) error {
	if f, ok := errors.AsType[*failure.Failure](err); ok && d.from > 0 {
		f.End, f.Text = failure.Retry, "joined with what had come before, "+f.Text
	}
	return err
}

// digestMismatch says why the bytes may not have the digest that the job names.
func (a *attempt) digestMismatch(d *delivery, got string) error {
	if d.from == 0 && !response.IsWhole(d.Response) {
		f := d.StatusFailure()
		f.Discard = true
		return f
	}
	why := "the origin has another version, or the line `sha256` of the job is wrong; correct it " +
		"and retry"
	if m := kind.Check(d.name, a.part.Head()); m != nil {
		why = m.Why
	} else if response.CheckCoding(d.name, d.Header) != nil {
		why = "the origin sends it encoded (Content-Encoding), although it was asked not to: the " +
			"digest is of the file itself, most likely; fetch it elsewhere, and carry it in with " +
			"`fromcache put URL FILE`"
	}
	return failure.Discardf("the bytes have the SHA-256 %s, but %s was expected: %s", got,
		a.c.Job.Sha256, why)
}
