package fsstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
)

// ClaimFor makes a job that is active from its first instant, for an artifact
// that is carried in by hand. A miss of the same key becomes that job. It is
// ErrBusy when the key is being fetched.
func (s *Store) ClaimFor(a Addition, by By) (*Claim, error) {
	by.Via = viaPut
	u, content, err := s.prepare(a, by)
	if err != nil {
		return nil, err
	}
	sub := s.about(u)
	if name := s.active(sub); name != "" {
		return nil, fmt.Errorf("%w: active/%s is being fetched now: cancel it first, or wait for it", ErrBusy, name)
	}
	c, err := s.claimMiss(u, cmp.Or(s.miss(sub), u.Key()), a, by)
	if c != nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	f, err := s.writeTemp([]byte(content), 0o660, true)
	if err != nil {
		return nil, err
	}
	c = &Claim{Key: u.Key(), Worker: newWorker(), Job: job.Parse([]byte(content)).Jobs[0], s: s, f: f, url: u}
	got, err := c.reading(len(content), c.Job.URL).take(f.Name(), c.Key)
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
func (s *Store) claimMiss(u key.URL, name string, a Addition, by By) (*Claim, error) {
	s.flushKey(name)
	f, err := openJob(s.job(Misses, name))
	if err != nil {
		return nil, err
	}
	c, err := s.claimMissFile(f, u, a, by)
	if c == nil {
		f.Close()
		if err == nil {
			err = fmt.Errorf("%w: %s is being fetched now: wait for it", ErrBusy, u.Key())
		}
	}
	return c, err
}

func (s *Store) claimMissFile(f *os.File, u key.URL, a Addition, by By) (*Claim, error) {
	if err := lock(f); err != nil {
		return nil, err
	}
	if !same(f, f.Name()) { // it was approved meanwhile
		return nil, absent(Misses, u.Key())
	}
	b, err := slurp(f, maxJobFile)
	if err != nil {
		return nil, err
	}
	if jobs := job.Parse(b).Jobs; len(jobs) > 1 || len(jobs) == 1 && !s.isJob(s.about(u), Misses, &jobs[0]) {
		return nil, absent(Misses, u.Key()) // its name is another URL's
	}
	fetch, err := key.FetchURL(a.URL)
	if err != nil {
		return nil, err
	}
	e := by.event(job.Approve)
	e.URL = pin(b, fetch)
	if err := appendWhole(f, options(a)+e.Line()); err != nil {
		return nil, err
	}
	if b, err = slurp(f, maxJobFile); err != nil {
		return nil, err
	}
	jobs := job.Parse(b).Jobs
	if len(jobs) == 0 {
		return nil, absent(Misses, u.Key()) // a power cut has emptied it
	}
	c := &Claim{Key: u.Key(), Worker: newWorker(), Job: jobs[0], s: s, f: f, url: u}
	return c.reading(len(b), c.Job.URL).take(f.Name(), u.Key())
}

// carriesIn reports whether the claim is ClaimFor's, alive or dead. A job whose
// put has failed, and that a person then moved to queue/, has no line of theirs
// until its claim writes one; the claim that failed is another then.
func (c *Claim) carriesIn() bool {
	last, _ := c.Job.Newest(job.Claim)
	own := isClaimOf(last, c.Worker)
	return leave(&c.Job).Via == viaPut && (own || !c.Job.Ended())
}

// NotWhole is why what was carried in is not all that was to come.
type NotWhole struct {
	Have, Size int64 // bytes; Size is -1 where nobody said how many
	Err        error // of its reader; nil: it ended, and has another size
}

func (e *NotWhole) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("it broke off after %d bytes: %v", e.Have, e.Err)
	}
	return fmt.Sprintf("it has %d bytes, and %d were to come", e.Have, e.Size)
}

func (e *NotWhole) Unwrap() error { return e.Err }

// WrongDigest is why whole bytes are not those that were asked for.
type WrongDigest struct{ Got, Want string }

func (e *WrongDigest) Error() string {
	return fmt.Sprintf("sha256 is %s, and %s was asked for", e.Got, e.Want)
}

