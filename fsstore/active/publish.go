package active

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// Start logs that the first bytes of an answer have arrived, and by which validator they can be
// resumed. It is durable when Start returns. Call it before those bytes are written: else a power
// cut could leave bytes of one version under the validator of another.
func (c *Claim) Start(e Started) error {
	if !c.Owns() {
		return ErrLost
	}
	start := job.Event{
		Kind: job.Start, Count: 1, Size: e.Size, ETag: e.ETag, Modified: e.Modified, From: e.From,
		Host: c.hosts.Name, PID: os.Getpid(),
	}
	if err := c.log(start); err != nil {
		return err
	}
	c.began, c.from = time.Now(), e.From
	return c.f.Sync() //guard:TestEachStepIsSynced
}

// Previous is the artifact that is held of the claim's URL now, or nil.
func (c *Claim) Previous() *held.Artifact {
	a, err := c.held.Find(c.url)
	if err != nil || c.held.CheckBlob(a) != nil {
		return nil
	}
	return a
}

// VerifyHeld reports whether the blob of Previous has its digest, because "not modified" is said of
// the bytes that the origin once sent. It reads the blob, which may take minutes, until ctx ends.
func (c *Claim) VerifyHeld(ctx context.Context) bool {
	a := c.Previous()
	return a != nil &&
		c.held.VerifyBlob(ctx, a.SHA256) //guard:TestWhatIsRottenIsNotUnchanged
}

// Publish makes the part the artifact of the claim's key. The caller has checked that the bytes are
// whole. The steps, and what a crash after each means:
//
//  1. fsync of the part, rename to blobs/<digest>, fsync of blobs/: a blob that nothing names, for
//     gc; the job is an orphan and is fetched again
//  2. rename of meta/<key>.json, fsync of meta/, the commit: the artifact is held; recovery sees
//     that meta names this claim
//  3. the blob comes back if gc took it between 1 and 2
//  4. the job moves to done/, and the miss is removed
//
// No step needs undoing. Where Publish returns an artifact it is held, and an error says why the
// job was not moved: ErrLost if an operator took it away after the commit. Without an artifact the
// error is ErrLost if an operator took the job away before the commit, *OvertakenError if the
// artifact or its denial is newer than the job, ErrAdded, or the disk's.
func (c *Claim) Publish(p *Part, o held.Origin) (*held.Artifact, error) {
	if p.f == nil || p.c != c {
		return nil, fs.ErrClosed
	}
	if c.hasNewOption() { //guard:TestAnOptionThatIsAddedLateCounts
		return nil, ErrAdded
	}
	took := time.Since(c.began)
	if err := p.seal(); err != nil {
		return nil, err
	}
	if !c.Owns() { //guard:TestCancelByAnyMove
		return nil, ErrLost
	}
	digest, err := p.toBlob()
	if err != nil {
		return nil, err
	}
	if err := c.checkOvertaken(); err != nil { //guard:TestAnEvictStandsAboveWhatWaitsAndRuns
		p.close()
		return nil, &spool.OvertakenError{Why: err.Error() + "; what came has the SHA-256 " + digest +
			", and is in blobs/ until gc takes it"}
	}
	a, err := c.commit(c.meta(digest, p.size, o))
	if err != nil {
		return nil, err
	}
	p.close()
	c.count(a.Size, took, o)
	return a, c.finish(job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: digest})
}

// count counts an artifact that was fetched, in all and of its host. What came from another
// fromcache does not tell how fast the origin is.
func (c *Claim) count(size int64, took time.Duration, o held.Origin) {
	add := func(name string, n int64) {
		c.counts.Stat(name, n)
		c.counts.StatOf(counts.ByHost, c.url.Host(), name, n)
	}
	add(counts.StatFetchedBytes, size)
	if len(o.Via) == 0 && !c.began.IsZero() && size > c.from {
		add(counts.StatTimedBytes, size-c.from)
		add(counts.StatTimedMillis, max(1, took.Milliseconds()))
	}
}

// checkOvertaken returns an *OvertakenError where an operator has evicted, carried in or denied the
// artifact since the job was approved. A job may wait or run for hours, and what a person has done
// meanwhile is newer than the approval. So the first claim under an approval logs what is held, and
// each later claim and the commit compare. It can't see an `rm meta/k.json` in a shell before the
// first claim.
func (c *Claim) checkOvertaken() error {
	if d := c.spool.DenialOf(c.url); d != "" {
		return &spool.OvertakenError{Why: "denied/" + d + " denies this URL by now: " +
			"remove that file, then retry this job"}
	}
	return c.spool.CheckOvertaken(&c.Job, c.url)
}

