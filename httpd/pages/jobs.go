package pages

import (
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/templates"
)

// jobList is the downloads page: a list for each state, or one list whole.
type jobList struct {
	Only     string // the state that is shown alone, "" all
	Sections []jobSection
	Finished bool
}

type jobSection struct {
	State, Word, Title string
	Empty              string
	Rows               []jobRow
	Pager              pager
}

type jobRow struct {
	ID, Dir, Name, URL, State, Why, Sizes string
	Rate, Left                            string // of a download that runs
	Batch                                 int
	Part, Total, Percent                  int64
	Progress                              bool
	When                                  time.Time
	CanRetry                              bool
	WantsSum                              bool   // it was given up for want of a SHA-256
	Calm                                  bool   // Why is no trouble: somebody wanted it so
	Log                                   string // address of the page with its log
	Acts                                  []templates.Action
}

// section is one directory of the spool as the downloads page shows it.
type section struct {
	state       fsstore.State
	word, empty string
	rows        int // on the page that shows all
}

var sections = []section{
	{fsstore.Active, "running", "Nothing is being fetched.", 50},
	{fsstore.Queue, "queued", "Nothing waits.", 25},
	{fsstore.Failed, "failed", "Nothing has failed.", 25},
	{fsstore.Done, "completed", "Nothing has been fetched yet, or the history was cleared.", 15},
	{fsstore.Cancelled, "cancelled", "Nothing was cancelled.", 15},
}

func sectionOf(st fsstore.State) *section {
	for i := range sections {
		if sections[i].state == st {
			return &sections[i]
		}
	}
	return nil
}

func (s *Server) showDownloads(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "downloads")
	for i := range sections {
		f.Words = append(f.Words, sections[i].word)
	}
	f.Jobs = s.jobList(r.URL.Query().Get("state"), pageOf(r))
	return s.write(w, r, http.StatusOK, f)
}

func (s *Server) jobList(only string, page int) jobList {
	var l jobList
	l.Finished = s.view.Count(fsstore.Done)+s.view.Count(fsstore.Cancelled) > 0
	for i := range sections {
		if sections[i].word == only {
			l.Only = only
			l.Sections = []jobSection{s.jobSection(&sections[i], page, perPage)}
			return l
		}
	}
	for i := range sections {
		l.Sections = append(l.Sections, s.jobSection(&sections[i], 1, sections[i].rows))
	}
	return l
}

// jobs returns the jobs of a directory, those with the newest event first.
func (s *Server) jobs(st fsstore.State) []fsstore.JobFile {
	list := s.view.Jobs(st)
	if st == fsstore.Active {
		newestFirst(list, lastEvent) // a copy of our own
		return list
	}
	return s.computed.newest(st, list)
}

func (s *Server) jobSection(c *section, page, rows int) jobSection {
	jobs := s.jobs(c.state)
	p := newPager("downloads", url.Values{"state": {c.word}}, page, rows, len(jobs))
	p.All = "downloads?state=" + c.word
	sec := jobSection{State: string(c.state), Word: c.word, Title: strings.ToUpper(c.word[:1]) + c.word[1:], Empty: c.empty, Pager: p}
	for i := range jobs[p.lo:p.hi] {
		sec.Rows = append(sec.Rows, s.jobRow(&jobs[p.lo+i]))
	}
	return sec
}

func newestFirst(jobs []fsstore.JobFile, at func(*fsstore.JobFile) time.Time) {
	slices.SortStableFunc(jobs, func(a, b fsstore.JobFile) int { return at(&b).Compare(at(&a)) })
}

// lastEvent returns the time of the last event. Misses don't count, because they may
// arrive at any time.
func lastEvent(j *fsstore.JobFile) time.Time {
	for i := len(j.Job.Events) - 1; i >= 0; i-- {
		if e := &j.Job.Events[i]; e.Kind != job.Miss {
			return e.Time
		}
	}
	if j.Asked != nil {
		return j.Asked.Last
	}
	return j.Job.LastAsked()
}

func (s *Server) jobRow(j *fsstore.JobFile) jobRow {
	dir := string(j.State)
	r := jobRow{ID: rowID(dir, j.Name), Dir: dir, Name: j.Name, URL: shown(j.Job.FetchURL(), j.Name), Batch: j.Batch, When: lastEvent(j), Why: why(j)}
	if c := sectionOf(j.State); c != nil {
		r.State = c.word
	}
	r.Calm = j.PutOff || j.State == fsstore.Cancelled || onPurpose(&j.Job)
	r.CanRetry = j.State == fsstore.Failed || j.State == fsstore.Cancelled || j.State == fsstore.Done
	r.WantsSum = r.CanRetry && strings.Contains(r.Why, "add the line `sha256 <hex>` to the job")
	r.Acts = jobActs(j)
	r.Log = "job?" + url.Values{"in": {dir}, "name": {j.Name}}.Encode()
	s.amounts(&r, j)
	return r
}

