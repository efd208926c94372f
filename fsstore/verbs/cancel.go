package verbs

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// Cancel stops a queued or active job, named by its file or its key, and moves it to cancelled/. A
// download that runs ends within a second. If the artifact was committed first it stays, and the
// job says so. When Cancel returns nil the cancel survives a power cut.
func (s *Verbs) Cancel(name string, by spool.Operator) error {
	if !tree.Plain(name) { //guard:TestVerbsStayInTheirDirectories
		return spool.Absent(tree.Active, name)
	}
	e := by.Event(job.Cancelled)
	var err error
	for range cancelTries {
		if err = s.cancelOnce(name, e); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

// cancelTries is how often Cancel looks, because a job may move to active/ before queue/ is looked
// at, and back to queue/ before active/ is.
const cancelTries = 10

// cancelOnce looks for the job in queue/, then in active/, and cancels it.
func (s *Verbs) cancelOnce(name string, e job.Event) error {
	err := s.cancelIn(tree.Queue, name, e)
	if errors.Is(err, fs.ErrNotExist) {
		err = s.cancelIn(tree.Active, name, e)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = s.cancelIn(tree.Active, s.spool.FindActiveByKey(strings.TrimSuffix(name, ".job")), e)
	}
	return err
}

// cancelIn cancels st/<name>. It locks a file in queue/ first, because a claim at this moment
// would take the cancelled line in it for an older one that a person has overruled by mv.
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
		if st == tree.Queue {
			if err := s.lockQueued(f); err != nil { //guard:TestCancelFollowsAClaim
				return err
			}
		}
		s.spool.LogLine(f, e)
		if err := s.moveToCancelled(f, st, n); err != nil {
			return err
		}
		return errors.Join(
			f.Sync(), //guard:fsstore/active.TestEachStepIsSynced
			tree.SyncDir(s.tree.Path(string(tree.Cancelled), ""))) //guard:fsstore/active.TestEachStepIsSynced
	}
	return spool.Absent(st, name)
}

// lockQueued locks a job in queue/. It returns fs.ErrNotExist once a claim has moved the file.
// If somebody holds the lock for a second it returns nil: the job is cancelled all the same.
func (s *Verbs) lockQueued(f *os.File) error {
	for range 500 {
		err := tree.Lock(f)
		if !tree.StillNames(f, f.Name()) {
			return spool.Absent(tree.Queue, tree.Base(f.Name()))
		}
		if !errors.Is(err, tree.ErrLocked) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// moveToCancelled moves a job to cancelled/. A cancel of an active job ends here only if its
// worker has died. A living worker notices that its file is gone, stops, and gives the file its
// final name (package active).
func (s *Verbs) moveToCancelled(f *os.File, st tree.State, name string) error {
	stem := strings.TrimSuffix(name, ".job")
	if st == tree.Queue { //guard:TestCancelInTheQueueKeepsHistory
		_, err := s.spool.MoveToEnded(f.Name(), tree.Cancelled, stem)
		return err
	}
	target, err := tree.RenameFree(f.Name(), s.tree.Path(string(tree.Cancelled), ""), stem)
	if err != nil || st != tree.Active {
		return err
	}
	if tree.Lock(f) != nil {
		return nil
	}
	k, _, _ := tree.SplitActive(name)
	_, err = s.spool.MoveToEnded(s.tree.JobPath(tree.Cancelled, target), tree.Cancelled, k)
	return err
}

// CancelSuperseded cancels the jobs of one URL in these directories, with the reason in their
// logs, because what was just done to its artifact is newer than their approval. A list stays,
// because it is about other URLs too.
func (s *Verbs) CancelSuperseded(id spool.ArtifactID, why string, by spool.Operator,
	in ...tree.State) error {
	e := by.Event(job.Cancelled)
	e.Text = why
	var errs []error
	for _, st := range in {
		names, err := s.tree.Names(string(st))
		errs = append(errs, err)
		for _, name := range names {
			if j, ok := s.spool.JobOf(id, st, name); ok && j.Batch == 0 && j.Job.URL != "" {
				if err := s.cancelAndWait(st, name, e); !errors.Is(err, fs.ErrNotExist) {
					errs = append(errs, err)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// maxCancelWait is how long cancelAndWait waits for a worker of this host to notice a cancel.
const maxCancelWait = 10 * time.Second

// cancelAndWait cancels a job and waits until its worker has unlocked the file. After that the
// worker commits nothing more.
func (s *Verbs) cancelAndWait(st tree.State, name string, e job.Event) error {
	f, err := tree.OpenJob(s.tree.JobPath(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.cancelIn(st, name, e); err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < maxCancelWait; { //guard:fsstore/active.TestPutStandsAboveACommitThatHadBegun
		if err := tree.LockWait(f); !errors.Is(err, tree.ErrLocked) {
			return err
		}
	}
	return nil
}
