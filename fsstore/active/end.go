package active

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Retry puts the job back into queue/ after an attempt that failed, due at after. Its part stays
// for a resume.
func (c *Claim) Retry(reason string, after time.Time) error {
	return c.requeue(job.Event{Kind: job.Error, Count: 1, Text: reason, After: after})
}

// Defer puts the job back into queue/, due at after. It does not count as an attempt.
func (c *Claim) Defer(reason string, after time.Time) error {
	return c.requeue(job.Event{Kind: job.Wait, Count: 1, Text: reason, After: after})
}

// Requeue puts the job back into queue/, due at once.
func (c *Claim) Requeue(reason string) error {
	return c.requeue(job.Event{Kind: job.Requeue, Count: 1, Text: reason})
}

func (c *Claim) requeue(e job.Event) error {
	if !e.After.IsZero() {
		e.After = e.After.UTC().Truncate(time.Second)
	}
	if err := c.prepareEnd(); err != nil { //guard:TestAPartAfterAPowerCut
		return err
	}
	if err := c.log(e); err != nil {
		c.health.Complain("log line", err)
	}
	if e.Kind == job.Error && c.logFull() { //guard:TestJobWithAFullLogFails
		return c.Fail("the job's log is full after many attempts: " +
			"look at it, rm it, and add its URL anew")
	}
	err := c.moveToQueue()
	spool.UnlockQueued(c.f)
	c.close()
	return err
}

// prepareEnd makes the part durable, and gives URLs that were added a file of their own. A list
// goes back whole.
func (c *Claim) prepareEnd() error {
	c.syncPart() //guard:TestEachStepIsSynced
	if !c.Owns() {
		return ErrLost
	}
	if key.Valid(c.Key) { //guard:TestAURLThatIsAddedLateIsQueued
		c.health.Complain("what was added to a job", c.queueAdded())
	}
	return nil
}

// logFull reports whether the log has no room for further attempts. Such a job ends, because it
// could not count them. Waits do not count: the next claim drops them.
func (c *Claim) logFull() bool {
	info, err := c.f.Stat()
	return err == nil && key.Valid(c.Key) && info.Size() > job.MaxFile-1<<10
}

// Fail gives the job up: it goes to failed/, and its last line says why. A job that was given an
// option meanwhile goes back to queue/ instead.
func (c *Claim) Fail(reason string) error {
	if c.hasNewOption() {
		return c.Requeue(reason + "; " + ErrAdded.Error())
	}
	return c.fail(reason)
}

// fail moves the job to failed/. It fsyncs the log, so that the reason is there after a power cut.
func (c *Claim) fail(reason string) error {
	if err := c.prepareEnd(); err != nil {
		return err
	}
	err := c.log(job.Event{Kind: job.Failed, Count: 1, Text: reason})
	if err = errors.Join(err,
		c.f.Sync()); err != nil { //guard:TestEachStepIsSynced
		c.health.Complain("log line", err)
	}
	defer c.close()
	_, err = c.spool.MoveToEnded(c.path, tree.Failed, c.stem)
	return err
}

// Cancel ends a claim whose file an operator moved or removed. The job goes to cancelled/<key>.job
// from wherever it is now. One that was removed goes there as a copy, unless a verb had cancelled
// it before, because then it was cleared. A job that was moved back into queue/ stays there, and
// one that another worker has claimed since is left to that worker.
func (c *Claim) Cancel() error {
	defer c.close()
	st, name := tree.Active, tree.Base(c.path)
	if !c.Owns() {
		st, name = findFile(c.tree, c.f)
	}
	now := c.tree.JobPath(st, name)
	moved := name == "" || now != c.path
	if moved && (st == tree.Queue || c.claimedSince(name)) { //guard:TestTakenForAnOrphan
		return nil
	}
	c.syncPart() //guard:TestEachStepIsSynced
	log, err := tree.Slurp(c.f, tree.MaxJobFile)
	switch {
	case !moved: // Owns could not look a moment ago
		return c.moveToQueue()
	case st == tree.Denied:
		return os.Rename(now, c.tree.JobPath(tree.Denied, c.stem))
	case name != "":
		if err == nil && !cancelledByVerb(log) {
			c.spool.LogLine(c.f, cancelledInShell())
		}
		_, err = c.spool.MoveToEnded(now, tree.Cancelled, c.stem)
		return err
	case err != nil || cancelledByVerb(log):
		return err
	}
	return c.spool.WriteEnded(string(log)+cancelledInShell().Line(), tree.Cancelled, c.stem)
}

// cancelledInShell is the line that an mv or rm in a shell leaves out.
func cancelledInShell() job.Event { return spool.Operator{Via: "shell"}.Event(job.Cancelled) }

// cancelledByVerb reports whether a verb wrote its line since the job was claimed. The worker may
// have written more lines since.
func cancelledByVerb(log []byte) bool {
	return spool.NewestEvent(log, job.Cancelled, job.Claim, job.Retry).Kind == job.Cancelled
}

// claimedSince reports whether another worker has claimed the job since: it was moved back into
// queue/, or another host took it for an orphan. The name in active/ says so before the log does,
// but where that worker works on a copy only the log does.
func (c *Claim) claimedSince(name string) bool {
	if _, worker, ok := tree.SplitActive(name); ok && worker != c.Worker { //guard:TestTakenForAnOrphanAtThisMoment
		return true
	}
	log, err := tree.Slurp(c.f, tree.MaxJobFile)
	if err != nil {
		return false
	}
	e := spool.NewestEvent(log, job.Requeue, job.Claim)
	return e.Kind == job.Requeue || e.Kind == job.Claim && !spool.IsClaimOf(e, c.Worker)
}

// findFile returns where a job's file is now, or "" where it is nowhere.
func findFile(t *tree.Tree, f *os.File) (st tree.State, name string) {
	var stat unix.Stat_t
	if unix.Fstat(int(f.Fd()), &stat) != nil || stat.Nlink == 0 {
		return "", ""
	}
	for _, st := range []tree.State{
		tree.Cancelled, tree.Queue, tree.Failed, tree.Denied, tree.Done, tree.Misses, tree.Active,
	} {
		names, err := t.Names(string(st))
		if err != nil {
			continue
		}
		for _, name := range names {
			if tree.StillNames(f, t.JobPath(st, name)) {
				return st, name
			}
		}
	}
	return "", ""
}

// close gives up the claim's locks and its room. Its part stays for the next claim of the key.
func (c *Claim) close() {
	c.release()
	if c.part != nil {
		c.part.close()
	}
	if c.orig != nil {
		c.orig.Close()
	}
	c.f.Close()
}
