package httpd

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/templates"
)

// The rows of the pages. Whatever a stranger chose is redacted here, before a
// template sees it.

type missList struct {
	Rows  []missRow
	Pager pager
}

type missRow struct {
	Key                   string
	URLs                  []string
	MoreURLs, MoreClients int
	Merged                bool
	Count                 int
	AtLeast               bool
	First, Last           time.Time
	Clients               []job.Client
	Note                  string
}

// missList shows those first that were asked for last.
func (s *Server) missList(page, rows int) (missList, error) {
	jobs, err := s.store.Jobs(fsstore.Misses)
	if err != nil {
		return missList{}, err
	}
	newestFirst(jobs, func(j *fsstore.JobFile) time.Time { return j.Job.LastAsked() })
	p := newPager("/misses", nil, page, rows, len(jobs))
	l := missList{Pager: p}
	for i := range jobs[p.lo:p.hi] {
		l.Rows = append(l.Rows, missRowOf(&jobs[p.lo+i]))
	}
	return l, nil
}

func missRowOf(j *fsstore.JobFile) missRow {
	const few = 5
	r := missRow{Key: j.Name, First: j.Job.FirstAsked(), Last: j.Job.LastAsked(), Note: key.RedactText(j.Note)}
	r.Count, r.AtLeast = j.Job.Misses()
	urls, clients := j.Job.URLs(), j.Job.Clients()
	r.Merged = len(urls) > 1
	r.MoreURLs, r.MoreClients = max(0, len(urls)-few), max(0, len(clients)-few)
	for _, u := range urls[:min(few, len(urls))] {
		if u = shown(u, ""); !slices.Contains(r.URLs, u) {
			r.URLs = append(r.URLs, u)
		}
	}
	if len(r.URLs) == 1 && r.URLs[0] == "" {
		r.URLs[0] = j.Name
	}
	r.Clients = clients[:min(few, len(clients))]
	return r
}

// shown is a URL as pages show it: redacted, and cut where it would fill them.
func shown(raw, orElse string) string {
	if raw == "" {
		return orElse
	}
	return cut(key.Redact(raw), 600)
}

type jobList struct {
	Rows     []jobRow
	Finished bool
	Pager    pager
}

type jobRow struct {
	Name, URL, State, Why, Sizes    string
	Batch                           int
	Part, Total, Percent            int64
	Progress                        bool
	When                            time.Time
	CanCancel, CanRetry, CanDismiss bool
}

// jobList shows what runs, then what waits, then what has ended.
func (s *Server) jobList(page, rows int) (jobList, error) {
	var all []fsstore.JobFile
	for _, st := range []fsstore.State{fsstore.Active, fsstore.Queue, fsstore.Failed, fsstore.Done, fsstore.Cancelled} {
		jobs, err := s.store.Jobs(st)
		if err != nil {
			return jobList{}, err
		}
		newestFirst(jobs, lastEvent)
		all = append(all, jobs...)
	}
	p := newPager("/downloads", nil, page, rows, len(all))
	l := jobList{Pager: p}
	for i := range all {
		l.Finished = l.Finished || all[i].State == fsstore.Done || all[i].State == fsstore.Cancelled
	}
	for i := range all[p.lo:p.hi] {
		l.Rows = append(l.Rows, jobRowOf(&all[p.lo+i]))
	}
	return l, nil
}

func newestFirst(jobs []fsstore.JobFile, at func(*fsstore.JobFile) time.Time) {
	slices.SortStableFunc(jobs, func(a, b fsstore.JobFile) int { return at(&b).Compare(at(&a)) })
}

// lastEvent leaves misses out: they may arrive at any time.
func lastEvent(j *fsstore.JobFile) time.Time {
	for i := len(j.Job.Events) - 1; i >= 0; i-- {
		if e := &j.Job.Events[i]; e.Kind != job.Miss {
			return e.Time
		}
	}
	return j.Job.LastAsked()
}

var stateWords = map[fsstore.State]string{
	fsstore.Active: "running", fsstore.Queue: "queued", fsstore.Failed: "failed",
	fsstore.Done: "completed", fsstore.Cancelled: "cancelled",
}

