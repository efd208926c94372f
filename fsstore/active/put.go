package active

import (
	"fmt"
	"io"
	"strings"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

// Put holds what from brings as the artifact of a URL: a file that an operator carried in. size is
// in bytes, -1 unknown. progress is called now and then with the number of bytes that have come; an
// error that it returns ends the put.
//
// The bytes go to a file in tmp/, which is all that a put leaves when it fails or is killed: gc
// takes it a day later. The commit is Publish's. Then the jobs of the URL in queue/ and active/ go
// to cancelled/, because they were approved before, and done/ gets a job with the history of the
// URL's miss, which goes. A crash between leaves an artifact that has no job in done/.
//
// With an artifact the error is nil: it is held whatever became of its job. Else the error is
// progress's, or holds *NotWhole, *WrongDigest, *kind.Mismatch, ErrInvalid (an option of the miss
// can't be taken), ErrDenied or ErrNoSpace, or is the disk's.
func (cs *Claims) Put(a verbs.Addition, from io.Reader, size int64, by spool.Operator, progress func(have int64) error) (*held.Artifact, error) {
	by.Via = held.ViaPut
	c, history, err := cs.newPut(a, by)
	if err != nil {
		return nil, err
	}
	defer c.release()
	p, err := c.putPart()
	if err != nil {
		return nil, err
	}
	if err = c.receive(p, from, size, progress); err == nil {
		err = c.checkWhole(p, size)
	}
	var art *held.Artifact
	if err == nil {
		art, err = c.publishPut(p, by)
	}
	if err != nil {
		cs.health.Complain("a file in tmp/", p.Discard())
		return nil, err
	}
	p.close()
	done := job.Event{Time: tree.Now(), Kind: job.Done, Count: 1, Size: art.Size, Sha256: art.SHA256}
	cs.health.Complain("the job of what was carried in", c.writeDone(history+done.Line()))
	return art, nil
}

// put is a claim that has no file in active/: an operator brings what it is to fetch.
type put struct{ *Claim }

// newPut returns the claim, and the log of its job as far as it goes: that of
// the URL's miss, whose options count, and the approval.
func (cs *Claims) newPut(a verbs.Addition, by spool.Operator) (put, string, error) {
	u, history, err := cs.verbs.PrepareJob(a, by)
	if err != nil {
		return put{}, "", err
	}
	if k := cs.spool.FindMiss(cs.spool.IDOf(u)); k != "" {
		cs.misses.FlushRepeatsOf(k)
		b, err := tree.ReadFile(cs.tree.JobPath(tree.Misses, k), tree.MaxJobFile)
		if err == nil && len(job.Parse(b).Jobs) == 1 {
			history = approvedMiss(b, a, by)
		}
	}
	c := put{&Claim{Key: u.Key(), Worker: tree.RandomID(), Job: job.Parse([]byte(history)).Jobs[0], shared: &cs.shared, url: u}}
	if why := spool.WhyBadOption(&c.Job); why != "" { //guard:TestPutForAMissWithOptions
		return put{}, "", fmt.Errorf("%w: %s", spool.ErrInvalid, why)
	}
	c.URL, err = key.FetchURL(c.Job.FetchURL())
	return c, history + c.claimEvent().Line(), err
}

// approvedMiss is the text of a miss with the lines that approve the URL of an addition.
func approvedMiss(b []byte, a verbs.Addition, by spool.Operator) string {
	e := by.Event(job.Approve)
	if fetch, err := key.FetchURL(a.URL); err == nil {
		e.URL = verbs.URLToLog(b, fetch)
	}
	return strings.TrimSuffix(string(b), "\n") + "\n" + verbs.OptionLines(a) + e.Line()
}

// putPart makes the part of a put, under a name that no claim of the key adopts.
func (c put) putPart() (*Part, error) {
	f, err := c.tree.WriteTemp(nil, 0o660, false)
	if err != nil {
		return nil, err
	}
	return newPart(c.Claim, f), nil
}

// publishPut commits a part that is whole, and ends the jobs of its URL that were approved before.
// A worker that had begun its own commit by then has let go of its job after that: where it came
// last, the put commits once more.
func (c put) publishPut(p *Part, by spool.Operator) (*held.Artifact, error) {
	if err := p.seal(); err != nil {
		return nil, err
	}
	digest, err := p.toBlob()
	if err != nil {
		return nil, err
	}
	if d := c.spool.DenialOf(c.url); d != "" {
		return nil, fmt.Errorf("%w: denied/%s denies this URL by now", spool.ErrDenied, d)
	}
	// Of the origin nothing is known. Servers of large files have ranges; and where it can't be
	// reached, which is why files are carried in, a call that resumes has nobody else to ask.
	o := Origin{Ranges: true}
	a, err := c.commit(c.meta(digest, p.size, o))
	if err != nil {
		return nil, err
	}
	const why = "a file was carried in for it since; retry to fetch it all the same"
	c.health.Complain("what was to be fetched", c.verbs.CancelSuperseded(c.artifactID(), why, by, tree.Queue, tree.Active))
	if last, err := c.held.Find(c.url); err == nil && last.Claim != c.Worker { //guard:TestPutStandsAboveACommitThatHadBegun
		a, err = c.commit(c.meta(digest, p.size, o))
		if err != nil {
			return nil, err
		}
	}
	c.counts.Stat(counts.StatFetchedBytes, a.Size)
	return a, nil
}

// writeDone writes the job of a put into done/, and takes away the miss that it has answered.
func (c put) writeDone(history string) error {
	c.renameOldHistory()
	if err := c.spool.WriteEnded(history, tree.Done, c.Key); err != nil {
		return err
	}
	return c.dropMiss()
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

func (c put) receive(p *Part, from io.Reader, size int64, progress func(int64) error) error {
	if err := c.Reserve(max(size, 0)); err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	for {
		n, err := readSome(from, buf)
		if _, werr := p.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return progress(p.Size())
		}
		if err != nil {
			return &NotWhole{p.Size(), size, err}
		}
		if err := progress(p.Size()); err != nil {
			return err
		}
		if size < 0 { // nobody could say it before
			if err := c.Reserve(p.Size()); err != nil {
				return err
			}
		}
	}
}

// readSome fills b, because a form comes in pieces of 4 KiB, but waits for a slow sender no longer
// than an interrupt may go unnoticed. io.ReadFull won't do: a body that ends before its boundary is
// ErrUnexpectedEOF to mime/multipart.
func readSome(r io.Reader, b []byte) (n int, err error) {
	for begun := time.Now(); n < len(b) && err == nil && time.Since(begun) < time.Second/2; {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

func (c put) checkWhole(p *Part, size int64) error {
	if size >= 0 && p.Size() != size {
		return &NotWhole{Have: p.Size(), Size: size}
	}
	if want := c.Job.Sha256; want != "" && !strings.EqualFold(want, p.SHA256()) {
		return &WrongDigest{p.SHA256(), want}
	}
	return c.checkKind(p)
}

// checkKind reports as a *kind.Mismatch what keeps a whole part from being what its
// URL's name says: as a download is judged, where there is no origin to blame.
func (c put) checkKind(p *Part) error {
	if c.Job.AcceptAny || c.Job.Sha256 != "" { // these are the bytes, whatever they are
		return nil
	}
	name := kind.Name(c.URL)
	if p.Size() == 0 && kind.Binary(name) {
		return &kind.Mismatch{Why: "the file is empty", Accept: "any"}
	}
	if m := kind.Check(name, p.Head()); m != nil && p.Size() > 0 && !(c.Job.AcceptHTML && m.Accept == "text/html") { //guard:httpd.TestUploadIsJudged
		return m
	}
	return nil
}
