package active

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Start notes that the first bytes of an answer have arrived, and with which
// validator they can be resumed. It is durable when it returns, before any of
// the bytes that it vouches for is kept: else a power cut could leave the bytes
// of one version under the validator of another.
func (c *Claim) Start(e Started) error {
	if !c.Owns() {
		return ErrLost
	}
	if err := c.log(job.Event{Kind: job.Start, Count: 1, Size: e.Size, ETag: e.ETag, Modified: e.Modified, Host: c.host, PID: os.Getpid(), From: e.From}); err != nil {
		return err
	}
	return c.f.Sync() //guard:TestEachStepIsSynced
}

// Previous is the artifact that is held under this key now, or nil.
func (c *Claim) Previous() *held.Artifact {
	a, err := c.held.Find(c.url)
	if err != nil || c.held.CheckBlob(a) != nil {
		return nil
	}
	return a
}

// VerifyHeld reads the blob of Previous, which may take minutes unless ctx
// ends, and reports whether it is what its name says: an origin that says
// nothing has changed speaks of the bytes that it sent.
func (c *Claim) VerifyHeld(ctx context.Context) bool {
	a := c.Previous()
	return a != nil &&
		c.held.VerifyBlob(ctx, a.SHA256) //guard:TestWhatIsRottenIsNotUnchanged
}

// Publish makes the part the artifact of the claim's key; the caller has
// checked that its bytes are whole. In order, and what a crash then means:
//
//  1. fsync of the part, rename to blobs/<digest>, fsync of blobs/ (crash: a
//     blob that nothing names, for gc; the job is an orphan and is fetched again)
//  2. rename of meta/<key>.json, fsync of meta/: the commit (crash: the
//     artifact is held; recovery sees that meta names this claim)
//  3. the blob is brought back if gc took it between 1 and 2
//  4. the job moves to done/, the miss goes
//
// No step needs undoing. With an artifact it is held, whatever the error: that
// then says why the job was not moved, ErrLost that an operator took it away
// after the commit. Without one it is not known to be held; ErrLost: an
// operator took the job away before the commit; *OvertakenError: what is held now, or
// denied, is newer than the job; ErrAdded: see there.
func (c *Claim) Publish(p *Part, o Origin) (*held.Artifact, error) {
	if p.f == nil || p.c != c {
		return nil, fs.ErrClosed
	}
	if c.hasNewOption() { //guard:TestAnOptionThatIsAddedLateCounts
		return nil, ErrAdded
	}
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
	if err := c.mayCommit(); err != nil { //guard:TestAnEvictStandsAboveWhatWaitsAndRuns
		p.close()
		return nil, &spool.OvertakenError{Why: err.Error() + "; what came has the SHA-256 " + digest + ", and is in blobs/ until gc takes it"}
	}
	a, err := c.commit(c.meta(digest, p.size, o))
	if err != nil {
		return nil, err
	}
	p.close()
	c.counts.Stat(counts.StatFetchedBytes, a.Size)
	return a, c.finish(job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: digest})
}

// meta describes what was fetched. Everything that may hold a credential is
// redacted here, so that no reader of meta/ has to.
func (c *Claim) meta(digest string, size int64, o Origin) *held.Meta {
	n, atLeast := c.Job.Misses()
	m := &held.Meta{
		URL: key.Redact(c.url.String()), URLSum: c.url.Sum(), Size: size, SHA256: digest, Fetched: tree.Now(),
		Ranges: o.Ranges, Approved: c.approval(), Misses: n, AtLeast: atLeast, Claim: c.Worker,
	}
	if asked, err := key.Parse(c.URL, key.Auto); err == nil {
		m.AskedSum = asked.Sum()
	}
	if asked := key.Redact(c.URL); o.FinalURL == "" && asked != m.URL { // carried in
		m.Asked = asked
	}
	if final := key.Redact(o.FinalURL); final != m.URL { //guard:cmd/fromcache.TestCanaries
		m.FinalURL = final
	}
	for _, u := range o.Redirects {
		m.Redirects = append(m.Redirects, key.Redact(u))
	}
	for _, n := range o.Notes {
		m.Notes = append(m.Notes, key.RedactText(n))
	}
	for name, v := range o.Header {
		if m.Header == nil {
			m.Header = map[string]string{}
		}
		m.Header[name] = key.RedactText(v)
	}
	return m
}

// MetaOf describes the artifact k that a job in done/ says was fetched for u, where its meta is lost.
// What only the origin knew is missing.
func MetaOf(k string, j job.Job, u key.URL, digest string) *held.Meta {
	last, _ := j.Newest(job.Claim)
	c := &Claim{Key: k, Worker: last.Text[max(0, len(last.Text)-16):], Job: j, URL: u.Whole(), url: u}
	return c.meta(digest, 0, Origin{})
}