func jobRowOf(j *fsstore.JobFile) jobRow {
	r := jobRow{Name: j.Name, URL: shown(j.Job.FetchURL(), j.Name), State: stateWords[j.State], Batch: j.Batch, When: lastEvent(j)}
	r.Why = why(j)
	r.CanCancel = j.State == fsstore.Active || j.State == fsstore.Queue
	r.CanRetry = !r.CanCancel
	r.CanDismiss = j.State == fsstore.Failed
	switch {
	case j.State == fsstore.Done:
		if e, ok := j.Job.Newest(job.Done); ok && e.Size >= 0 {
			r.Sizes = templates.Size(e.Size)
		}
	case j.State == fsstore.Active && j.Total > 0:
		r.Progress, r.Part, r.Total = true, min(j.Part, j.Total), j.Total
		r.Percent = r.Part * 100 / r.Total
		r.Sizes = templates.Size(j.Part) + " of " + templates.Size(j.Total)
	case j.Part > 0:
		r.Sizes = templates.Size(j.Part)
	}
	return r
}

func why(j *fsstore.JobFile) string {
	text := j.Note
	if text == "" {
		text = j.Job.Reason()
	}
	return cut(key.RedactText(text), 600)
}

type artifactList struct {
	Rows  []artifactRow
	Q     string
	Pager pager
}

type artifactRow struct {
	Key, URL, SHA256, Why string
	Size, Hits            int64
	Misses                int
	AtLeast               bool
	Fetched               time.Time
}

// artifactList reads only the metas that it shows: a page costs one listing
// and its rows, however many are held.
func (s *Server) artifactList(r *http.Request, rows int) (artifactList, error) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	keys, err := s.matching(q)
	if err != nil {
		return artifactList{}, err
	}
	p := newPager("/artifacts", url.Values{"q": {q}}, pageOf(r), rows, len(keys))
	l := artifactList{Q: q, Pager: p}
	for _, k := range keys[p.lo:p.hi] {
		if row, ok := s.artifactRow(k); ok {
			l.Rows = append(l.Rows, row)
		}
	}
	return l, nil
}

// matching finds keys by what they say, host and file name, or by a whole URL.
func (s *Server) matching(q string) ([]string, error) {
	if strings.Contains(q, "://") {
		a, err := s.store.Lookup(q)
		switch {
		case err == nil:
			return []string{a.Key}, nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, key.ErrBadURL):
			return nil, nil
		}
		return nil, err
	}
	keys, err := s.store.Keys()
	if err != nil || q == "" {
		return keys, err
	}
	q = strings.ToLower(q)
	return slices.DeleteFunc(keys, func(k string) bool { return !strings.Contains(strings.ToLower(k), q) }), nil
}

// artifactRow is false where the artifact was evicted meanwhile. One that
// can't be read is shown, so that it can be evicted.
func (s *Server) artifactRow(k string) (artifactRow, bool) {
	a, err := s.store.Artifact(k)
	var gone *fs.PathError
	if errors.Is(err, fs.ErrNotExist) && errors.As(err, &gone) {
		return artifactRow{}, false
	}
	if err != nil {
		return artifactRow{Key: k, URL: k, Why: "its meta can't be read: run fromcache fsck"}, true
	}
	return artifactRow{
		Key: k, URL: shown(a.URL, k), SHA256: a.SHA256, Size: a.Size, Hits: s.store.Hits(k),
		Misses: a.Misses, AtLeast: a.AtLeast, Fetched: a.Fetched,
	}, true
}

// pager says which rows of a list a page shows, and where the others are.
type pager struct {
	Label, All, Prev, Next string
	From, To, Total        int
	Many, More             bool
	lo, hi                 int
}

func newPager(path string, q url.Values, page, rows, total int) pager {
	pages := max(1, (total+rows-1)/rows)
	page = min(max(1, page), pages)
	p := pager{Label: "Pages of " + strings.TrimPrefix(path, "/"), All: path, Total: total}
	p.lo, p.hi = (page-1)*rows, min(page*rows, total)
	p.From, p.To, p.Many, p.More = p.lo+1, p.hi, pages > 1, total > p.hi
	if page > 1 {
		p.Prev = link(path, q, page-1)
	}
	if page < pages {
		p.Next = link(path, q, page+1)
	}
	return p
}

func link(path string, q url.Values, page int) string {
	v := url.Values{"page": {strconv.Itoa(page)}}
	if s := q.Get("q"); s != "" {
		v.Set("q", s)
	}
	return path + "?" + v.Encode()
}

func pageOf(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}