// meta describes what was fetched.
func (c *Claim) meta(digest string, size int64, o held.Origin) *held.Meta {
	f := held.Fetched{
		Job: &c.Job, URL: c.url, Asked: c.URL, Claim: c.Worker, SHA256: digest, Size: size, Origin: o,
	}
	return f.Meta()
}

// commit writes m over what was held before, and keeps the history of that.
func (c *Claim) commit(m *held.Meta) (*held.Artifact, error) {
	old, err := c.held.Find(c.url)
	if err == nil {
		m.AddHistory(&old.Meta)
		m.Misses += old.Misses
		m.AtLeast = m.AtLeast || old.AtLeast
	}
	a := &held.Artifact{Key: c.Key, Meta: *m}
	if err := c.writeMeta(m, old); err != nil {
		return nil, err
	}
	c.held.Index(a)
	return a, c.held.RestoreBlob(m.SHA256) //guard:TestCommitAfterGC
}

// writeMeta commits m under the claim's key, where old was held of its URL, or nil.
func (c *Claim) writeMeta(m *held.Meta, old *held.Artifact) error {
	if err := c.freeKey(); err != nil {
		return err
	}
	if err := c.held.WriteMeta(c.Key, m); err != nil {
		return err
	}
	c.dropOldMeta(old)
	return nil
}

// Unchanged ends a job whose origin answered 304: what is held is what the origin has. Only the
// time of the fetch is new.
func (c *Claim) Unchanged() error {
	if err := c.checkOvertaken(); err != nil { //guard:TestAnEvictStandsAboveWhatWaitsAndRuns
		return c.Fail(err.Error())
	}
	if c.hasNewOption() {
		return c.Requeue(ErrAdded.Error())
	}
	a := c.Previous()
	if a == nil {
		return c.Retry("the origin said 304, but the blob is gone meanwhile", time.Now())
	}
	m := a.Meta
	m.Fetched, m.Claim = tree.Now(), c.Worker
	c.setURL(&m)
	if !c.Owns() {
		return ErrLost
	}
	if err := c.writeMeta(&m, a); err != nil {
		return err
	}
	return c.finish(job.Event{
		Kind: job.Done, Count: 1, Unchanged: true, Size: m.Size, Sha256: m.SHA256,
	})
}

// finish logs the end, fsynced, and moves the job to done/. The log of a job that was cancelled
// after the commit says that the artifact is held, too. If the line can't be written, the job stays
// in active/, and Recover ends it later.
func (c *Claim) finish(e job.Event) error {
	e.Time = tree.Now()
	err := c.log(e)
	if err == nil {
		err = c.f.Sync() //guard:TestEachStepIsSynced
	}
	if !c.Owns() {
		return ErrLost
	}
	defer c.close()
	if err != nil {
		c.health.Complain("log line", err)
		if err := c.logInCopy(e); err != nil {
			return err //guard:TestDoneWaitsForItsLine
		}
	}
	return c.toDone()
}

// logInCopy replaces a file that could not be appended to by a copy that has the line.
func (c *Claim) logInCopy(e job.Event) error {
	b, err := tree.Slurp(c.f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	if line := e.Line(); !bytes.HasSuffix(b, []byte(line)) { // it may be the fsync that failed
		b = append(b, line...)
	}
	old, err := c.replaceFile(b)
	old.Close()
	return err
}

// toDone moves the job to done/, and removes the miss that it has answered.
func (c *Claim) toDone() error {
	if err := c.queueAdded(); err != nil { //guard:TestAURLThatIsAddedLateIsQueued
		return err
	}
	c.renameOldHistory()
	if _, err := c.spool.MoveToEnded(c.path, tree.Done, c.Key); err != nil {
		return err
	}
	return c.misses.RemoveMiss(c.artifactID())
}

// artifactID identifies the claim's artifact. A claim that Recover made knows its URL only from its
// job.
func (c *Claim) artifactID() spool.ArtifactID {
	if c.url.Key() != "" {
		return c.spool.IDOf(c.url)
	}
	if u, err := c.queries.Parse(c.Job.FetchURL()); err == nil {
		return c.spool.IDOf(u)
	}
	return spool.ArtifactID{Names: []string{c.Key}}
}
