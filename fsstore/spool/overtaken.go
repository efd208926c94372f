package spool

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"fromcache/fsstore/held"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// OvertakenError says why a job may not replace what is held.
type OvertakenError struct{ Why string }

func (e *OvertakenError) Error() string { return e.Why }

// HeldPrefix begins the word in a claim's line that says which version was held then.
const HeldPrefix = "held:"

// nothingHeld is the rest of that word if nothing was held.
const nothingHeld = "-"

// HeldVersion returns a word that names the version held of u: the claim that published it. It
// returns "-" if nothing is held, and "" if that can't be read.
func (s *Spool) HeldVersion(u key.URL) string {
	a, err := s.held.Find(u)
	switch {
	case err == nil:
		return versionOf(a)
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, held.ErrMalformed):
		return nothingHeld
	}
	return ""
}

// versionOf returns the claim that published a, or part of its digest if a person wrote the meta.
func versionOf(a *held.Artifact) string {
	if a.Claim != "" && !strings.ContainsAny(a.Claim, " \t\r\n") {
		return a.Claim
	}
	return a.SHA256[:16] // a meta that a person wrote
}

// versionAtClaim returns the version that the first claim since the newest approval found held, or
// "" if no claim says.
func versionAtClaim(j *job.Job) (mark string) {
	for _, e := range slices.Backward(j.Events) {
		switch e.Kind {
		case job.Approve, job.Retry:
			return mark
		case job.Claim:
			for word := range strings.FieldsSeq(e.Text) {
				if m, ok := strings.CutPrefix(word, HeldPrefix); ok {
					mark = m
				}
			}
		}
	}
	return mark
}

// CheckOvertaken returns an *OvertakenError if the version held of u is neither the one that the
// job's first claim found, nor one that a claim of this job published.
func (s *Spool) CheckOvertaken(j *job.Job, u key.URL) error {
	if !j.Approved() || j.ApprovalOrRetry().Via == held.ViaPut {
		return nil // a person has moved it to queue/ since, which is an approval of its own
	}
	then, is := versionAtClaim(j), s.HeldVersion(u)
	if then == "" || is == "" || is == then ||
		isOwnClaim(j, is) { //guard:fsstore/active.TestAJobIsNotOvertakenByItself
		return nil
	}
	const retry = "; nothing was changed: retry this job to fetch it all the same"
	if is == nothingHeld {
		return &OvertakenError{"its artifact was evicted after this job was claimed" + retry}
	}
	return &OvertakenError{
		"its artifact was replaced after this job was claimed, by put, upload or cp" + retry,
	}
}

func isOwnClaim(j *job.Job, worker string) bool {
	return slices.ContainsFunc(j.Events, func(e job.Event) bool {
		return e.Kind == job.Claim && IsClaimOf(e, worker)
	})
}

// IsClaimOf reports whether e is the line that a worker's claim wrote.
func IsClaimOf(e job.Event, worker string) bool { return strings.HasSuffix(e.Text, " "+worker) }

// CameByPut reports whether what is held under key k came by put or upload. The job in done/ says
// so. If there is none, the meta does: after a fetch it may still have a put's approval, but has
// the origin's header or a final URL, too.
func (s *Spool) CameByPut(k string, done *job.Job) bool {
	if e := done.ApprovalOrRetry(); e.Kind != "" {
		return e.Via == held.ViaPut
	}
	a, err := s.held.Artifact(k)
	return err == nil && a.Approved != nil && a.Approved.Via == held.ViaPut &&
		len(a.Header) == 0 && a.FinalURL == ""
}
