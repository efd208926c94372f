package active

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

// Put makes what it reads from a reader the artifact of a URL: a file that an operator carried in.
// size is in bytes, -1 unknown. Put calls progress now and then with the number of bytes that have
// come, and ends with the error that progress returns.
//
// The bytes go to a file in tmp/. A put that fails or is killed leaves nothing else, and gc removes
// that after a day. The commit is that of Publish. Then the jobs of the URL in queue/ and active/
// go to cancelled/, because they were approved before; done/ gets a job with the history of the
// URL's miss; and the miss is removed. A crash after the commit leaves an artifact without a job in
// done/.
//
// With an artifact the error is nil: it is held, whatever became of its job. Else the error is that
// of progress or of the disk, or holds *kind.NotWhole, *kind.WrongDigest, *kind.Mismatch, ErrInvalid (an
// option of the miss can't be taken), ErrDenied or ErrNoSpace.
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
	c.writeDone(history, art, "")
	return art, nil
}

// put is the claim of a Put. It has no file in active/.
type put struct{ *Claim }

// newPut returns the claim, and the text of its job so far: that of the URL's miss, whose options
// count, and the approval.
func (cs *Claims) newPut(a verbs.Addition, by spool.Operator) (put, string, error) {
	u, history, err := cs.verbs.PrepareJob(a, by)
	if err != nil {
		return put{}, "", err
	}
	if k := cs.spool.FindMiss(cs.spool.IDOf(u)); k != "" {
		cs.misses.FlushRepeatsOf(k)
		b, err := tree.ReadFile(cs.tree.JobPath(tree.Misses, k), tree.MaxJobFile)
		if err == nil && len(job.Parse(b).Jobs) == 1 {
			history = verbs.ApprovedMiss(b, a, by)
		}
	}
	c := put{&Claim{
		Key: u.Key(), Worker: tree.RandomID(), Job: job.Parse([]byte(history)).Jobs[0], shared: &cs.shared, url: u,
	}}
	if why := spool.WhyBadOption(&c.Job); why != "" { //guard:TestPutForAMissWithOptions
		return put{}, "", fmt.Errorf("%w: %s", spool.ErrInvalid, why)
	}
	c.URL, err = key.FetchURL(c.Job.FetchURL())
	return c, history + c.claimEvent().Line(), err
}

// putPart makes the part of a put. Its name is not that of a part, so that no claim adopts it.
func (c put) putPart() (*Part, error) {
	f, err := c.tree.WriteTemp(nil, 0o660, false)
	if err != nil {
		return nil, err
	}
	return &Part{c: c.Claim, f: f, path: f.Name(), sum: sha256.New()}, nil
}

// publishPut commits a whole part, and cancels the jobs of its URL that were approved before.
func (c put) publishPut(p *Part, by spool.Operator) (*held.Artifact, error) {
	if err := p.seal(); err != nil {
		return nil, err
	}
	digest, err := p.toBlob()
	if err != nil {
		return nil, err
	}
	// Nothing is known of the origin. Most servers of large files have ranges; and files are
	// carried in where the origin can't be reached, so that a client can resume from nobody else.
	a, err := c.commitPut(by, func() *held.Meta { return c.meta(digest, p.size, held.Origin{Ranges: true}) })
	if err == nil {
		c.count(a.Size, 0, held.Origin{})
	}
	return a, err
}

// commitPut commits what meta returns, and cancels the jobs of the URL that were approved before. A
// worker may be committing at this moment. CancelSuperseded waits for it; where the worker's commit
// came last, the put commits again.
func (c put) commitPut(by spool.Operator, meta func() *held.Meta) (*held.Artifact, error) {
	if d := c.spool.DenialOf(c.url); d != "" {
		return nil, fmt.Errorf("%w: denied/%s denies this URL by now", spool.ErrDenied, d)
	}
	a, err := c.commit(meta())
	if err != nil {
		return nil, err
	}
	const why = "a file was carried in for it since; retry to fetch it all the same"
	err = c.verbs.CancelSuperseded(c.artifactID(), why, by, tree.Queue, tree.Active) //guard:TestPutEndsWhatIsFetched
	c.health.Complain("what was to be fetched", err)
	if last, err := c.held.Find(c.url); err == nil && last.Claim != c.Worker { //guard:TestPutStandsAboveACommitThatHadBegun
		return c.commit(meta())
	}
	return a, nil
}

// PutBlob is Put of bytes that are in blobs/ already, from a cache that held them, which from names.
// describe completes what their meta says. It does not judge what kind of file they are.
func (cs *Claims) PutBlob(a verbs.Addition, digest string, size int64, by spool.Operator, from string,
	describe func(*held.Meta)) (*held.Artifact, error) {
	c, history, err := cs.newPut(a, by)
	if err != nil {
		return nil, err
	}
	if want := c.Job.Sha256; want != "" && want != digest {
		return nil, &kind.WrongDigest{Got: digest, Want: want}
	}
	art, err := c.commitPut(by, func() *held.Meta {
		m := c.meta(digest, size, held.Origin{Ranges: true})
		describe(m)
		return m
	})
	if err != nil {
		return nil, err
	}
	c.writeDone(history, art, from)
	return art, nil
}

// writeDone writes the job of a put into done/, whose last line says text, and removes the miss that
// it has answered. A failure of either is a trouble of the server, because the artifact is held.
func (c put) writeDone(history string, a *held.Artifact, text string) {
	done := job.Event{Time: tree.Now(), Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256, Text: text}
	c.renameOldHistory()
	err := c.spool.WriteEnded(history+done.Line(), tree.Done, c.Key)
	if err == nil {
		err = c.misses.RemoveMiss(c.artifactID())
	}
	c.health.Complain("the job of what was carried in", err)
}

// receive writes all that comes to the part.
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
			return &kind.NotWhole{Have: p.Size(), Size: size, Err: err}
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

// readSome fills b, because a form comes in pieces of 4 KiB. It waits half a second at most, so
// that an interrupt is noticed while a sender is slow. Unlike io.ReadFull it returns the reader's
// error as it is: mime/multipart says ErrUnexpectedEOF of a body that ends before its boundary.
func readSome(r io.Reader, b []byte) (n int, err error) {
	for begun := time.Now(); n < len(b) && err == nil && time.Since(begun) < time.Second/2; {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// checkWhole returns why the part may not be published. Its kind is judged as that of a download.
func (c put) checkWhole(p *Part, size int64) error {
	want := c.Job.Sha256
	switch {
	case size >= 0 && p.Size() != size:
		return &kind.NotWhole{Have: p.Size(), Size: size}
	case want != "" && !strings.EqualFold(want, p.SHA256()):
		return &kind.WrongDigest{Got: p.SHA256(), Want: want}
	case want != "" || c.Job.AcceptAny:
		return nil
	}
	m := kind.CheckFile(kind.Name(c.URL), p.Head(), c.Job.AcceptHTML)
	if m != nil { //guard:httpd.TestUploadIsJudged
		return m
	}
	return nil
}
