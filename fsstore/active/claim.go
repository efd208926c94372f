package active

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Claim is a job that this process owns: its file in active/ has a name of the claim's own and is
// flocked, so that no other worker has the job and everyone sees when its owner has died. One
// goroutine uses a Claim; Owns may be called from any. It ends once, with Publish, Unchanged,
// Retry, Defer, Requeue, Fail or Cancel. The claim of a Put has no file.
type Claim struct {
	Key    string  // of the artifact; "" for a list
	Worker string  // 16 random hex digits, new for each claim
	Job    job.Job // as it was when it was claimed, and what the claim has added
	URL    string  // to be requested: the approved one

	*shared
	f       *os.File // in active/, flocked
	path    string   // of f
	stem    string   // of its name in any directory: the key, or what stands for that of a list
	url     key.URL
	part    *Part
	written atomic.Int64 // bytes in the part

	author    string    // the person who wrote the file in queue/, or ""
	givenName string    // the name that the person gave it, without .job, or ""
	ownURL    string    // the last URL in the file when it was claimed: added options belong to it
	read      int64     // bytes of f that Job was read from
	began     time.Time // when the first bytes of the last answer came; zero: none has
	from      int64     // where in the part those bytes stand
	orig      *os.File  // another user's file, of which f is a copy, or nil
	origRead  int64     // bytes of orig that have been copied
}

// Claim takes the job queue/<name>. It returns nil and no error where there is nothing to do under
// that name now: another worker has it, its key is being fetched, it is not due or not written to
// its end, it was a list and is now a job for each URL, or it was bad and is in failed/. The rename
// into active/ decides. A crash after that leaves an orphan for Recover.
func (cs *Claims) Claim(name string) (*Claim, error) {
	if !tree.IsQueueName(name) ||
		cs.spool.IsBeingWritten(name) { //guard:fsstore/spool.TestAListThatIsOpenIsLeftAlone
		return nil, nil
	}
	f, err := tree.OpenLocked(cs.tree.JobPath(tree.Queue, name), tree.OpenJob)
	if err == nil {
		var c *Claim
		if c, err = cs.claimFile(f, name); c != nil {
			return c, nil
		}
		f.Close()
	} else if !isOwned(err) {
		err = cs.spool.RefuseUnreadable(name, err)
	}
	if isOwned(err) {
		return nil, nil
	}
	return nil, err
}

// claimFile claims an open and locked file of queue/.
func (cs *Claims) claimFile(f *os.File, name string) (*Claim, error) {
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
	c := cs.newClaim(f, name, parsed.Jobs, len(b))
	if len(parsed.Jobs) > 1 {
		return nil, c.claimBatch(name, parsed)
	}
	return c.claimOne(name)
}

// newClaim returns the claim of a file in queue/ whose first read bytes hold these jobs. It owns
// the file once take has renamed it.
func (cs *Claims) newClaim(f *os.File, name string, jobs []job.Job, read int) *Claim {
	c := &Claim{
		Worker: tree.RandomID(), Job: jobs[0], shared: &cs.shared, f: f,
		author: spool.ApproverOf(f, jobs), ownURL: jobs[len(jobs)-1].URL, read: int64(read),
	}
	if stem := tree.StemOf(name); !key.Valid(stem) {
		c.givenName = stem
	}
	return c
}

func (c *Claim) claimOne(name string) (*Claim, error) {
	u, why := c.urlToFetch()
	if why == "" {
		if c.spool.FindActive(c.spool.IDOf(u)) != "" { //guard:TestOneClaimAKey
			return nil, nil
		}
		if err := c.spool.CheckOvertaken(&c.Job, u); err != nil { //guard:TestAnEvictStandsAboveWhatWaitsAndRuns
			why = err.Error()
		}
	}
	if why != "" {
		return nil, c.spool.Refuse(c.f, name, why)
	}
	c.Key, c.stem, c.url = u.Key(), u.Key(), u
	return c.take(name)
}

// urlToFetch returns the URL that the job fetches, or why it may not be fetched.
func (c *Claim) urlToFetch() (u key.URL, why string) {
	fetch := c.Job.FetchURL()
	u, err := c.queries.Parse(fetch)
	if err != nil {
		return u, err.Error()
	}
	if key.HasUserInfo(fetch) { //guard:TestBadJobsAreSetAside
		return u, "the URL holds a user name or password: " +
			"put credentials into the --origins directory instead"
	}
	if first, err := c.queries.Parse(c.Job.URL); err == nil && first.Sum() != u.Sum() && !c.Job.ApprovalNamesURL() { //guard:fsstore/spool.TestANameIsNoIdentity
		return u, "the URL that was recorded last is of another artifact than the URL in line 1" +
			" (its line may have been cut off, or an earlier server took the two for one):" +
			" take that line out, then move this file back to queue/"
	}
	if d := c.spool.DenialOf(u); d != "" { //guard:TestBadJobsAreSetAside
		return u, "denied/" + d + " denies this URL: remove that file, then move this one back to queue/"
	}
	return u, ""
}

