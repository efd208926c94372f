package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// spool is every job directory, in the order in which a job walks through them.
var spool = [...]fsstore.State{
	fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Done, fsstore.Failed, fsstore.Cancelled, fsstore.Denied,
}

const artifacts = "artifacts"

func (a *app) ls(f *flag.FlagSet) func(context.Context, []string) error {
	dir := a.storeFlags(f)
	asJSON := f.Bool("json", false, "print a JSON object a line, for programs")
	return func(_ context.Context, operands []string) error {
		if len(operands) == 1 && operands[0] != artifacts && !slices.Contains(spool[:], fsstore.State(operands[0])) {
			return usageError{err: fmt.Errorf("there is no list %q", operands[0])}
		}
		s, err := dir.open(fsstore.Options{})
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(a.stdout, 64<<10)
		err = a.withOutput(out).list(s, operands, *asJSON)
		return errors.Join(err, out.Flush())
	}
}

func (a *app) list(s *fsstore.Store, operands []string, asJSON bool) error {
	switch {
	case len(operands) == 0:
		return a.summary(s, asJSON)
	case operands[0] == artifacts:
		return a.listArtifacts(s, asJSON)
	}
	return a.listJobs(s, fsstore.State(operands[0]), asJSON)
}

// counts is the summary as programs read it.
type counts struct {
	Jobs      map[fsstore.State]int `json:"jobs"`
	Artifacts int                   `json:"artifacts"`
	Bytes     int64                 `json:"bytes"`
	Hits      int64                 `json:"hits"`
	Free      int64                 `json:"free"`
	Total     int64                 `json:"total"`
}

// summary counts everything, and shows what a person may have to decide on.
func (a *app) summary(s *fsstore.Store, asJSON bool) error {
	c, listed, err := count(s)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(c)
	}
	w := columns(a.stdout)
	for _, st := range spool {
		fmt.Fprintf(w, "%s\t%d\n", st, c.Jobs[st])
	}
	fmt.Fprintf(w, "artifacts\t%d, %s, %d hits\n", c.Artifacts, bytes(c.Bytes), c.Hits)
	fmt.Fprintf(w, "free\t%s of %s\n", bytes(c.Free), bytes(c.Total))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, st := range []fsstore.State{fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Failed} {
		if err := a.shortList(st, listed[st]); err != nil {
			return err
		}
	}
	return nil
}

func count(s *fsstore.Store) (counts, map[fsstore.State][]fsstore.JobFile, error) {
	c := counts{Jobs: map[fsstore.State]int{}}
	listed := map[fsstore.State][]fsstore.JobFile{}
	for _, st := range spool {
		jobs, err := s.Jobs(st)
		if err != nil {
			return c, nil, err
		}
		listed[st], c.Jobs[st] = jobs, len(jobs)
	}
	for art, err := range s.Artifacts() {
		if err == nil {
			c.Artifacts++
			c.Bytes += art.Size
		}
	}
	hits, err := s.AllHits()
	if err != nil {
		return c, nil, err
	}
	for _, n := range hits {
		c.Hits += n
	}
	c.Free, c.Total, err = s.Free()
	return c, listed, err
}

const shortRows = 10

func (a *app) shortList(st fsstore.State, jobs []fsstore.JobFile) error {
	if len(jobs) == 0 {
		return nil
	}
	fmt.Fprintf(a.stdout, "\n%s/\n", st)
	if err := a.jobTable(st, jobs[:min(len(jobs), shortRows)]); err != nil {
		return err
	}
	if n := len(jobs) - shortRows; n > 0 {
		fmt.Fprintf(a.stdout, "and %d more: fromcache ls %s\n", n, st)
	}
	return nil
}

func (a *app) listJobs(s *fsstore.Store, st fsstore.State, asJSON bool) error {
	jobs, err := s.Jobs(st)
	if err != nil {
		return err
	}
	if !asJSON {
		return a.jobTable(st, jobs)
	}
	out := json.NewEncoder(a.stdout)
	for i := range jobs {
		if err := out.Encode(describe(&jobs[i])); err != nil {
			return err
		}
	}
	return nil
}

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
}

func describe(j *fsstore.JobFile) jobRow {
	n, atLeast := j.Job.Misses()
	r := jobRow{
		State: j.State, Name: j.Name, Key: j.Key, Worker: j.Worker, URLs: j.Batch, Misses: n, AtLeast: atLeast,
		Clients: len(j.Job.Clients()), First: timeOrNil(j.Job.FirstAsked()), Last: timeOrNil(j.Job.LastAsked()),
		Due: timeOrNil(j.Due), Part: j.Part, Total: max(j.Total, 0),
		Reason: key.RedactText(j.Job.Reason()), Note: key.RedactText(j.Note),
	}
	if j.Job.URL != "" {
		r.URL = key.Redact(j.Job.FetchURL())
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

// artifactRow is an artifact as programs read it: its meta, and the hits.
type artifactRow struct {
	*fsstore.Artifact
	Hits int64 `json:"hits"`
}

// listArtifacts prints what is held. A meta file that can't be read is told at the end, and makes the exit status 1.
func (a *app) listArtifacts(s *fsstore.Store, asJSON bool) error {
	hits, err := s.AllHits()
	if err != nil {
		return err
	}
	out, w := json.NewEncoder(a.stdout), columns(a.stdout)
	if !asJSON {
		fmt.Fprintln(w, "KEY\tSIZE\tHITS\tMISSES\tFETCHED\tSHA256\tURL")
	}
	var bad []error
	for art, err := range s.Artifacts() {
		switch {
		case err != nil:
			bad = append(bad, err)
		case asJSON:
			if err := out.Encode(artifactRow{art, hits[art.Key]}); err != nil {
				return err
			}
		default:
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%.12s\t%s\n", art.Key, bytes(art.Size), hits[art.Key],
				times(art.Misses, art.AtLeast), when(art.Fetched), art.SHA256, key.Redact(art.URL))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return a.tell(bad)
}

// tell prints errors, a line each; errQuiet where there was one.
func (a *app) tell(errs []error) error {
	for _, err := range errs {
		fmt.Fprintf(a.stderr, "fromcache: %s\n", oneLine(err))
	}
	if len(errs) > 0 {
		return errQuiet
	}
	return nil
}
