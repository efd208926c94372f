package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// jobRow is a job file as programs read it.
type jobRow struct {
	State   fsstore.State `json:"state"`
	Name    string        `json:"name"`
	Key     string        `json:"key,omitempty"`
	Worker  string        `json:"worker,omitempty"`
	URL     string        `json:"url,omitempty"` // redacted; the file holds it whole
	URLs    int           `json:"urls,omitempty"`
	Misses  int           `json:"misses"`
	AtLeast bool          `json:"misses_at_least,omitempty"`
	Clients int           `json:"clients"`
	First   *time.Time    `json:"first_asked,omitempty"`
	Last    *time.Time    `json:"last_asked,omitempty"`
	Event   string        `json:"event,omitempty"` // the newest
	At      *time.Time    `json:"at,omitempty"`
	Due     *time.Time    `json:"due,omitempty"`
	Part    int64         `json:"part,omitempty"`
	Total   int64         `json:"total,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Note    string        `json:"note,omitempty"`

	Sum      string       `json:"url_sum,omitempty"`  // of a miss: KEY@SUM approves this URL and no other
	Variants []variantRow `json:"variants,omitempty"` // of a miss that holds several URLs: each
}

func describe(j *fsstore.JobFile) jobRow {
	n, atLeast := j.Job.Misses()
	r := jobRow{
		State: j.State, Name: j.Name, Key: j.Key, Worker: j.Worker, URLs: j.Batch, Misses: n, AtLeast: atLeast,
		Clients: job.Addresses(j.Job.Clients()), First: timeOrNil(j.Job.FirstAsked()), Last: timeOrNil(j.Job.LastAsked()),
		Due: timeOrNil(j.Due), Part: j.Part, Total: max(j.Total, 0),
		Reason: key.RedactText(j.Job.Reason()), Note: key.RedactText(j.Note),
	}
	if j.Job.URL != "" {
		r.URL = key.RedactDistinct(j.Job.FetchURL())
	}
	if j.State == fsstore.Misses && j.Job.URL != "" {
		r.Sum, r.Variants = job.URLSum(j.Job.FetchURL()), variantRows(&j.Job)
	}
	if e, ok := newest(j); ok {
		r.Event, r.At = string(e.Kind), timeOrNil(e.Time)
	}
	return r
}

func newest(j *fsstore.JobFile) (job.Event, bool) {
	if n := len(j.Job.Events); n > 0 {
		return j.Job.Events[n-1], true
	}
	return job.Event{}, false
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// jobTable prints the columns that matter in a state.
func (a *app) jobTable(st fsstore.State, jobs []fsstore.JobFile) error {
	w := columns(a.stdout)
	switch st {
	case fsstore.Misses:
		fmt.Fprintln(w, "KEY\tASKED\tCLIENTS\tLAST\tURL")
	case fsstore.Active:
		fmt.Fprintln(w, "KEY\tFETCHED\tURL\tSTATE")
	default:
		fmt.Fprintln(w, "NAME\tSINCE\tURL\tSTATE")
	}
	for i := range jobs {
		writeJob(w, &jobs[i])
	}
	return w.Flush()
}

func writeJob(w io.Writer, j *fsstore.JobFile) {
	r := describe(j)
	url := cmp.Or(r.URL, "-")
	if n := len(r.Variants); n > 1 {
		url = fmt.Sprintf("%s (one of %d URLs: fromcache why URL)", url, n)
	}
	if r.URLs > 0 {
		url = fmt.Sprintf("%d URLs", r.URLs)
	}
	var since time.Time
	if r.At != nil {
		since = *r.At
	}
	switch j.State {
	case fsstore.Misses:
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", printable(j.Name), times(r.Misses, r.AtLeast), r.Clients, when(j.Job.LastAsked()), orNote(r, url))
	case fsstore.Active:
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(cmp.Or(j.Key, j.Name)), fetched(r), url, cmp.Or(r.Note, r.Event, "claimed"))
	default:
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(j.Name), when(since), url, state(j, r))
	}
}

// state says in a few words why the job is where it is.
func state(j *fsstore.JobFile, r jobRow) string {
	switch {
	case r.Note != "":
		return r.Note
	case r.Reason != "" && j.State != fsstore.Queue:
		return r.Reason
	}
	if e, ok := newest(j); ok && e.Kind == job.Done && e.Size >= 0 {
		if e.Unchanged {
			return "unchanged, " + bytes(e.Size)
		}
		return bytes(e.Size)
	}
	return cmp.Or(r.Event, "-")
}

func fetched(r jobRow) string {
	if r.Total > 0 {
		return fmt.Sprintf("%s of %s (%d%%)", bytes(r.Part), bytes(r.Total), r.Part*100/r.Total)
	}
	return bytes(r.Part)
}

func times(n int, atLeast bool) string {
	if atLeast {
		return "≥" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

func orNote(r jobRow, url string) string {
	if r.Note != "" {
		return url + " (" + r.Note + ")"
	}
	return url
}
