package fsstore

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// A job may stand for hours between its approval and its commit: for a worker,
// for its origin, for room. What an operator has done to the artifact meanwhile
// is newer than the approval, and stands. So the first claim under an approval
// notes what is held, and each later claim, and the commit, look whether it still
// is; who carries in or evicts takes out of queue/ what waits there unclaimed, and who carries in
// ends what is being fetched.
//
// A limit: `rm meta/k.json` in a shell is an evict that no job knows of before its
// first claim. Such a job goes on.

// Overtaken is why a job may not put what it brings in the place of what is there.
type Overtaken struct{ Why string }

func (e *Overtaken) Error() string { return e.Why }

// heldMark begins the word of a claim's line that says what was held.
const heldMark = "held:"

// nothingHeld is that word's rest where nothing was.
const nothingHeld = "-"

// mark tells what is held of u from what was, or will be: the claim that
// published it. It is "" where that can't be read, which says nothing.
func (s *Store) mark(u key.URL) string {
	a, err := s.heldAs(u)
	switch {
	case err == nil:
		return markOf(a)
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errMalformed):
		return nothingHeld
	}
	return ""
}

func markOf(a *Artifact) string {
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
				if m, ok := strings.CutPrefix(word, heldMark); ok {
					mark = m
				}
			}
		}
	}
	return mark
}

// overtaken returns an *Overtaken where what is held of u is neither what was
// held when the job was claimed first, nor what one of its own claims brought.
func (s *Store) overtaken(j *job.Job, u key.URL) error {
	if !j.Approved() || leave(j).Via == viaPut {
		return nil // a person has moved it to queue/ since, which is an approval of its own
	}
	then, is := markedAt(j), s.mark(u)
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
	return slices.ContainsFunc(j.Events, func(e job.Event) bool { return e.Kind == job.Claim && isClaimOf(e, worker) })
}

// mayCommit looks at the last moment. It returns an *Overtaken where what is there now is newer
// than the job.
func (c *Claim) mayCommit() error {
	if d := c.s.deniedBy(c.url); d != "" {
		return &Overtaken{"denied/" + d + " speaks for this URL by now: remove that file, then retry this job"}
	}
	return c.s.overtaken(&c.Job, c.url)
}

// supersede cancels the jobs of one URL in these directories, because what was just done to its
// artifact is newer than their approval. They are in cancelled/ then, and say why. A list stays: it
// is about other URLs too.
func (s *Store) supersede(sub subject, why string, by By, in ...State) error {
	e := by.event(job.Cancelled)
	e.Text = why
	var errs []error
	for _, st := range in {
		names, err := s.names(string(st))
		errs = append(errs, err)
		for _, name := range names {
			if j, ok := s.jobAbout(sub, st, name); ok && j.Batch == 0 && j.Job.URL != "" {
				if err := s.endJob(st, name, e); !errors.Is(err, fs.ErrNotExist) {
					errs = append(errs, err)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// letGoSoon is how long a worker of this host may take until it has noticed a cancel.
const letGoSoon = 10 * time.Second

// endJob cancels a job, and waits until its worker has let go of it: what that commits, it has
// committed by then.
func (s *Store) endJob(st State, name string, e job.Event) error {
	f, err := openJob(s.job(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.cancelIn(st, name, e); err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < letGoSoon; {
		if err := lockSoon(f); !errors.Is(err, errLocked) {
			return err
		}
	}
	return nil
}
