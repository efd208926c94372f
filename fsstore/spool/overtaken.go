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

// OvertakenError is why a job may not put what it brings in the place of what is there.
type OvertakenError struct{ Why string }

func (e *OvertakenError) Error() string { return e.Why }

// HeldPrefix begins the word of a claim's line that says what was held.
const HeldPrefix = "held:"

// nothingHeld is that word's rest where nothing was.
const nothingHeld = "-"

// HeldVersion tells what is held of u from what was, or will be: the claim that
// published it. It is "" where that can't be read, which says nothing.
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

func versionOf(a *held.Artifact) string {
	if a.Claim != "" && !strings.ContainsAny(a.Claim, " \t\r\n") {
		return a.Claim
	}
	return a.SHA256[:16] // a meta that a person wrote
}

// versionAtClaim is what the first claim under the approval that stands has noted, or
// "" where none has.
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

// CheckOvertaken returns an *OvertakenError where what is held of u is neither what was
// held when the job was claimed first, nor what one of its own claims brought.
func (s *Spool) CheckOvertaken(j *job.Job, u key.URL) error {
	if !j.Approved() || held.LastApproval(j).Via == held.ViaPut {
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
	return &OvertakenError{"another file was put in the place of its artifact after this job was claimed, carried in or copied, and stands" + retry}
}

func isOwnClaim(j *job.Job, worker string) bool {
	return slices.ContainsFunc(j.Events, func(e job.Event) bool { return e.Kind == job.Claim && IsClaimOf(e, worker) })
}

// IsClaimOf reports whether a line that open wrote is that worker's.
func IsClaimOf(e job.Event, worker string) bool { return strings.HasSuffix(e.Text, " "+worker) }

// CameByPut reports whether what is held of key k came by put or upload. The
// job in done/ knows; meta keeps the approval when a person has had it fetched
// since, but then an origin's header too.
func (s *Spool) CameByPut(k string, done *job.Job) bool {
	if e := held.LastApproval(done); e.Kind != "" {
		return e.Via == held.ViaPut
	}
	a, err := s.held.Artifact(k)
	return err == nil && a.Approved != nil && a.Approved.Via == held.ViaPut && len(a.Header) == 0 && a.FinalURL == ""
}
