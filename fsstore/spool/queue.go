package spool

import (
	"errors"
	"io/fs"
	"os"
	"sort"
	"sync"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// queueIndex is queue/ as the last Due has seen it.
type queueIndex struct {
	files tree.Mirror[queueFile]
	mu    sync.Mutex
	sums  map[string]string // sum of a URL to the file it is in, unless that is named k or k.job
}

type queueFile struct {
	due           time.Time
	dueWritten    time.Time // when a worker wrote that
	byProgram     bool      // a program made it, whole: its name is a key
	endsInNewline bool      // ends with a newline
	sums          []string  // of the URLs in a file whose name does not say it
	seenAt        time.Time // when it was read
}

// Due lists the names in queue/ that may be claimed now: their time has come, and they are written
// to the end. It reads only files that have changed since the last call.
func (s *Spool) Due() ([]string, error) {
	names, err := s.tree.Names(string(tree.Queue))
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	s.queue.files.Rescan(names)
	sums := map[string]string{}
	var due []string
	for _, name := range names {
		q, ok := s.queue.files.Value(name)
		if !ok {
			continue
		}
		for _, sum := range q.sums {
			sums[sum] = name
		}
		if q.ready(time.Now()) {
			due = append(due, name)
		}
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.queue.sums = sums
	return due, nil
}

func (q *queueFile) ready(t time.Time) bool {
	return q.isWhole(t) && !isLater(q.due, q.dueWritten, t)
}

// isLater reports whether due lies after t. It ignores a due time that was written more than a
// minute after t, because the clock was wrong then and has been set back: the job might wait for
// years.
func isLater(due, written, t time.Time) bool {
	return due.After(t) &&
		!written.After(t.Add(time.Minute)) //guard:fsstore/health.TestAClockSetBack
}

// NotYetDue reports whether no job of a file is due yet. A claim asks again, because a list that
// Due returned may be hours old and a job may have been put off since.
func NotYetDue(jobs []job.Job) bool {
	if len(jobs) == 0 {
		return false
	}
	due, written := earliestDue(jobs)
	return isLater(due, written, time.Now())
}

// loadQueued reads what Due must know of a file in queue/.
func (s *Spool) loadQueued(name string) (queueFile, error) {
	q := queueFile{byProgram: key.Valid(tree.StemOf(name)), seenAt: time.Now()}
	b, err := tree.ReadFile(s.tree.JobPath(tree.Queue, name), tree.MaxJobFile+1)
	if errors.Is(err, fs.ErrPermission) {
		q.endsInNewline = true // Claim says why it can't be read
		return q, nil
	}
	if err != nil {
		return q, err
	}
	// Claim refuses a file that is too large, whatever its end.
	q.endsInNewline = len(b) > tree.MaxJobFile || len(b) > 0 && b[len(b)-1] == '\n'
	if jobs := job.Parse(b).Jobs; len(jobs) > 0 {
		q.due, q.dueWritten = earliestDue(jobs)
		if !q.byProgram || tree.StemOf(name)+".job" != name { // k.3.job
			q.sums = s.sumsOf(jobs)
		}
	}
	return q, nil
}

// sumsOf returns the sums of the URLs that jobs fetch.
func (s *Spool) sumsOf(jobs []job.Job) (sums []string) {
	for i := range jobs {
		if u, err := s.queries.Parse(jobs[i].FetchURL()); err == nil {
			sums = append(sums, u.Sum())
		}
	}
	return sums
}

// earliestDue returns the due time of the job that is due first, and when it was written. A list
// is taken apart as soon as one of its URLs is due, because each takes its own time with it.
func earliestDue(jobs []job.Job) (due, written time.Time) {
	first := &jobs[0]
	for i := range jobs {
		if jobs[i].Due().Before(first.Due()) {
			first = &jobs[i]
		}
	}
	return first.Due(), first.DueWritten()
}

// UnlockQueued unlocks a file in queue/ and touches its mode. That wakes the watchers of the
// directory, which could not claim the file while it was locked.
func UnlockQueued(f *os.File) {
	tree.Unlock(f)
	if !tree.HasHardLink(f) { // whose mode would change too
		_ = f.Chmod(0o660) // another user's file waits for the next tick
	}
}