func (c *Claim) approval() *held.Approval {
	e := c.Job.Approval()
	if e.Kind == "" {
		if e, _ = c.Job.Newest(job.Retry); e.Kind == "" {
			return nil
		}
	}
	return &held.Approval{Via: e.Via, Addr: e.Addr, Time: e.Time}
}

// commit writes meta over whatever was held before, and keeps its history.
func (c *Claim) commit(m *held.Meta) (*held.Artifact, error) {
	old, err := c.held.Find(c.url)
	if err == nil {
		m.AddHistory(&old.Meta)
		m.Misses += old.Misses
		m.AtLeast = m.AtLeast || old.AtLeast
	}
	if err := c.freeKey(); err != nil {
		return nil, err
	}
	if err := c.held.WriteMeta(c.Key, m); err != nil {
		return nil, err
	}
	c.dropOldName(old)
	a := &held.Artifact{Key: c.Key, Meta: *m}
	c.held.Index(a)
	return a, c.held.RestoreBlob(m.SHA256) //guard:TestPutStandsAboveACommitThatHadBegun
}

// Unchanged ends a job whose origin said 304: what is held is what the origin
// has. Only the time of the look is new.
func (c *Claim) Unchanged() error {
	if err := c.mayCommit(); err != nil { //guard:TestAnEvictStandsAboveWhatWaitsAndRuns
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
	if err := c.freeKey(); err != nil {
		return err
	}
	if err := c.held.WriteMeta(c.Key, &m); err != nil {
		return err
	}
	c.dropOldName(a)
	return c.finish(job.Event{Kind: job.Done, Count: 1, Unchanged: true, Size: m.Size, Sha256: m.SHA256})
}

// finish writes the job's last line, and moves it to done/.
func (c *Claim) finish(e job.Event) error {
	e.Time = tree.Now()
	err := c.log(e) // also into a job that was cancelled after the commit: the artifact stays, and it says so
	if err == nil {
		err = c.f.Sync() // else a power cut leaves the new name without the line //guard:TestEachStepIsSynced
	}
	if !c.Owns() {
		return ErrLost
	}
	defer c.close()
	if err != nil {
		c.health.Complain("log line", err)
		if err := c.rewrite(e); err != nil {
			return err // it stays in active/, and recovery ends it when the disk takes a line again //guard:TestDoneWaitsForItsLine
		}
	}
	return c.toDone() // where it fails, as above
}

// toDone moves the job to done/, and takes away a miss that it has answered.
func (c *Claim) toDone() error {
	if err := c.queueAdded(); err != nil { //guard:TestAURLThatIsAddedLateIsQueued
		return err
	}
	c.renameOldHistory()
	if _, err := c.spool.MoveToEnded(c.path, tree.Done, c.Key); err != nil {
		return err
	}
	return c.dropMiss()
}

// renameOldHistory gives the history that an earlier server wrote today's name: who
// looks there for what was held finds it with that of this job.
func (c *Claim) renameOldHistory() {
	for _, k := range c.artifactID().Names[1:] {
		if name := k + ".job"; tree.Exists(c.tree.JobPath(tree.Done, name)) && c.spool.MatchesFile(c.artifactID(), tree.Done, name) {
			_, err := tree.RenameFree(c.tree.JobPath(tree.Done, name), c.tree.Path(string(tree.Done), ""), c.Key)
			c.health.Complain("history of an earlier server", err)
		}
	}
}

// dropMiss takes away a miss of the URL that is held now.
func (c *Claim) dropMiss() error {
	k := c.spool.FindMiss(c.artifactID())
	if k == "" {
		return nil
	}
	if err := os.Remove(c.tree.JobPath(tree.Misses, k)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// artifactID identifies what the claim fetches. Recovery's claim has no URL: its job says it.
func (c *Claim) artifactID() spool.ArtifactID {
	if c.url.Key() != "" {
		return c.spool.IDOf(c.url)
	}
	if u, err := c.queries.Parse(c.Job.FetchURL()); err == nil {
		return c.spool.IDOf(u)
	}
	return spool.ArtifactID{Names: []string{c.Key}}
}

// rewrite puts a copy with the line in the place of a file that could not be
// appended to.
func (c *Claim) rewrite(e job.Event) error {
	b, err := tree.Slurp(c.f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	if line := e.Line(); !bytes.HasSuffix(b, []byte(line)) { // it may be the fsync that failed
		b = append(b, line...)
	}
	return c.replaceBy(b)
}
