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

// Overtaken is why a job may not put what it brings in the place of what is there.
type Overtaken struct{ Why string }

func (e *Overtaken) Error() string { return e.Why }

// HeldMark begins the word of a claim's line that says what was held.
const HeldMark = "held:"

// nothingHeld is that word's rest where nothing was.
const nothingHeld = "-"

// Mark tells what is held of u from what was, or will be: the claim that
// published it. It is "" where that can't be read, which says nothing.
func (s *Spool) Mark(u key.URL) string {
	a, err := s.held.HeldAs(u)
	switch {
	case err == nil:
		return markOf(a)
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, held.ErrMalformed):
		return nothingHeld
	}
	return ""
}

func markOf(a *held.Artifact) string {
	if a.Claim != "" && !strings.ContainsAny(a.Claim, " \t\r\n") {
		return a.Claim
	}
	return a.SHA256[:16] // a meta that a person wrote
}

// markedAt is what the first claim under the approval that stands has noted, or
// "" where none has.
func markedAt(j *job.Job) (mark string) {
	for _, e := range slices.Backward(j.Events) {
		switch e.Kind {
		case job.Approve, job.Retry:
			return mark
		case job.Claim:
			for word := range strings.FieldsSeq(e.Text) {
				if m, ok := strings.CutPrefix(word, HeldMark); ok {
					mark = m
				}
			}
		}
	}
	return mark
}

// Overtaken returns an *Overtaken where what is held of u is neither what was
// held when the job was claimed first, nor what one of its own claims brought.
func (s *Spool) Overtaken(j *job.Job, u key.URL) error {
	if !j.Approved() || held.Leave(j).Via == held.ViaPut {
		return nil // a person has moved it to queue/ since, which is an approval of its own
	}
	then, is := markedAt(j), s.Mark(u)
	if then == "" || is == "" || is == then || ownClaim(j, is) {
		return nil
	}
	const retry = "; nothing was changed: retry this job to fetch it all the same"
	if is == nothingHeld {
		return &Overtaken{"its artifact was evicted after this job was claimed" + retry}
	}
	return &Overtaken{"another file was put in the place of its artifact after this job was claimed, carried in or copied, and stands" + retry}
}

func ownClaim(j *job.Job, worker string) bool {
	return slices.ContainsFunc(j.Events, func(e job.Event) bool { return e.Kind == job.Claim && IsClaimOf(e, worker) })
}
