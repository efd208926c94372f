package show

import (
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/httpd/progress"
	"fromcache/templates"
)

// Jobs is the downloads page: a list for each state, or one list whole.
type Jobs struct {
	Only     string   // the state that is shown alone, "" all
	Words    []string // of all states
	Sections []Section
	Finished bool
}

// Section is the jobs of one state.
type Section struct {
	State, Word, Title string
	Empty              string
	Rows               []JobRow
	Pager              pager
	Reading            bool // the rows are of the jobs that have been read so far
	Read, ToRead       int  // how many that are, and of how many
}

// JobRow is one job.
type JobRow struct {
	ID, Dir, Name, URL, State, Word, Why, Sizes string
	Rate, Left                                  string // of a download that runs
	Batch                                       int
	Part, Total, Percent                        int64
	Progress                                    bool
	When                                        time.Time
	CanRetry                                    bool
	WantsSum                                    bool   // it was given up for want of a SHA-256
	Calm                                        bool   // Why is no trouble: somebody wanted it so
	Log                                         string // address of the page with its log
	Acts                                        []templates.Action
}

// directory is one directory of the spool as the downloads page shows it.
type directory struct {
	state fsstore.State
	word  string // in addresses; words.txt has what is shown
	rows  int    // on the page that shows all
}

var directories = []directory{
	{fsstore.Active, "running", 50},
	{fsstore.Queue, "queued", 25},
	{fsstore.Failed, "failed", 25},
	{fsstore.Done, "completed", 15},
	{fsstore.Cancelled, "cancelled", 15},
}

func directoryOf(st fsstore.State) *directory {
	for i := range directories {
		if directories[i].state == st {
			return &directories[i]
		}
	}
	return nil
}

// IsDownload reports whether the downloads page shows a state.
func IsDownload(st fsstore.State) bool { return directoryOf(st) != nil }

// Jobs returns one page of at most rows jobs of the state whose word is only, or the first jobs of
// all states where there is none.
func (m *Model) Jobs(only string, page, rows int) Jobs {
	var l Jobs
	for i := range directories {
		l.Words = append(l.Words, directories[i].word)
	}
	l.Finished = m.view.Any(fsstore.Done) || m.view.Any(fsstore.Cancelled)
	for i := range directories {
		if directories[i].word == only {
			l.Only = only
			l.Sections = []Section{m.section(&directories[i], page, rows)}
			return l
		}
	}
	for i := range directories {
		l.Sections = append(l.Sections, m.section(&directories[i], 1, directories[i].rows))
	}
	return l
}

// jobs returns the jobs of a directory other than done/, those with the newest event first.
func (m *Model) jobs(st fsstore.State) []fsstore.JobFile {
	list := m.view.Jobs(st)
	if st == fsstore.Active {
		newestFirst(list, lastEvent) // a copy of our own
		return list
	}
	return m.computed.newest(st, list)
}

// Newest returns the first rows jobs of a state that IsDownload.
func (m *Model) Newest(st fsstore.State, rows int) Section {
	return m.section(directoryOf(st), 1, rows)
}

func (m *Model) section(c *directory, page, rows int) Section {
	word := templates.Word("state." + c.word)
	sec := Section{
		State: string(c.state),
		Word:  c.word,
		Title: strings.ToUpper(word[:1]) + word[1:],
		Empty: templates.Word("state." + c.word + ".none"),
	}
	list := m.jobsOn(&sec, c, page, rows)
	for i := range list {
		sec.Rows = append(sec.Rows, m.jobRow(&list[i]))
	}
	return sec
}

