package active

import (
	"errors"
	"os"
	"time"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// Recover ends the orphans in active/, the jobs whose owner has died: a job goes to done/ if meta
// says that its claim was committed, else back to queue/. It may run at any time, in any number of
// processes, and be killed itself.
func (cs *Claims) Recover() error {
	return errors.Join(append(cs.recoverNames(), cs.RecoverActive())...)
}

// RecoverActive is Recover, without a look at the directories in which jobs end.
func (cs *Claims) RecoverActive() error {
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
	return errors.Join(errs...)
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
	part := cs.tree.Path("tmp", tree.PartName(stem, worker))
	if cs.hosts.MayLive(&j, path, part) { //guard:TestOrphanOfAnotherHostIsGivenTime
		return nil
	}
	c := &Claim{
		Key: stem, stem: stem, Worker: worker, Job: j, shared: &cs.shared,
		f: f, path: path, ownURL: own,
	}
	return c.recover()
}

// recover ends an orphan. An earlier server made a claim of each put, which can't be fetched.
func (c *Claim) recover() error {
	a, err := c.held.Artifact(c.Key)
	if err == nil &&
		a.Claim == c.Worker && //guard:TestAnOrphanOfAnotherClaimIsNotDone
		c.held.CheckBlob(a) == nil { //guard:TestAnOrphanIsDoneIfItIsHeld
		c.tree.Log.Info("an orphan had been committed", "key", c.Key)
		e := job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}
		last, ok := c.Job.Newest(job.Done)
		if ok && last.Sha256 == a.SHA256 &&
			c.Job.Events[len(c.Job.Events)-1].Kind == job.Done {
			return c.toDone() // the crash came before the last rename
		}
		return c.finish(e)
	}
	if c.Job.ApprovalOrRetry().Via == held.ViaPut { //guard:TestPutOfAnEarlierServerThatDied
		return c.Fail("put: it broke off, for its server or verb has died: carry it in again")
	}
	c.tree.Log.Info("an orphan goes back to queue/", "key", c.Key)
	return c.Requeue("its worker has died")
}

// ending is a directory in which jobs end, as Recover has seen it.
type ending struct {
	seen   tree.DirSeen
	again  bool // some names are to be looked at again, or all
	many   bool
	listed time.Time
}

// A directory with more names than manyNames, which take a second for a million, is listed once in
// restMany at most.
const (
	manyNames = 100_000
	restMany  = 2 * time.Minute
)

// recoverNames renames jobs that an operator moved out of active/ after their owner had died, as
// the owner would have done. In denied/ a file denies only by its right name. It lists a directory
// only where names may have come.
func (cs *Claims) recoverNames() (errs []error) {
	cs.endings.Lock()
	defer cs.endings.Unlock()
	for i, st := range []tree.State{tree.Cancelled, tree.Failed, tree.Done, tree.Denied} {
		e := &cs.ends[i]
		differ, err := e.seen.NamesMayDiffer(cs.tree, string(st))
		e.again = e.again || differ || err != nil
		if err == nil && e.again && !(e.many && time.Since(e.listed) < restMany) {
			err = cs.recoverNamesIn(st, e)
		}
		errs = append(errs, err)
	}
	return errs
}

func (cs *Claims) recoverNamesIn(st tree.State, e *ending) error {
	n := 0
	e.again, e.listed = false, time.Now()
	err := cs.tree.EachNames(string(st), func(names []string) error {
		n += len(names)
		for _, name := range names {
			stem, _, ok := tree.SplitActive(name)
			if !ok {
				continue
			}
			err := cs.renameMoved(st, name, stem)
			e.again = e.again || err != nil //guard:TestMovedWhileItsWorkerLived
			if !isOwned(err) {
				cs.health.Complain("recover", err)
			}
		}
		return nil
	})
	e.many = n > manyNames
	e.again = e.again || err != nil
	return err
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