// onPurpose reports whether the last outcome in a job's log is what an operator did.
func onPurpose(j *job.Job) bool {
	for i := len(j.Events) - 1; i >= 0; i-- {
		switch j.Events[i].Kind {
		case job.Cancelled, job.Evicted:
			return true
		case job.Error, job.Wait, job.Failed, job.Done:
			return false
		}
	}
	return false
}

// jobActs returns the buttons of a job, by the directory that it is in.
func jobActs(j *fsstore.JobFile) []templates.Action {
	act := func(verb, label, look, field string) templates.Action {
		a := rowAction(verb, label, look, field, j.Name)
		a.In, a.File = string(j.State), string(j.State)+"/"+j.Name
		return a
	}
	switch j.State {
	case fsstore.Active, fsstore.Queue:
		cancel := act("cancel", "Cancel", "quiet warn", "id")
		cancel.In = "" // wherever it is by now
		return []templates.Action{cancel}
	case fsstore.Done:
		return []templates.Action{act("retry", "Fetch again", "quiet", "id")}
	case fsstore.Failed, fsstore.Cancelled:
		list := []templates.Action{act("retry", "Retry", "quiet", "id"), act("dismiss", "Dismiss", "quiet", "key")}
		if option := missingOption(why(j)); option != "" {
			with := act("retry", "Accept "+option+" and retry", "quiet", "id")
			with.Accept = option
			list = append([]templates.Action{with}, list...)
		}
		return list
	case fsstore.Misses:
		return missActs(variantsOf(j, j.Job.Variants(), math.MaxInt), "")
	}
	return nil
}

var optionAdvised = regexp.MustCompile("add the line `accept (text/html|any|http|private)` to the job")

// missingOption returns the option that the reason of a failure advises to accept,
// or "".
func missingOption(why string) string {
	if m := optionAdvised.FindStringSubmatch(why); m != nil {
		return m[1]
	}
	return ""
}

// amounts fills in how many bytes there are, and the rate of a running download.
func (s *Server) amounts(r *jobRow, j *fsstore.JobFile) {
	switch {
	case j.State == fsstore.Done:
		if e, ok := j.Job.Newest(job.Done); ok && e.Size >= 0 {
			r.Sizes = templates.Size(e.Size)
		}
	case j.State == fsstore.Active:
		rate := s.rates.of(j, time.Now())
		if rate > 0 {
			r.Rate = templates.Size(rate) + "/s"
		}
		r.Sizes = templates.Size(j.Part)
		if j.Total <= 0 {
			return
		}
		r.Progress, r.Part, r.Total = true, min(j.Part, j.Total), j.Total
		r.Percent = r.Part * 100 / r.Total
		r.Sizes += " of " + templates.Size(j.Total)
		if rate > 0 {
			r.Left = inWords(time.Duration((r.Total - r.Part) / rate * int64(time.Second)))
		}
	case j.Part > 0:
		r.Sizes = templates.Size(j.Part)
	}
}

func why(j *fsstore.JobFile) string {
	text := j.Note
	if text == "" {
		text = j.Job.Reason()
	}
	return cut(key.RedactText(text), 600)
}

// shown returns a URL as pages show it: redacted, and cut after 600 bytes.
func shown(raw, orElse string) string {
	if raw == "" {
		return orElse
	}
	return cut(key.RedactDistinct(raw), 600)
}

// showJob is the page of one job: where it is, and its own log.
func (s *Server) showJob(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	st := fsstore.State(q.Get("in"))
	if sectionOf(st) == nil && st != fsstore.Misses && st != fsstore.Denied {
		return answer.Refuse(http.StatusNotFound, "there is no such directory in the spool")
	}
	j, err := s.store.JobFile(st, q.Get("name"))
	if err != nil {
		return err
	}
	log, err := s.store.Log(st, q.Get("name"))
	if err != nil {
		return err
	}
	f := s.frame(w, r, "job")
	f.Job = s.jobRow(&j)
	if st == fsstore.Misses {
		f.Variants = variantsOf(&j, j.Job.Variants(), math.MaxInt)
		f.Hints = s.hints(&j)
	}
	if j.Key != "" {
		if a, err := s.store.Lookup(j.Job.FetchURL()); err == nil { // an earlier server may have named it
			f.Held = "artifacts/" + url.PathEscape(a.Key)
		}
	}
	for line := range strings.Lines(string(log)) {
		f.Log = append(f.Log, cut(key.RedactText(strings.TrimRight(line, "\r\n")), 2000))
	}
	return s.write(w, r, http.StatusOK, f)
}
