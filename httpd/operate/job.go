package operate

import (
	"cmp"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Job is a job file.
type Job struct {
	State   fsstore.State `json:"state" doc:"The directory that it is in, which is its state"`
	Name    string        `json:"name" doc:"Of the file in that directory: what verbs take"`
	Key     string        `json:"key,omitempty"`
	Worker  string        `json:"worker,omitempty" doc:"Of a job in active/: its claim"`
	URL     string        `json:"url,omitempty" doc:"Redacted; the file holds it whole"`
	URLs    int           `json:"urls,omitempty" doc:"How many URLs the file has, where it is a list"`
	Misses  int           `json:"misses" doc:"How often clients asked for it"`
	AtLeast bool          `json:"misses_at_least,omitempty" doc:"They asked that often or more"`
	Clients int           `json:"clients" doc:"How many addresses asked for it"`
	First   *time.Time    `json:"first_asked,omitempty"`
	Last    *time.Time    `json:"last_asked,omitempty"`
	Event   string        `json:"event,omitempty" doc:"The newest of its log"`
	At      *time.Time    `json:"at,omitempty" doc:"When that was"`
	Due     *time.Time    `json:"due,omitempty" doc:"It waits until then"`
	Part    int64         `json:"part,omitempty" doc:"Bytes fetched so far"`
	Total   int64         `json:"total,omitempty" doc:"Bytes that the origin promised"`
	Reason  string        `json:"reason,omitempty" doc:"Why it failed, or waits"`
	Note    string        `json:"note,omitempty" doc:"Why the file can't be used, and what to do"`

	Size      *int64 `json:"size,omitempty" doc:"Bytes, where the newest event is done"`
	Unchanged bool   `json:"unchanged,omitempty" doc:"The origin had no other version"`

	Sum      string    `json:"url_sum,omitempty" doc:"Of a miss: approving with this sum approves this URL and no other"`
	Variants []Variant `json:"variants,omitempty" doc:"Of a miss that holds several URLs: each"`
	Differ   string    `json:"differ,omitempty" doc:"In what the variants differ"`

	Log     []string `json:"log,omitempty" doc:"The lines of its log, redacted, where one job is asked for; the newest 20, where a URL is"`
	Earlier int      `json:"log_earlier,omitempty" doc:"How many lines came before those"`
}

// Variant is one of the URLs of a miss.
type Variant struct {
	URL   string     `json:"url" doc:"Redacted"`
	Sum   string     `json:"sum"`
	Addr  string     `json:"addr,omitempty" doc:"Of who asked for it first"`
	Tool  string     `json:"tool,omitempty"`
	First *time.Time `json:"first_asked,omitempty"`
}

// JobList is a page of jobs.
type JobList struct {
	Jobs []Job  `json:"jobs" nullable:"false"`
	Next string `json:"next,omitempty" doc:"The cursor of the next page: pass it as after. Absent on the last page"`
}

// Describe returns what a job file says.
func Describe(j *fsstore.JobFile) Job {
	n, atLeast := j.Job.Misses()
	r := Job{
		State: j.State, Name: j.Name, Key: j.Key, Worker: j.Worker, URLs: j.Batch, Misses: n, AtLeast: atLeast,
		Clients: job.Addresses(j.Job.Clients()), First: timeOrNil(j.Job.FirstAsked()), Last: timeOrNil(j.Job.LastAsked()),
		Due: timeOrNil(j.Due), Part: j.Part, Total: max(j.Total, 0),
		Reason: key.RedactText(j.Job.Reason()), Note: key.RedactText(j.Note),
	}
	if j.Job.URL != "" {
		r.URL = key.RedactDistinct(j.Job.FetchURL())
	}
	if j.State == fsstore.Misses && j.Job.URL != "" {
		r.Sum = job.URLSum(j.Job.FetchURL())
		r.addVariants(&j.Job)
	}
	if n := len(j.Job.Events); n > 0 {
		r.addNewest(&j.Job.Events[n-1])
	}
	return r
}

func (r *Job) addNewest(e *job.Event) {
	r.Event, r.At = string(e.Kind), timeOrNil(e.Time)
	if e.Kind == job.Done && e.Size >= 0 {
		r.Size, r.Unchanged = &e.Size, e.Unchanged
	}
}

func (r *Job) addVariants(j *job.Job) {
	all := j.Variants()
	if len(all) < 2 {
		return
	}
	for _, v := range all {
		r.Variants = append(r.Variants, Variant{key.RedactDistinct(v.URL), v.Sum(), v.Addr, v.Tool, timeOrNil(v.First)})
	}
	r.Differ = cmp.Or(key.RedactText(strings.Join(job.Differences(all), ", ")), "the order of their parameters")
}

// newestLines is how many lines of a job's log Why shows.
const newestLines = 20

// addEvents adds the newest lines of the log, redacted.
func (r *Job) addEvents(events []job.Event) {
	if n := len(events) - newestLines; n > 0 {
		r.Earlier, events = n, events[n:]
	}
	for i := range events {
		r.Log = append(r.Log, key.RedactText(strings.TrimSpace(events[i].Line())))
	}
}

// addLog adds the lines of the file below its URL, redacted.
func (r *Job) addLog(text string) {
	for line := range strings.Lines(text) {
		r.Log = append(r.Log, key.RedactText(strings.TrimRight(line, "\r\n")))
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