// jobsOn returns the jobs of a page, and fills in which those are.
func (m *Model) jobsOn(sec *Section, c *directory, page, rows int) []fsstore.JobFile {
	pager := func(total int) pager {
		p := newPager("downloads", url.Values{"state": {c.word}}, page, rows, total)
		p.All = "downloads?state=" + c.word
		return p
	}
	if c.state != fsstore.Done {
		jobs := m.jobs(c.state)
		sec.Pager = pager(len(jobs))
		return jobs[sec.Pager.lo:sec.Pager.hi]
	}
	list, total := m.view.Ended((page-1)*rows, rows)
	sec.Pager = pager(total)
	if sec.Pager.lo != (page-1)*rows { // the page is behind the last one
		list, _ = m.view.Ended(sec.Pager.lo, rows)
	}
	sec.Read, sec.ToRead, sec.Reading = m.view.ReadingEnded()
	return list
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

func (m *Model) jobRow(j *fsstore.JobFile) JobRow {
	dir := string(j.State)
	r := JobRow{
		ID:    rowID(dir, j.Name),
		Dir:   dir,
		Name:  j.Name,
		URL:   URL(j.Job.FetchURL(), j.Name),
		Batch: j.Batch,
		When:  lastEvent(j),
		Why:   why(j),
	}
	if c := directoryOf(j.State); c != nil {
		r.State, r.Word = c.word, templates.Word("state."+c.word)
	}
	r.Calm = j.PutOff || j.State == fsstore.Cancelled || onPurpose(&j.Job)
	r.CanRetry = j.State == fsstore.Failed || j.State == fsstore.Cancelled || j.State == fsstore.Done
	r.WantsSum = r.CanRetry && strings.Contains(r.Why, "add the line `sha256 <hex>` to the job")
	r.Acts = jobActs(j)
	r.Log = "job?" + url.Values{"in": {dir}, "name": {j.Name}}.Encode()
	m.amounts(&r, j)
	return r
}

// onPurpose reports whether the last outcome in a job's log is what an operator did.
func onPurpose(j *job.Job) bool {
	for i := len(j.Events) - 1; i >= 0; i-- {
		switch j.Events[i].Kind {
		case job.Cancelled, job.Evicted:
			return true
		case job.Error, job.Wait, job.Failed, job.Done, job.Restored:
			return false
		}
	}
	return false
}

// jobActs returns the buttons of a job, by the directory that it is in.
func jobActs(j *fsstore.JobFile) []templates.Action {
	act := func(verb, look, field string) templates.Action {
		a := action(verb, look, field, j.Name)
		a.In, a.File = string(j.State), string(j.State)+"/"+j.Name
		return a
	}
	switch j.State {
	case fsstore.Active, fsstore.Queue:
		cancel := first(act("cancel", "quiet warn", "id"))
		cancel.In = "" // wherever it is by now
		return []templates.Action{cancel}
	case fsstore.Done:
		again := act("retry", "quiet", "id")
		again.Label = templates.Word("verb.again")
		return []templates.Action{again}
	case fsstore.Failed, fsstore.Cancelled:
		list := []templates.Action{
			first(act("retry", "quiet", "id")),
			act("dismiss", "quiet", "key"),
		}
		if option := missingOption(why(j)); option != "" {
			with := first(act("retry", "quiet", "id"))
			with.Label, with.Accept = templates.Word("verb.retry.with", option), option
			list = append([]templates.Action{with}, list...)
		}
		return list
	case fsstore.Misses:
		return missActs(variantsOf(j, j.Job.Variants(), math.MaxInt))
	}
	return nil
}

var optionAdvised = regexp.MustCompile(
	"add the line `accept (text/html|any|http|private)` to the job",
)

// missingOption returns the option that the reason of a failure advises to accept,
// or "".
func missingOption(why string) string {
	if m := optionAdvised.FindStringSubmatch(why); m != nil {
		return m[1]
	}
	return ""
}

// amounts fills in how many bytes there are, and the rate of a running download.
func (m *Model) amounts(r *JobRow, j *fsstore.JobFile) {
	switch {
	case j.State == fsstore.Done:
		if e, ok := j.Job.Newest(job.Done); ok && e.Size >= 0 {
			r.Sizes = templates.Size(e.Size)
		}
	case j.State == fsstore.Active:
		rate := m.rates.Of(j, time.Now())
		if rate > 0 {
			r.Rate = templates.Size(rate) + "/s"
		}
		r.Sizes = templates.Size(j.Part)
		if j.Total <= 0 {
			return
		}
		r.Progress, r.Part, r.Total = true, min(j.Part, j.Total), j.Total
		r.Percent = r.Part * 100 / r.Total
		r.Sizes = templates.Word("job.sizes", templates.Size(j.Part), templates.Size(j.Total))
		if left, ok := progress.Left(j, rate); ok {
			r.Left = timeLeft(left)
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
	return Cut(key.RedactText(text), 600)
}

// Job is all that is known of one job.
type Job struct {
	JobRow
	Variants Variants // of a miss
	Hints    []string // of a miss
	Lines    []string // its own log
	Held     string   // address of the artifact's page, "" where it is not held
}

// Job returns the job of a name in the directory of a state.
func (m *Model) Job(st fsstore.State, name string) (Job, error) {
	j, err := m.store.JobFile(st, name)
	if err != nil {
		return Job{}, err
	}
	log, err := m.store.Log(st, name)
	if err != nil {
		return Job{}, err
	}
	shown := Job{JobRow: m.jobRow(&j)}
	if st == fsstore.Misses {
		shown.Variants = variantsOf(&j, j.Job.Variants(), math.MaxInt)
		shown.Hints = m.hints(&j)
	}
	if j.Key != "" {
		if a, err := m.store.Lookup(j.Job.FetchURL()); err == nil { // an earlier server may have named it
			shown.Held = pageOf(a.Key)
		}
	}
	for line := range strings.Lines(string(log)) {
		shown.Lines = append(shown.Lines, Cut(key.RedactText(strings.TrimRight(line, "\r\n")), 2000))
	}
	return shown, nil
}
