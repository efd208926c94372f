package verbs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// What a verb takes files from, when it is not told one directory.
var (
	dismissFrom = []tree.State{tree.Misses, tree.Failed, tree.Cancelled}
	retryStates = []tree.State{tree.Failed, tree.Cancelled, tree.Done}
)

// Dismiss removes a miss, or a job that has ended: it may come back. Of several
// of that name it is the miss, else the job whose log is newest.
func (s *Verbs) Dismiss(name string, by spool.By) error { return s.DismissIn("", name, by) }

// DismissIn is Dismiss of the file in one directory and in no other.
func (s *Verbs) DismissIn(st tree.State, name string, _ spool.By) error {
	if !tree.Plain(name) {
		return spool.Absent(tree.Misses, name)
	}
	for _, j := range s.candidates(st, name, dismissFrom) {
		err := os.Remove(s.tree.JobPath(j.State, j.Name))
		if !errors.Is(err, fs.ErrNotExist) {
			if j.State == tree.Failed {
				os.Remove(s.tree.JobPath(j.State, j.Name+".why"))
			}
			return err
		}
	}
	return spool.Absent(cmp.Or(st, tree.Misses), name)
}

// candidates are the places where a verb looks for a file, in their order: the one
// directory that it was told, or "" each. Of several jobs of a key an operator
// means the one whose log is newest.
func (s *Verbs) candidates(st tree.State, name string, all []tree.State) []spool.JobFile {
	var list []spool.JobFile
	for _, from := range all {
		if st != "" && st != from {
			continue
		}
		names := endedNames(name)
		if st == "" && key.Valid(name) {
			names = append(names, s.spool.NumberedNames(from, name)...)
		}
		for _, n := range names {
			list = append(list, spool.JobFile{State: from, Name: n})
		}
	}
	if st != "" {
		return list // a row's own name comes before those that it may have had
	}
	jobs := list
	for len(jobs) > 0 && jobs[0].State == tree.Misses {
		jobs = jobs[1:] // a miss is no job's history
	}
	for i := range jobs {
		if j, err := s.spool.JobFile(jobs[i].State, jobs[i].Name); err == nil {
			jobs[i].Job = j.Job
		}
	}
	slices.SortStableFunc(jobs, spool.NewestFirst)
	return list
}

