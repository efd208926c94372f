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

// Status says whether all is well with a cache, as far as its data directory tells, and this
// process knows.
type Status struct {
	Well     bool          `json:"well" doc:"There is nothing to do"`
	ToDo     []string      `json:"to_do" nullable:"false" doc:"What an operator should look at"`
	Time     time.Time     `json:"time" doc:"When it was so"`
	Troubles []Trouble     `json:"troubles" nullable:"false" doc:"Of the directory or the machine"`
	Problems []Problem     `json:"problems" nullable:"false" doc:"What the scrub of this server found and nobody has mended, newest first"`
	NotNoted int64         `json:"misses_not_recorded" doc:"Misses for which misses/ had no room, since the server started"`
	Rotten   int           `json:"rotten" doc:"Blobs that a scrub took out of service, in tmp/"`
	Jobs     map[State]int `json:"jobs" doc:"How many files each directory of the spool has"`
	Free     int64         `json:"free" doc:"Bytes that the file system has left"`
	Total    int64         `json:"total" doc:"Bytes that the file system has"`
	Oldest   time.Time     `json:"oldest_miss,omitzero" doc:"When the miss that waits longest was asked for first"`
	Running  []StatusJob   `json:"running" nullable:"false" doc:"What is being fetched"`
	Retried  []StatusJob   `json:"retried" nullable:"false" doc:"In queue/, after an attempt that failed; the newest first"`
	Failed   []StatusJob   `json:"failed" nullable:"false" doc:"What failed in the last day; the newest first"`
	Fetched  *StatusJob    `json:"fetched,omitempty" doc:"What came from an origin last"`
	Scrub    ScrubState    `json:"scrub" doc:"How far the check of all blobs is"`
}

// StatusJob is a job in a Status.
type StatusJob struct {
	Key    string    `json:"key"`
	URL    string    `json:"url" doc:"Redacted"`
	Time   time.Time `json:"time" doc:"Of the newest line of its log"`
	Reason string    `json:"reason,omitempty" doc:"Why it failed, or waits"`
	Part   int64     `json:"part,omitempty" doc:"Bytes fetched so far"`
	Total  int64     `json:"total,omitempty" doc:"Bytes that the origin promised"`
}

// Status reads all job files but those in cancelled/ and denied/.
func (s *Store) Status() (*Status, error) {
	st := &Status{
		Time: tree.Now().UTC(), Troubles: []Trouble{}, Problems: []Problem{}, NotNoted: s.NotNoted(),
		Jobs: map[State]int{}, Scrub: s.Scrubbed(),
		Running: []StatusJob{}, Retried: []StatusJob{}, Failed: []StatusJob{},
	}
	for _, t := range s.Health() {
		t.Since = t.Since.UTC()
		st.Troubles = append(st.Troubles, t)
	}
	for _, p := range s.Problems() {
		p.Time = p.Time.UTC()
		st.Problems = append(st.Problems, p)
	}
	if err := s.fillStatus(st); err != nil {
		return nil, err
	}
	for _, list := range [][]StatusJob{st.Retried, st.Failed} {
		slices.SortStableFunc(list, func(a, b StatusJob) int { return b.Time.Compare(a.Time) })
	}
	st.Judge()
	return st, nil
}

// fillStatus adds what the directories hold.
func (s *Store) fillStatus(st *Status) error {
	var err error
	if st.Free, st.Total, err = s.Free(); err != nil {
		return err
	}
	names, err := s.tree.TmpNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		if upkeep.IsRotten(name) {
			st.Rotten++
		}
	}
	for _, in := range []State{Cancelled, Denied} {
		if st.Jobs[in], err = s.Spool.Count(in); err != nil {
			return err
		}
	}
	for _, in := range []State{Misses, Queue, Active, Done, Failed} {
		if err := s.statusOf(st, in); err != nil {
			return err
		}
	}
	return nil
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
		if !first.IsZero() && (st.Oldest.IsZero() || first.Before(st.Oldest)) {
			st.Oldest = first
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

// Judge sets Well and ToDo by the rest, for a caller that has added what it knows.
func (st *Status) Judge() {
	st.ToDo = []string{}
	add := func(format string, args ...any) { st.ToDo = append(st.ToDo, fmt.Sprintf(format, args...)) }
	for _, t := range st.Troubles {
		add("%s", t.What)
	}
	if n := len(st.Problems); n > 0 {
		add("files that the scrub found wrong: %d, the newest is %s: %s; %s", n,
			st.Problems[0].Path, st.Problems[0].Text, st.Problems[0].Do)
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
	st.Well = len(st.ToDo) == 0
}

// WayOutFails reports whether attempts have failed, are tried again, and nothing came in since.
func (st *Status) WayOutFails() bool {
	return len(st.Retried) > 0 && (st.Fetched == nil || st.Fetched.Time.Before(st.Retried[0].Time))
}
