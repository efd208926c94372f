package fsstore

import (
	"fmt"
	"slices"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/upkeep"
)

// Lately is how far back a Status looks for what has failed.
const Lately = 24 * time.Hour

// Status says whether all is well with a cache, as far as its data directory tells.
type Status struct {
	Time       time.Time     `json:"time"`
	Troubles   []Trouble     `json:"troubles"`
	Rotten     int           `json:"rotten"` // blobs that a scrub took out of service, in tmp/
	Jobs       map[State]int `json:"jobs"`
	Free       int64         `json:"free"` // bytes of the file system
	Total      int64         `json:"total"`
	OldestMiss time.Time     `json:"oldest_miss,omitzero"` // when it was asked for first
	Running    []StatusJob   `json:"running"`
	Retried    []StatusJob   `json:"retried"` // in queue/, after an attempt that failed, the newest first
	Failed     []StatusJob   `json:"failed"`  // in failed/ for less than Lately, the newest first
	Fetched    *StatusJob    `json:"fetched"` // what came from an origin last; nil: nothing in done/ did
	Scrub      ScrubState    `json:"scrub"`
}

// StatusJob is a job in a Status.
type StatusJob struct {
	Key    string    `json:"key"`
	URL    string    `json:"url"`  // redacted
	Time   time.Time `json:"time"` // of the newest line of its log
	Reason string    `json:"reason,omitempty"`
	Part   int64     `json:"part,omitempty"`  // bytes fetched so far
	Total  int64     `json:"total,omitempty"` // bytes promised; 0: unknown
}

// Status reads all job files but those in cancelled/ and denied/.
func (s *Store) Status() (*Status, error) {
	st := &Status{
		Time: tree.Now(), Troubles: s.Health(), Jobs: map[State]int{}, Scrub: s.Scrubbed(),
		Running: []StatusJob{}, Retried: []StatusJob{}, Failed: []StatusJob{},
	}
	var err error
	if st.Free, st.Total, err = s.Free(); err != nil {
		return nil, err
	}
	names, err := s.tree.TmpNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if upkeep.IsRotten(name) {
			st.Rotten++
		}
	}
	for _, in := range []State{Cancelled, Denied} {
		if st.Jobs[in], err = s.Spool.Count(in); err != nil {
			return nil, err
		}
	}
	for _, in := range []State{Misses, Queue, Active, Done, Failed} {
		if err := s.statusOf(st, in); err != nil {
			return nil, err
		}
	}
	for _, list := range [][]StatusJob{st.Retried, st.Failed} {
		slices.SortStableFunc(list, func(a, b StatusJob) int { return b.Time.Compare(a.Time) })
	}
	return st, nil
}

// statusOf adds what is in one directory.
func (s *Store) statusOf(st *Status, in State) error {
	names, err := s.Spool.JobNames(in)
	if err != nil {
		return err
	}
	for _, name := range names {
		if j, err := s.Spool.JobFile(in, name); err == nil { // else it has moved
			st.Jobs[in]++
			st.add(&j)
			if in != Done || s.Spool.CameByPut(j.Key, &j.Job) {
				continue
			}
			done, ok := j.Job.Newest(job.Done)
			if ok && (st.Fetched == nil || st.Fetched.Time.Before(done.Time)) {
				st.Fetched = &StatusJob{
					Key: j.Key, URL: key.Redact(j.Job.FetchURL()), Time: done.Time,
				}
			}
		}
	}
	return nil
}

func (st *Status) add(j *JobFile) {
	about := StatusJob{
		Key: j.Key, URL: key.Redact(j.Job.FetchURL()), Reason: key.RedactText(j.Job.Reason()),
		Part: j.Part, Total: max(j.Total, 0),
	}
	var last job.Event
	if n := len(j.Job.Events); n > 0 {
		last = j.Job.Events[n-1]
	}
	if about.Key == "" {
		about.Key = j.Name
	}
	about.Time = last.Time
	switch j.State {
	case Misses:
		first := j.Job.FirstAsked()
		if !first.IsZero() && (st.OldestMiss.IsZero() || first.Before(st.OldestMiss)) {
			st.OldestMiss = first
		}
	case Queue:
		if last.Kind == job.Error || last.Kind == job.Wait {
			st.Retried = append(st.Retried, about)
		}
	case Active:
		st.Running = append(st.Running, about)
	case Failed:
		if st.Time.Sub(about.Time) < Lately {
			st.Failed = append(st.Failed, about)
		}
	}
}

// ToDo says what an operator should look at, a sentence each; none where all is well.
func (st *Status) ToDo() (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, t := range st.Troubles {
		add("%s", t.What)
	}
	if st.Rotten > 0 {
		add("blobs in tmp/ that were rotten: %d; run fromcache fsck, which says how to have them back",
			st.Rotten)
	}
	if n := st.Jobs[Misses]; n > 0 {
		add("misses that wait for approve, dismiss or deny: %d; fromcache ls misses", n)
	}
	if n := len(st.Failed); n > 0 {
		add("jobs that failed in the last day: %d; fromcache ls failed says why; retry or "+
			"dismiss them", n)
	}
	if st.WayOutFails() {
		add("nothing comes in: the newest attempt failed, and what came last is older: look at " +
			"the way out (DNS, proxy, firewall)")
	}
	return list
}

// WayOutFails reports whether attempts have failed, are tried again, and nothing came in since.
func (st *Status) WayOutFails() bool {
	return len(st.Retried) > 0 && (st.Fetched == nil || st.Fetched.Time.Before(st.Retried[0].Time))
}