// take renames queue/<name> to a name of the claim's own. Two workers never make the same name, so
// the rename that comes first has won.
func (c *Claim) take(name string) (*Claim, error) {
	own := tree.ActiveJobName(c.stem, c.Worker)
	c.path = c.tree.JobPath(tree.Active, own)
	if err := os.Rename(c.tree.JobPath(tree.Queue, name), c.path); err != nil && !tree.Exists(c.path) { //guard:cmd/fromcache-torture.TestKill
		return nil, err
	}
	if !c.Owns() { // an editor saved over it at this moment //guard:TestAnEditorSavesOverAClaim
		return nil, c.moveToQueue()
	}
	if c.hasRival(own) {
		return nil, c.moveToQueue()
	}
	err := c.copyUnlessOurs()
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

// hasRival reports whether another claim of the same key came in beside this one. Of two, the one
// that looks last sees the other and can't know whether the other has seen it, so it goes back.
// When both go back, the next tick decides.
func (c *Claim) hasRival(own string) bool {
	names, err := c.tree.Names(string(tree.Active))
	if err != nil {
		return true
	}
	for _, name := range names {
		if stem, _, ok := tree.SplitActive(name); ok && stem == c.stem && name != own { //guard:TestOfTwoClaimsAtOnceTheLaterGoesBack
			return true
		}
	}
	return false
}

func (c *Claim) moveToQueue() error {
	_, err := tree.RenameFree(c.path, c.tree.Dir(tree.Queue), c.stem)
	return err
}

// copyUnlessOurs has the claim go on with a copy of its file in three cases: another user made the
// file, and the group's umask may forbid us to append; the file has a second name, perhaps outside
// of the data directory, where our lines would appear too; or the log is long, of which the copy
// leaves out what says nothing new.
func (c *Claim) copyUnlessOurs() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(c.f.Fd()), &st); err != nil {
		return err
	}
	long := key.Valid(c.Key) && st.Size > job.MissRoom
	if int(st.Uid) == os.Geteuid() && st.Mode&0o200 != 0 &&
		st.Nlink == 1 && //guard:TestHardLinksLeadNowhere
		!long {
		return c.f.Chmod(0o660)
	}
	b, err := tree.Slurp(c.f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	n := min(c.read, int64(len(b)))
	text, added := b[:n:n], b[n:]
	if long {
		text = job.Compact(text) //guard:TestWaitIsNoAttempt
	}
	orig, err := c.replaceFile(append(text, added...))
	if err != nil {
		return err
	}
	c.read = int64(len(text))
	if st.Nlink == 1 {
		c.orig, c.origRead = orig, int64(len(b))
	} else {
		orig.Close()
	}
	return nil
}

// logClaim adds what the log lacks: the approval that a shell mv left out, which names the URL to
// be fetched, and the line of this claim.
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

// claimEvent is the claim's own line: its host and process, the version that is held now, this
// start of the machine, and the worker.
func (c *Claim) claimEvent() job.Event {
	words := []string{c.hosts.Name, strconv.Itoa(os.Getpid())}
	if c.Key != "" {
		if version := c.spool.HeldVersion(c.url); version != "" {
			words = append(words, spool.HeldPrefix+version)
		}
	}
	words = append(words, c.hosts.Boot, c.Worker)
	return job.Event{Time: tree.Now(), Kind: job.Claim, Count: 1, Text: strings.Join(words, " ")}
}

// maxBatchLog is how much the log of a list may have beyond that of a job, for a list may itself be
// larger than any log.
const maxBatchLog = tree.MaxJobFile

// log appends an event to the file and to c.Job. A file that is full takes no more events.
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

// Path is where the job's file lies, for a program that reads it.
func (c *Claim) Path() string { return c.path }

// Owns reports whether the job is still this claim's. Once an operator has moved or removed its
// file it is not: end the download and call Cancel. Owns must not run beside a call that ends the
// claim.
func (c *Claim) Owns() bool { return tree.StillNames(c.f, c.path) }

// Heartbeat tells other hosts that the claim's owner lives. Where flock works on one host only,
// they take a claim for an orphan when its job and its part stand still, as they do while a part is
// read for minutes. Once a minute is enough. It must not run beside a call that ends the claim.
func (c *Claim) Heartbeat() {
	t := unix.NsecToTimespec(time.Now().UnixNano())
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, c.path, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW) //guard:TestNoOrphanShowsLife
}

// isOwned reports whether err says that a file has an owner, or is not there any more.
func isOwned(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, tree.ErrLocked)
}
