package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
)

// ClaimFor makes a job that is active from its first instant, for an artifact
// that is carried in by hand. A miss of the same key becomes that job. It is
// ErrBusy when the key is being fetched.
func (s *Store) ClaimFor(a Addition, by By) (*Claim, error) {
	by.Via = "put"
	u, content, err := s.prepare(a, by)
	if err != nil {
		return nil, err
	}
	if name := s.activeName(u.Key()); name != "" {
		return nil, fmt.Errorf("%w: active/%s is being fetched now: cancel it first, or wait for it", ErrBusy, name)
	}
	s.flushKey(u.Key())
	c, err := s.claimMiss(u, a, by)
	if c != nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	f, err := s.writeTemp([]byte(content), 0o660, true)
	if err != nil {
		return nil, err
	}
	c = &Claim{Key: u.Key(), Worker: newWorker(), Job: job.Parse([]byte(content)).Jobs[0], s: s, f: f, url: u}
	got, err := c.take(f.Name(), c.Key)
	if got == nil {
		f.Close()
		if err == nil {
			err = fmt.Errorf("%w: %s is being fetched now: wait for it", ErrBusy, c.Key)
		}
	}
	return got, err
}

// claimMiss takes a miss from misses/ to active/ in one rename: in queue/ a
// worker would fetch what is being carried in.
func (s *Store) claimMiss(u key.URL, a Addition, by By) (*Claim, error) {
	f, err := openJob(s.job(Misses, u.Key()))
	if err != nil {
		return nil, err
	}
	c, err := s.claimMissFile(f, u, a, by)
	if c == nil {
		f.Close()
	}
	return c, err
}

func (s *Store) claimMissFile(f *os.File, u key.URL, a Addition, by By) (*Claim, error) {
	if err := lock(f); err != nil {
		return nil, err
	}
	if _, err := f.WriteString(options(a) + by.event(job.Approve).Line()); err != nil {
		return nil, err
	}
	b, err := slurp(f, maxJobFile)
	if err != nil {
		return nil, err
	}
	jobs := job.Parse(b).Jobs
	if len(jobs) == 0 {
		return nil, absent(Misses, u.Key()) // a power cut has emptied it
	}
	c := &Claim{Key: u.Key(), Worker: newWorker(), Job: jobs[0], s: s, f: f, url: u}
	return c.take(f.Name(), u.Key())
}

// Fits reports as a *kind.Mismatch what keeps a whole part from being what its
// URL's name says: as a download is judged, where there is no origin to blame.
func (c *Claim) Fits(p *Part) error {
	if c.Job.AcceptAny {
		return nil
	}
	name := kind.Name(c.URL)
	if p.Size() == 0 && c.Job.Sha256 == "" && kind.Binary(name) {
		return &kind.Mismatch{Why: "the file is empty", Accept: "any"}
	}
	if m := kind.Check(name, p.Head()); m != nil && p.Size() > 0 && !(c.Job.AcceptHTML && m.Accept == "text/html") {
		return m
	}
	return nil
}
