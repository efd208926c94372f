package active

import (
	"errors"
	"os"

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

// recoverNames renames jobs that an operator moved out of active/ after their owner had died, as
// the owner would have done. In denied/ a file denies only by its right name.
func (cs *Claims) recoverNames() (errs []error) {
	cs.endings.Lock()
	defer cs.endings.Unlock()
	for i, st := range []tree.State{tree.Cancelled, tree.Failed, tree.Done, tree.Denied} {
		errs = append(errs, cs.ends[i].Visit(cs.tree, string(st), func(name string) (again bool) {
			stem, _, ok := tree.SplitActive(name)
			if !ok {
				return false
			}
			err := cs.renameMoved(st, name, stem)
			if !isOwned(err) {
				cs.health.Complain("recover", err)
			}
			return err != nil //guard:TestMovedWhileItsWorkerLived
		}))
	}
	return errs
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
