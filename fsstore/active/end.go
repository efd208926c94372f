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

// Retry puts the job back into queue/ after an attempt that failed, due at
// after. Its part stays for a resume.
func (c *Claim) Retry(reason string, after time.Time) error {
	return c.requeue(job.Event{Kind: job.Error, Count: 1, Text: reason, After: after})
}

// Defer puts the job back into queue/, due at after; it counts as no attempt.
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
	c.syncPart() //guard:TestAPartAfterAPowerCut
	if !c.Owns() {
		return ErrLost
	}
	if key.Valid(c.Key) { // a list goes back whole //guard:TestAURLThatIsAddedLateIsQueued
		c.health.Complain("what was added to a job", c.queueAdded())
	}
	if err := c.log(e); err != nil {
		c.health.Complain("log line", err)
	}
	if e.Kind == job.Error && c.logFull() { //guard:TestAFullLogEnds
		return c.Fail("the job's log is full after many attempts: look at it, rm it, and add its URL anew")
	}
	err := c.moveToQueue()
	spool.UnlockQueued(c.f)
	c.close()
	return err
}

// logFull: a job that can't count its attempts any more must not go on for ever.
// Waits are no attempts, and the next claim drops them.
func (c *Claim) logFull() bool {
	info, err := c.f.Stat()
	return err == nil && key.Valid(c.Key) && info.Size() > job.MaxFile-1<<10
}

// Fail gives the job up: it goes to failed/, and its last line says why. One that
// was given an option meanwhile goes back to queue/.
func (c *Claim) Fail(reason string) error {
	if c.hasNewOption() {
		return c.Requeue(reason + "; " + ErrAdded.Error())
	}
	return c.failAs(c.Key, reason)
}

func (c *Claim) failAs(stem, reason string) error {
	c.syncPart() //guard:TestEachStepIsSynced
	if !c.Owns() {
		return ErrLost
	}
	if key.Valid(c.Key) {
		c.health.Complain("what was added to a job", c.queueAdded())
	}
	err := c.log(job.Event{Kind: job.Failed, Count: 1, Text: reason})
	if err = errors.Join(err,
		c.f.Sync()); err != nil { // the last line says why, after a power cut too //guard:TestEachStepIsSynced
		c.health.Complain("log line", err)
	}
	defer c.close()
	_, err = c.spool.MoveToEnded(c.path, tree.Failed, stem)
	return err
}

// Cancel ends a claim whose file an operator moved or removed. The job goes to
// cancelled/<key>.job from wherever it is now. One that was removed goes there as a copy, unless a
// verb had cancelled it, because then it was cleared since. A job that was moved back into queue/
// stays there, and one that another worker has claimed since is left to that worker.
func (c *Claim) Cancel() error {
	defer c.close()
	st, name := tree.Active, tree.Base(c.path)
	if !c.Owns() {
		st, name = c.findFile(c.f)
	}
	moved := name == "" || c.tree.JobPath(st, name) != c.path
	if moved && (st == tree.Queue || c.claimedSince(name)) { //guard:TestTakenForAnOrphan
		return nil
	}
	c.syncPart() //guard:TestEachStepIsSynced
	log, err := tree.Slurp(c.f, tree.MaxJobFile)
	switch {
	case !moved: // a look at its file had failed
		return c.moveToQueue()
	case st == tree.Denied:
		return os.Rename(c.tree.JobPath(st, name), c.tree.JobPath(tree.Denied, c.Key))
	case name != "":
		if err == nil && !cancelledByVerb(log) {
			c.spool.LogLine(c.f, cancelledInShell())
		}
		_, err = c.spool.MoveToEnded(c.tree.JobPath(st, name), tree.Cancelled, c.Key)
		return err
	case err != nil || cancelledByVerb(log):
		return err
	}
	return c.spool.WriteEnded(string(log)+cancelledInShell().Line(), tree.Cancelled, c.Key)
}

// cancelledInShell is the line that an mv or rm in a shell leaves out.
func cancelledInShell() job.Event { return spool.Operator{Via: "shell"}.Event(job.Cancelled) }

// claimedSince reports whether another worker has claimed the job since, as its name in active/ or
// its log says: it was moved back into queue/, or another host took it for an orphan.
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

// cancelledByVerb reports whether a verb wrote its line since the job was claimed.
// The worker may have written more before it noticed.
func cancelledByVerb(b []byte) bool {
	return spool.NewestEvent(b, job.Cancelled, job.Claim, job.Retry).Kind == job.Cancelled
}

// findFile looks for an open file in the spool.
func (cs *shared) findFile(f *os.File) (tree.State, string) {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink == 0 {
		return "", ""
	}
	for _, dir := range []tree.State{tree.Cancelled, tree.Queue, tree.Failed, tree.Denied, tree.Done, tree.Misses, tree.Active} {
		names, err := cs.tree.Names(string(dir))
		if err != nil {
			continue
		}
		for _, name := range names {
			if tree.StillNames(f, cs.tree.JobPath(dir, name)) {
				return dir, name
			}
		}
	}
	return "", ""
}

// close gives up the locks. A part stays where it is, for whoever claims the
// key next.
func (c *Claim) close() {
	c.release()
	if c.part != nil && c.part.f != nil {
		c.part.f.Close()
		c.part.f, c.part = nil, nil
	}
	if c.orig != nil {
		c.orig.Close()
	}
	c.f.Close()
}
