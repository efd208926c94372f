package verbs

import (
	"errors"
	"io/fs"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

func (s *Verbs) cancelIn(st tree.State, name string, e job.Event) error {
	if name == "" {
		return spool.Absent(st, name)
	}
	for _, n := range []string{name, name + ".job"} {
		f, err := tree.OpenJob(s.tree.JobPath(st, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		defer f.Close()
		if st == tree.Queue { // who claims it at this moment takes a cancelled job in queue/ for one that a person has moved back
			if err := s.lockQueued(f); err != nil {
				return err
			}
		}
		s.spool.LogLine(f, e)
		if err := s.moveToCancelled(f, st, n); err != nil {
			return err
		}
		return errors.Join(f.Sync(), tree.SyncDir(s.tree.Path(string(tree.Cancelled), ""))) // the cancel is acknowledged
	}
	return spool.Absent(st, name)
}

// CancelSuperseded cancels the jobs of one URL in these directories, because what was just done to its
// artifact is newer than their approval. They are in cancelled/ then, and say why. A list stays: it
// is about other URLs too.
func (s *Verbs) CancelSuperseded(sub spool.Subject, why string, by spool.By, in ...tree.State) error {
	e := by.Event(job.Cancelled)
	e.Text = why
	var errs []error
	for _, st := range in {
		names, err := s.tree.Names(string(st))
		errs = append(errs, err)
		for _, name := range names {
			if j, ok := s.spool.JobOf(sub, st, name); ok && j.Batch == 0 && j.Job.URL != "" {
				if err := s.cancelAndWait(st, name, e); !errors.Is(err, fs.ErrNotExist) {
					errs = append(errs, err)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// maxCancelWait is how long a worker of this host may take until it has noticed a cancel.
const maxCancelWait = 10 * time.Second

// cancelAndWait cancels a job, and waits until its worker has let go of it: what that commits, it has
// committed by then.
func (s *Verbs) cancelAndWait(st tree.State, name string, e job.Event) error {
	f, err := tree.OpenJob(s.tree.JobPath(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.cancelIn(st, name, e); err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < maxCancelWait; {
		if err := tree.LockSoon(f); !errors.Is(err, tree.ErrLocked) {
			return err
		}
	}
	return nil
}
