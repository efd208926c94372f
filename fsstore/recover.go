package fsstore

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/job"
)

// foreignStill is how long an orphan of another host must have stood still:
// on some shared file systems flock is the host's own affair, and a free lock
// says nothing. Its owner shows life far more often.
const foreignStill = 10 * time.Minute

// Recover takes care of orphans, the jobs in active/ whose owner has died: the
// artifact that meta says the claim committed makes it done; any other goes back to
// queue/. It may run at any time, in any number of processes, and be
// killed itself.
func (s *Store) Recover() error {
	names, err := s.names(string(Active))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if err := s.recoverOne(name); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errLocked) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, s.recoverNames())...)
}

func (s *Store) recoverOne(name string) error {
	stem, worker, ok := splitActive(name)
	if !ok {
		return nil
	}
	path := s.job(Active, name)
	f, err := openJob(path)
	if err != nil {
		if errors.Is(err, errForeign) {
			return nil
		}
		return err
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return err
	}
	if !same(f, path) {
		return nil
	}
	b, err := slurp(f, maxJobFile)
	if err != nil {
		return err
	}
	j, own := job.Job{}, ""
	if jobs := job.Parse(b).Jobs; len(jobs) > 0 {
		j, own = jobs[len(jobs)-1], jobs[0].URL
	}
	if s.foreign(&j) && !s.still.stoodStill(path, s.path("tmp", partName(stem, worker)), foreignStill) {
		return nil
	}
	c := &Claim{Key: stem, Worker: worker, Job: j, s: s, f: f, path: path, own: own}
	return c.recover()
}

func (c *Claim) recover() error {
	a, err := c.s.Artifact(c.Key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !unreadable(err) {
		return err // no descriptor is left, say: whether it was committed shows later
	}
	if err == nil && a.Claim == c.Worker && c.s.bringBack(a.SHA256) == nil && c.s.checkBlob(a) == nil {
		c.s.log.Info("an orphan had been committed", "key", c.Key)
		e := job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}
		if last, ok := c.Job.Newest(job.Done); ok && last.Sha256 == a.SHA256 && c.Job.Events[len(c.Job.Events)-1].Kind == job.Done {
			return c.toDone() // the crash came before the last rename
		}
		return c.finish(e)
	}
	if leave(&c.Job).Via == viaPut { // of an earlier server, whose puts were claims
		return c.Fail("put: it broke off, for its server or verb has died: carry it in again")
	}
	c.s.log.Info("an orphan goes back to queue/", "key", c.Key)
	return c.PutBack("its worker has died")
}

// foreign reports whether the newest claim of a job was another host's. A claim
// of this start of the machine was made here, whatever the host or container was
// called then; one under this name was made here before a start.
func (s *Store) foreign(j *job.Job) bool {
	e, ok := j.Newest(job.Claim)
	if !ok {
		return false // the owner died between its rename and its first line
	}
	words := strings.Fields(e.Text)
	n := len(words)
	return n == 0 || words[0] != s.host && (n < 2 || words[n-2] != s.boot)
}

// recoverNames gives jobs that an operator moved out of active/, while no
// owner lived to notice, the names of their new directories. In denied/ that is
// what makes it a denial.
func (s *Store) recoverNames() error {
	for _, st := range []State{Cancelled, Failed, Done, Denied} {
		names, err := s.names(string(st))
		if err != nil {
			return err
		}
		for _, name := range names {
			if stem, _, ok := splitActive(name); ok {
				s.complain("recover", s.renameFreed(st, name, stem))
			}
		}
	}
	return nil
}

func (s *Store) renameFreed(st State, name, stem string) error {
	path := s.job(st, name)
	f, err := openJob(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if lock(f) != nil || !same(f, path) {
		return nil
	}
	if st == Denied {
		return os.Rename(path, s.job(st, stem))
	}
	_, err = s.moveEnded(path, st, stem)
	return err
}

// observer remembers how long files have stood still, on this process's own
// monotonic clock: the times of the files mean nothing.
type observer struct {
	mu   sync.Mutex
	seen map[string]sighting
}

type sighting struct {
	job, part identity
	since     time.Time
}

func (o *observer) stoodStill(path, part string, long time.Duration) bool {
	now := sighting{since: time.Now()}
	var st unix.Stat_t
	if unix.Lstat(path, &st) == nil {
		now.job = identify(&st)
	}
	if unix.Lstat(part, &st) == nil {
		now.part = identify(&st)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil || len(o.seen) > 10_000 {
		o.seen = map[string]sighting{}
	}
	before, ok := o.seen[path]
	if !ok || before.job != now.job || before.part != now.part {
		o.seen[path] = now
		return long == 0
	}
	return time.Since(before.since) >= long
}