// CarryIn makes what from brings the artifact of the claim's key, and ends the
// claim. size is in bytes, -1 unknown; each is told now and then how many have
// come, and an error that it returns ends the way in.
//
// With an artifact there is no error: it is held, and neither a cancel after
// the commit nor a job that can't be moved to done/ takes that back. With an
// error the part is gone, and the job is in failed/ and says why, or where an
// operator has put it (ErrLost). The error is what each returned, or holds
// *NotWhole, *WrongDigest, *kind.Mismatch, ErrInvalid (an option of the miss
// can't be taken) or ErrNoSpace, or is the disk's.
func (c *Claim) CarryIn(from io.Reader, size int64, each func(have int64) error) (*Artifact, error) {
	p, err := c.Part(context.Background(), false) // it reads none
	if err == nil {
		stop := c.keepShowingLife() // a pipe may bring nothing for hours
		err = c.receive(p, from, size, each)
		stop()
	}
	if err == nil {
		err = c.whole(p, size)
	}
	if err == nil {
		var a *Artifact
		// Of the origin nothing is known. Servers of large files have ranges; and where it can't be reached, which is why files are
		// carried in, a call that resumes would have nobody else to ask.
		if a, err = c.Publish(p, Origin{Ranges: true}); a != nil {
			c.afterCommit(err)
			return a, nil
		}
	}
	if p != nil {
		c.s.complain("part", p.Discard())
	}
	return nil, errors.Join(err, c.giveUp(err))
}

// afterCommit ends a claim whose job Publish could not move. Where the disk is
// why, recovery moves it once it can.
func (c *Claim) afterCommit(err error) {
	if errors.Is(err, ErrLost) {
		err = c.Cancelled()
	}
	c.s.complain("the job of what is held", err)
}

// giveUp ends a claim that brought no artifact. An operator may have taken the
// job away for all that why says.
func (c *Claim) giveUp(why error) error {
	err := c.Fail("put: " + key.RedactText(why.Error()))
	if errors.Is(err, ErrLost) {
		return c.Cancelled()
	}
	return err
}

func (c *Claim) receive(p *Part, from io.Reader, size int64, each func(int64) error) error {
	if why := flaw(&c.Job); why != "" {
		return fmt.Errorf("%w: %s", ErrInvalid, why)
	}
	if err := c.Reserve(max(size, 0)); err != nil {
		return err
	}
	if err := c.Start(Started{Size: size}); err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	for {
		n, err := readSome(from, buf)
		if _, werr := p.Write(buf[:n]); werr != nil {
			return werr
		}
		switch {
		case err == io.EOF:
			return each(p.Size())
		case err != nil:
			return &NotWhole{p.Size(), size, err}
		case !c.Held():
			return ErrLost
		}
		if err := each(p.Size()); err != nil {
			return err
		}
		if size < 0 { // nobody could say it before
			if err := c.Reserve(p.Size()); err != nil {
				return err
			}
		}
	}
}

// readSome fills b, for a form comes in pieces of 4 KiB, but waits for a slow
// sender no longer than a cancel may go unnoticed. io.ReadFull won't do: a
// body that ends before its boundary is ErrUnexpectedEOF to mime/multipart.
func readSome(r io.Reader, b []byte) (n int, err error) {
	for begun := time.Now(); n < len(b) && err == nil && time.Since(begun) < time.Second/2; {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

func (c *Claim) whole(p *Part, size int64) error {
	if size >= 0 && p.Size() != size {
		return &NotWhole{Have: p.Size(), Size: size}
	}
	if want := c.Job.Sha256; want != "" && !strings.EqualFold(want, p.SHA256()) {
		return &WrongDigest{p.SHA256(), want}
	}
	return c.fits(p)
}

// fits reports as a *kind.Mismatch what keeps a whole part from being what its
// URL's name says: as a download is judged, where there is no origin to blame.
func (c *Claim) fits(p *Part) error {
	if c.Job.AcceptAny || c.Job.Sha256 != "" { // these are the bytes, whatever they are
		return nil
	}
	name := kind.Name(c.URL)
	if p.Size() == 0 && kind.Binary(name) {
		return &kind.Mismatch{Why: "the file is empty", Accept: "any"}
	}
	if m := kind.Check(name, p.Head()); m != nil && p.Size() > 0 && !(c.Job.AcceptHTML && m.Accept == "text/html") {
		return m
	}
	return nil
}
