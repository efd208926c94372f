package active

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// foreignIdle is how long an orphan of another host must have stood still:
// on some shared file systems flock is the host's own affair, and a free lock
// says nothing. Its owner shows life far more often.
const foreignIdle = 10 * time.Minute

// Recover takes care of orphans, the jobs in active/ whose owner has died: the
// artifact that meta says the claim committed makes it done; any other goes back to
// queue/. It may run at any time, in any number of processes, and be
// killed itself.
func (cs *Claims) Recover() error {
	names, err := cs.tree.Names(string(tree.Active))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if err := cs.RecoverFile(name); !isOwned(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, cs.recoverNames())...)
}

// isOwned reports whether err says that a file has an owner, or is not there any more.
func isOwned(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, tree.ErrLocked)
}

// RecoverFile does so for one name in active/. It returns tree.ErrLocked where the owner lives.
func (cs *Claims) RecoverFile(name string) error {
	stem, worker, ok := tree.SplitActive(name)
	if !ok {
		return nil
	}
	path := cs.tree.JobPath(tree.Active, name)
	f, err := tree.OpenLocked(path, tree.OpenJob)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	j, own := job.Job{}, ""
	if jobs := job.Parse(b).Jobs; len(jobs) > 0 {
		j, own = jobs[len(jobs)-1], jobs[0].URL
	}
	if cs.OfOtherHost(&j) && !cs.idle.unchangedFor(path, cs.tree.Path("tmp", tree.PartName(stem, worker)), foreignIdle) { //guard:TestOrphanOfAnotherHostIsGivenTime
		return nil
	}
	c := &Claim{Key: stem, Worker: worker, Job: j, shared: &cs.shared, f: f, path: path, ownURL: own}
	return c.recover()
}

func (c *Claim) recover() error {
	a, err := c.held.Artifact(c.Key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !held.Unreadable(err) {
		return err // no descriptor is left, say: whether it was committed shows later
	}
	if err == nil &&
		a.Claim == c.Worker && //guard:TestAnOrphanOfAnotherClaimIsNotDone
		c.held.RestoreBlob(a.SHA256) == nil &&
		c.held.CheckBlob(a) == nil { //guard:TestAnOrphanIsDoneIfItIsHeld
		c.tree.Log.Info("an orphan had been committed", "key", c.Key)
		e := job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}
		if last, ok := c.Job.Newest(job.Done); ok && last.Sha256 == a.SHA256 && c.Job.Events[len(c.Job.Events)-1].Kind == job.Done {
			return c.toDone() // the crash came before the last rename
		}
		return c.finish(e)
	}
	if held.LastApproval(&c.Job).Via == held.ViaPut { // of an earlier server, whose puts were claims //guard:TestPutOfAnEarlierServerThatDied
		return c.Fail("put: it broke off, for its server or verb has died: carry it in again")
	}
	c.tree.Log.Info("an orphan goes back to queue/", "key", c.Key)
	return c.Requeue("its worker has died")
}

// OfOtherHost reports whether the newest claim of a job was another host's. A claim
// of this start of the machine was made here, whatever the host or container was
// called then; one under this name was made here before a start.
func (cs *Claims) OfOtherHost(j *job.Job) bool {
	e, ok := j.Newest(job.Claim)
	if !ok {
		return false // the owner died between its rename and its first line
	}
	words := strings.Fields(e.Text)
	n := len(words)
	return n == 0 || words[0] != cs.host &&
		(n < 2 || words[n-2] != cs.boot) //guard:TestOrphanOfThisBootIsTakenAtOnce
}

// recoverNames gives jobs that an operator moved out of active/, while no
// owner lived to notice, the names of their new directories. In denied/ that is
// what makes it a denial.
func (cs *Claims) recoverNames() error {
	for _, st := range []tree.State{tree.Cancelled, tree.Failed, tree.Done, tree.Denied} {
		names, err := cs.tree.Names(string(st))
		if err != nil {
			return err
		}
		for _, name := range names {
			if stem, _, ok := tree.SplitActive(name); ok {
				if err := cs.renameMoved(st, name, stem); !isOwned(err) {
					cs.health.Complain("recover", err)
				}
			}
		}
	}
	return nil
}

func (cs *Claims) renameMoved(st tree.State, name, stem string) error {
	path := cs.tree.JobPath(st, name)
	f, err := tree.OpenLocked(path, tree.OpenJob)
	if err != nil {
		return err
	}
	defer f.Close()
	if st == tree.Denied {
		return os.Rename(path, cs.tree.JobPath(st, stem))
	}
	_, err = cs.spool.MoveToEnded(path, st, stem)
	return err
}

// observer remembers how long files have stood still, on this process's own
// monotonic clock: the times of the files mean nothing.
type observer struct {
	mu   sync.Mutex
	seen map[string]sighting
}

type sighting struct {
	job, part tree.Identity
	since     time.Time
}

func (o *observer) unchangedFor(path, part string, long time.Duration) bool {
	now := sighting{since: time.Now()}
	var st unix.Stat_t
	if unix.Lstat(path, &st) == nil {
		now.job = tree.Identify(&st)
	}
	if unix.Lstat(part, &st) == nil {
		now.part = tree.Identify(&st)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil || len(o.seen) > 10_000 {
		o.seen = map[string]sighting{}
	}
	before, ok := o.seen[path]
	if !ok || before.job != now.job || before.part != now.part {
		o.seen[path] = now
		return long == 0
	}
	return time.Since(before.since) >= long
}