// Cancel stops a queued or active job, named by its file or its key, and puts
// it into cancelled/. A download that runs ends within a second. When the
// artifact was committed first it stays, and the job says so. When it returns nil
// the cancel survives a power cut.
func (s *Verbs) Cancel(name string, by spool.By) error {
	if !tree.Plain(name) {
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

// cancelTries: a job may go to active/ before it is looked for in queue/, and back
// before it is looked for there, as one does whose host has no address.
const cancelTries = 10

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

// lockQueued locks a job in queue/; it is absent once a claim has it.
func (s *Verbs) lockQueued(f *os.File) error {
	for range 500 {
		err := tree.Lock(f)
		if !tree.Same(f, f.Name()) {
			return spool.Absent(tree.Queue, tree.Base(f.Name()))
		}
		if !errors.Is(err, tree.ErrLocked) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil // a file that a person holds open, or a lost lock: cancelled all the same
}

// moveToCancelled is a bare rename while a worker owns the job: it notices, and
// gives the file its final name. A job that nobody owns gets it here.
func (s *Verbs) moveToCancelled(f *os.File, st tree.State, name string) error {
	stem := strings.TrimSuffix(name, ".job")
	if st == tree.Queue {
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

// Retry puts a failed, cancelled or done job back into queue/, due at once. Of
// several of that name it is the one whose log is newest.
func (s *Verbs) Retry(name string, by spool.By) error { return s.RetryAs("", name, "", by) }

// RetryAs is Retry of the file in one directory and in no other, or "" in
// whichever; with another URL of the same artifact, such as one with a new
// signature, or "". ErrInvalid: the URL has another key.
func (s *Verbs) RetryAs(st tree.State, name, rawURL string, by spool.By) error {
	return s.RetryWith(st, name, Addition{URL: rawURL}, by)
}

// RetryWith is RetryAs with the options of more, which are written into the job
// before it moves.
func (s *Verbs) RetryWith(st tree.State, name string, more Addition, by spool.By) error {
	if !tree.Plain(name) {
		return spool.Absent(tree.Failed, name)
	}
	if more.SHA256 != "" && !held.IsDigest(strings.ToLower(more.SHA256)) {
		return fmt.Errorf("%w: a SHA-256 has 64 hexadecimal digits", spool.ErrInvalid)
	}
	e := by.Event(job.Retry)
	if more.URL != "" {
		fetch, err := key.FetchURL(more.URL)
		if err != nil {
			return err
		}
		e.URL = fetch
	}
	for _, j := range s.candidates(st, name, retryStates) {
		err := s.retryFrom(j.State, j.Name, e, OptionLines(more))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return spool.Absent(cmp.Or(st, tree.Failed), name)
}

// endedNames are the names under which an ended job may be found. One that was
// seen while its worker had yet to notice the cancel has its own name by now.
func endedNames(name string) []string {
	names := []string{name, name + ".job"}
	if stem, _, ok := tree.SplitActive(name); ok {
		names = append(names, stem+".job")
	}
	return names
}

func (s *Verbs) retryFrom(st tree.State, name string, e job.Event, options string) error {
	f, err := tree.OpenJob(s.tree.JobPath(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.checkSameArtifact(f, e.URL); err != nil {
		return err
	}
	if err := tree.LockSoon(f); err != nil && !errors.Is(err, tree.ErrLocked) {
		return err
	}
	if err := s.logRetry(f, e, options); err != nil {
		return err
	}
	stem, _, ok := tree.SplitActive(name)
	if !ok {
		stem = strings.TrimSuffix(name, ".job")
	}
	if _, err := tree.RenameFree(f.Name(), s.tree.Path(string(tree.Queue), ""), stem); err != nil {
		return err
	}
	os.Remove(s.tree.JobPath(st, name+".why"))
	defer spool.UnlockQueued(f)
	return tree.SyncDir(s.tree.Path(string(tree.Queue), ""))
}

// logRetry writes a retry's line, which is durable before the job moves. One
// that names a URL, or an option, decides what is fetched: without it nothing may
// move. Of another the claim writes what it needs, so that a full disk, or a file that
// another user made, hinders no retry.
func (s *Verbs) logRetry(f *os.File, e job.Event, options string) error {
	if e.URL == "" && options == "" {
		s.spool.LogLine(f, e)
	} else if err := spool.AppendWhole(f, options+e.Line()); err != nil {
		return err
	}
	return f.Sync()
}

// checkSameArtifact reports whether a URL is one of the open job's, if another.
func (s *Verbs) checkSameArtifact(f *os.File, rawURL string) error {
	if rawURL == "" {
		return nil
	}
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return err
	}
	b, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	jobs := job.Parse(b).Jobs
	if len(jobs) == 1 {
		for _, raw := range jobs[0].URLs() { // of an earlier server's, each may be another artifact
			if own, err := s.queries.Parse(raw); err == nil && own.Sum() == u.Sum() {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: that URL names another artifact than this job; add it as a URL of its own", spool.ErrInvalid)
}

// Clear removes the finished jobs, those in done/ and cancelled/, and returns
// how many. What failed stays until someone has looked at it.
func (s *Verbs) Clear(by spool.By) (n int, err error) {
	defer func() { s.tree.Log.Info("cleared", "jobs", n, "via", by.Via, "addr", by.Addr) }()
	for _, st := range []tree.State{tree.Done, tree.Cancelled} {
		names, err := s.tree.Names(string(st))
		if err != nil {
			return n, err
		}
		for _, name := range names {
			if err := os.Remove(s.tree.JobPath(st, name)); err == nil {
				n++
			} else if !errors.Is(err, fs.ErrNotExist) {
				return n, err
			}
		}
	}
	return n, nil
}
