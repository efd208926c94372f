package journal

import (
	"fmt"
	"time"

	"fromcache/fsstore/health"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/upkeep"
)

// Lately is how far back a Status looks for what has failed.
const Lately = 24 * time.Hour

// Status says whether all is well with a cache, as far as its data directory tells, and this
// process knows.
type Status struct {
	Well     bool               `json:"well" doc:"There is nothing to do"`
	ToDo     []string           `json:"to_do" nullable:"false" doc:"What an operator should look at"`
	Time     time.Time          `json:"time" doc:"When it was so"`
	Troubles []health.Trouble   `json:"troubles" nullable:"false" doc:"Of the directory or the machine"`
	Problems []health.Problem   `json:"problems" nullable:"false" doc:"What the scrub of this server found and nobody has mended, newest first"`
	NotNoted int64              `json:"misses_not_recorded" doc:"Misses for which misses/ had no room, since the server started"`
	Rotten   int                `json:"rotten" doc:"Blobs that a scrub took out of service, in tmp/"`
	Jobs     map[tree.State]int `json:"jobs" doc:"How many files each directory of the spool has"`
	Free     int64              `json:"free" doc:"Bytes that the file system has left"`
	Total    int64              `json:"total" doc:"Bytes that the file system has"`
	Oldest   time.Time          `json:"oldest_miss,omitzero" doc:"When the miss that waits longest was asked for first"`
	Running  []StatusJob        `json:"running" nullable:"false" doc:"What is being fetched"`
	Retried  []StatusJob        `json:"retried" nullable:"false" doc:"In queue/, after an attempt that failed; the newest first"`
	Failed   []StatusJob        `json:"failed" nullable:"false" doc:"What failed in the last day; the newest first"`
	Fetched  *StatusJob         `json:"fetched,omitempty" doc:"What came from an origin last"`
	Scrub    upkeep.ScrubState  `json:"scrub" doc:"How far the check of all blobs is"`
	Replica  *tree.Replica      `json:"replica,omitempty" doc:"What the directory is a replica of; left out where it is none"`
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

// Add takes what a job's file says. URLs and reasons are redacted.
func (st *Status) Add(j *spool.JobFile) {
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
	case tree.Misses:
		first := j.Job.FirstAsked()
		if !first.IsZero() && (st.Oldest.IsZero() || first.Before(st.Oldest)) {
			st.Oldest = first
		}
	case tree.Queue:
		if last.Kind == job.Error || last.Kind == job.Wait {
			st.Retried = append(st.Retried, about)
		}
	case tree.Active:
		st.Running = append(st.Running, about)
	case tree.Failed:
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
	if st.Rotten > 0 && st.Replica == nil {
		add("blobs in tmp/ that were rotten: %d; run fromcache fsck, which says how to have them back",
			st.Rotten)
	}
	if st.Replica != nil { // what waits and fails is the main server's
		st.Well = len(st.ToDo) == 0
		return
	}
	if n := st.Jobs[tree.Misses]; n > 0 {
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
