package active

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Claim is a job that this process owns: its file in active/ has a name of the
// claim's own and is flocked, so that no other worker has it, and everyone can
// see when its owner has died. One goroutine uses it; Owns may be called from
// any. It ends with Publish, Unchanged, Retry, Defer, Requeue, Fail or
// Cancel, once. That of a Put has no file.
type Claim struct {
	Key    string  // of the artifact
	Worker string  // 16 random hex digits, new for each claim
	Job    job.Job // as it was when it was claimed, and what the claim has added
	URL    string  // to be requested: what was approved

	*shared
	f       *os.File // in active/, flocked
	path    string
	url     key.URL
	author  string // of a file that a person wrote
	part    *Part
	written atomic.Int64 // bytes in the part

	ownURL         string   // the URL of line 1, as it stands there
	givenName      string   // the name that a person gave the file in queue/, without .job
	read, origRead int64    // bytes of f, and of orig, that Job tells of
	orig           *os.File // another user's file, of which f is a copy
}

// Claim takes the job queue/<name>. nil and no error: there is nothing to do
// under that name now, because another worker has it, its key is being
// fetched, it is not due or not written whole, it was a batch and is now its
// URLs, or it was bad and is in failed/. The claim's rename is what decides;
// a crash after it leaves an orphan for Recover.
func (cs *Claims) Claim(name string) (*Claim, error) {
	if !tree.IsQueueName(name) ||
		cs.spool.IsBeingWritten(name) { //guard:TestAListThatIsOpenIsLeftAlone
		return nil, nil
	}
	f, err := tree.OpenJob(cs.tree.JobPath(tree.Queue, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, cs.spool.RefuseUnreadable(name, err)
	}
	c, err := cs.claimFile(f, name)
	if c == nil {
		f.Close()
	}
	if errors.Is(err, tree.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return c, err
}

func (cs *Claims) claimFile(f *os.File, name string) (*Claim, error) {
	if err := tree.Lock(f); err != nil { //guard:TestOrphans
		return nil, err
	}
	b, err := tree.Slurp(f, tree.MaxJobFile+1)
	if err != nil {
		return nil, err
	}
	if len(b) <= tree.MaxJobFile && cs.spool.IsHalfWritten(f, name, b) {
		return nil, nil
	}
	parsed := job.Parse(b)
	if spool.NotYetDue(parsed.Jobs) { //guard:TestAListOfWhatIsDueGrowsOld
		return nil, nil
	}
	if why := spool.WhyNoJob(parsed, b, name); why != "" {
		return nil, cs.spool.Refuse(f, name, why)
	}
	if len(parsed.Jobs) > 1 {
		return nil, cs.claimBatch(f, name, parsed, len(b))
	}
	return cs.claimOne(f, name, parsed.Jobs[0], len(b))
}

func (cs *Claims) claimOne(f *os.File, name string, j job.Job, read int) (*Claim, error) {
	fetch := j.FetchURL()
	u, err := cs.queries.Parse(fetch)
	if err != nil {
		return nil, cs.spool.Refuse(f, name, err.Error())
	}
	if key.HasUserInfo(fetch) { //guard:TestBadJobsAreSetAside
		return nil, cs.spool.Refuse(f, name, "the URL holds a user name or password: put credentials into the --origins directory instead")
	}
	if first, err := cs.queries.Parse(j.URL); err == nil && first.Sum() != u.Sum() && !j.ApprovalNamesURL() { //guard:fsstore/spool.TestANameIsNoIdentity
		return nil, cs.spool.Refuse(f, name, "the URL that was recorded last is of another artifact than the first line, as where a line was cut off or the rule of an earlier server took two for one: take that line out, then move this file back to queue/")
	}
	if d := cs.spool.DenialOf(u); d != "" { //guard:TestBadJobsAreSetAside
		return nil, cs.spool.Refuse(f, name, "denied/"+d+" denies this URL: remove that file, then move this one back to queue/")
	}
	id := cs.spool.IDOf(u)
	if cs.spool.FindActive(id) != "" { //guard:TestOneClaimAKey
		return nil, nil
	}
	if err := cs.spool.CheckOvertaken(&j, u); err != nil { //guard:TestAnEvictStandsAboveWhatWaitsAndRuns
		return nil, cs.spool.Refuse(f, name, err.Error())
	}
	c := &Claim{Key: u.Key(), Worker: tree.RandomID(), Job: j, shared: &cs.shared, f: f, url: u, author: spool.ApproverOf(f, []job.Job{j}), givenName: listName(name)}
	return c.reading(read, j.URL).take(cs.tree.JobPath(tree.Queue, name), c.Key)
}

// take renames from to a name of the claim's own: two workers can never make
// the same name, so whichever rename comes first has won.
func (c *Claim) take(from, stem string) (*Claim, error) {
	c.path = c.tree.JobPath(tree.Active, tree.ActiveJobName(stem, c.Worker))
	if err := os.Rename(from, c.path); err != nil && !tree.Exists(c.path) { //guard:cmd/fromcache-torture.TestKill
		return nil, err
	}
	if !tree.StillNames(c.f, c.path) { // an editor saved over it at this moment //guard:TestAnEditorSavesOverAClaim
		return nil, c.moveToQueue()
	}
	if c.hasRival(stem) {
		return nil, c.moveToQueue()
	}
	err := c.makeOwn()
	if err == nil {
		err = c.logClaim()
	}
	if err != nil { // a full disk, most likely: nothing is claimed
		err = errors.Join(err, c.moveToQueue())
		c.f.Close()
		return nil, err
	}
	return c, nil
}

// hasRival reports whether another claim of the same key came in beside this
// one. Whichever of two looks last sees the other; it can't know whether the
// other saw it, so it goes back. When both go back, the next tick decides.
func (c *Claim) hasRival(stem string) bool {
	names, err := c.tree.Names(string(tree.Active))
	if err != nil {
		return true
	}
	own := tree.ActiveJobName(stem, c.Worker)
	for _, name := range names {
		if other, _, ok := tree.SplitActive(name); ok && other == stem && name != own { //guard:TestOfTwoClaimsAtOnceTheLaterGoesBack
			return true
		}
	}
	return false
}

func (c *Claim) moveToQueue() error {
	stem, _, _ := tree.SplitActive(tree.Base(c.path))
	_, err := tree.RenameFree(c.path, c.tree.Path(string(tree.Queue), ""), stem)
	return err
}

// makeOwn replaces by a copy a file that another user made, for a group's umask
// may let us move it, yet not append to it; one that has a second name, which
// may be outside of the tree: what we append would stand there too; and a long
// log, of which the copy leaves out what is idle.
func (c *Claim) makeOwn() error {
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	long := key.Valid(c.Key) && info.Size() > job.MissRoom
	if ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o200 != 0 &&
		st.Nlink == 1 && //guard:TestHardLinksLeadNowhere
		!long {
		return c.f.Chmod(0o660)
	}
	b, err := tree.Slurp(c.f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	n := min(c.read, int64(len(b)))
	b, since := b[:n:n], b[n:]
	if long {
		b = job.Compact(b) //guard:TestWaitingIsNoAttempt
	}
	c.read = int64(len(b))
	own, err := c.tree.WriteTemp(append(b, since...), 0o660, true)
	if err != nil {
		return err
	}
	if err := tree.RenameOver(own, c.path); err != nil {
		return err
	}
	if st != nil && st.Nlink > 1 {
		c.f.Close()
	} else {
		c.orig, c.origRead = c.f, n+int64(len(since))
	}
	c.f = own
	return nil
}

// logClaim completes the log: the line that a shell mv left out, which pins the
// URL, and this claim's host and process.
func (c *Claim) logClaim() error {
	if !c.Job.Approved() {
		e := spool.Operator{Via: "shell", Addr: c.author}.Event(job.Approve)
		if c.Job.Ended() {
			e.Kind = job.Retry
		} else if len(c.Job.URLs()) > 1 {
			e.URL = c.Job.FetchURL()
		}
		if err := c.log(e); err != nil {
			return err
		}
	}
	var err error
	if c.URL, err = key.FetchURL(c.Job.FetchURL()); err != nil && c.Key != "" {
		return err
	}
	return c.log(c.claimEvent())
}

// claimEvent is the claim's own line.
func (c *Claim) claimEvent() job.Event {
	text := c.host + " " + strconv.Itoa(os.Getpid()) + c.heldText() + " " + c.boot + " " + c.Worker
	return job.Event{Time: tree.Now(), Kind: job.Claim, Count: 1, Text: text}
}

// heldText is what the claim's line says of what is held.
func (c *Claim) heldText() string {
	if m := c.spool.HeldVersion(c.url); m != "" && c.Key != "" {
		return " " + spool.HeldPrefix + m
	}
	return ""
}

// log appends an event to the job, for its reader and for the claim itself.
func (c *Claim) log(e job.Event) error {
	if e.Time.IsZero() {
		e.Time = tree.Now()
	}
	c.Job.Add(e)
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	line := e.Line()
	if !strings.HasSuffix(line, "\n") || info.Size()+int64(len(line)) > job.MaxFile+maxBatchLog {
		return nil
	}
	_, err = c.f.WriteString(spool.MissingNewline(c.f, info) + line)
	return err
}

// maxBatchLog: a batch may be larger than any log, and still gets its own.
const maxBatchLog = tree.MaxJobFile

// Path is where the job's file lies, for a program that reads it.
func (c *Claim) Path() string { return c.path }

// Owns reports whether the job is still this claim's: false once an operator
// has moved or removed its file. Then end the download and call Cancel. It
// must not run beside a call that ends the claim.
func (c *Claim) Owns() bool { return tree.StillNames(c.f, c.path) }

// Heartbeat tells other hosts that the claim's owner lives, for where flock is
// each host's own affair they go by what stands still: who reads for longer than
// a few minutes writes to neither its job nor its part. Once a minute is enough.
// It must not run beside a call that ends the claim.
func (c *Claim) Heartbeat() {
	t := unix.NsecToTimespec(time.Now().UnixNano())
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, c.path, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW) //guard:TestNoOrphanShowsLife
}

// dropOldName ends the life of what is held for this claim's URL under another
// name, once the same is held under the name of today: an evict must find it in
// one place. A crash before leaves both, of which the newer is served.
func (c *Claim) dropOldName(old *held.Artifact) {
	if old == nil || old.Key == c.Key {
		return
	}
	if err := os.Remove(c.tree.Path("meta", old.Key+".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.health.Complain("meta of an earlier rule", err)
	}
	if h, ok := c.held.LastRecord(old.Key); ok && !h.Evicted { // else fsck takes it for lost
		c.health.Complain("the line of an evict", c.verbs.AppendRecord(old.Key, spool.Operator{Via: "renamed"}.Event(job.Evicted)))
	}
	tree.RenameNew(c.tree.Path("hits", old.Key), c.tree.Path("hits", c.Key)) // a count, and no more
}

// setURL has a meta that goes on under this claim's key say of what URL that is
// the key. For what it was fetched it says as before.
func (c *Claim) setURL(m *held.Meta) {
	asked := m.AskedURL()
	m.URL, m.URLSum = key.Redact(c.url.String()), c.url.Sum()
	if m.AskedURL() != asked {
		m.Asked = asked
	}
	if u, err := key.Parse(c.URL, key.Auto); err == nil { // which it was: else nothing was asked under a condition
		m.AskedSum = u.Sum()
	}
}

// freeKey gives what is held under this claim's key for another URL, by a rule
// that has changed since, the name that it has by the table alone.
func (c *Claim) freeKey() error {
	there, err := c.held.Artifact(c.Key)
	if err != nil || c.held.IsFor(there, c.url) || there.AskedSum == "" || there.AskedSum == there.URLSum {
		return nil
	}
	table, err := key.ParseRedacted(there.AskedURL(), key.Auto, nil)
	if err != nil {
		return nil
	}
	m := there.Meta
	m.URL, m.URLSum = table.String(), there.AskedSum
	err = c.held.WriteNewMeta(key.CurrentName(table.OldKey(), m.URLSum), &m)
	if errors.Is(err, fs.ErrExist) { //guard:TestListOfAFullName
		return nil
	}
	return err
}
