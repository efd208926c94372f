// Package journal reads what happened from the jobs' own logs: the lines of all job files in all
// directories, by time. It keeps nothing, so a job that was removed, as a dismissed miss is, has
// left no line. status.go says from the same files how things are, and what is to do.
package journal

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Entry is one line of a job's log.
type Entry struct {
	Time  time.Time  `json:"time"`
	State tree.State `json:"state" doc:"The directory that the file was in when it was read"`
	Name  string     `json:"name" doc:"Of the file"`
	Key   string     `json:"key,omitempty"`
	Event job.Kind   `json:"event"`
	Text  string     `json:"text" doc:"The line behind its time, redacted"`
}

// Filter says which entries are wanted. The zero value is all but claims and kept lines.
type Filter struct {
	Match   string    // a glob that the key or the file's name matches whole; "": any
	Since   time.Time // none from before; zero: from the beginning
	Last    int       // the newest so many; 0: all
	Workers bool      // also what workers write for themselves: claim and kept lines
}

// Journal reads the logs of one data directory.
type Journal struct {
	tree  *tree.Tree
	spool *spool.Spool
}

// New returns the Journal of a data directory, on the rooms below it.
func New(t *tree.Tree, p *spool.Spool) *Journal { return &Journal{tree: t, spool: p} }

// states are the directories whose files have logs.
var states = []tree.State{
	tree.Misses, tree.Queue, tree.Active, tree.Done, tree.Failed, tree.Cancelled, tree.Denied,
}

// Entries returns what happened, newest last. It reads every job file, some 50,000 a second.
func (l *Journal) Entries(f Filter) ([]Entry, error) {
	r := l.newReader(f)
	if err := r.scan(); err != nil {
		return nil, err
	}
	return r.take(), nil
}

// Follow calls tell with what Entries returns, and then with those that come, until ctx ends or
// tell returns an error. It is woken by changes in the directories, and looks every two seconds
// where no event comes. A look is followed by a rest of ten times as long, because it asks for the
// state of every file: 100,000 take a tenth of a processor. tell is called after each look.
func (l *Journal) Follow(ctx context.Context, f Filter, tell func([]Entry) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := l.newReader(f)
	r.told = map[told]bool{}
	wake := l.spool.Watch(ctx, 2*time.Second, states...)
	for ok := true; ok; _, ok = <-wake {
		began := time.Now()
		if err := r.scan(); err != nil {
			return err
		}
		took := time.Since(began)
		if err := tell(r.take()); err != nil {
			return err
		}
		if r.begun { // the first look reads every file, and later ones don't
			rest(ctx, lookShare*took)
		}
		r.filter.Last, r.begun, r.began = 0, true, began
		r.forgetOld()
	}
	return ctx.Err()
}

// lookShare is how much longer a rest is than the look before it.
const lookShare = 10

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// reader reads files that changed since it read them last.
type reader struct {
	l      *Journal
	filter Filter
	files  map[tree.State]*tree.Mirror[struct{}]
	found  []Entry
	told   map[told]bool // recent entries that were found before; nil: nobody follows
	begun  bool          // the first look is over
	began  time.Time     // the newest look
}

// told is what tells an entry from all others, wherever its file has moved since.
type told struct {
	key, text string
	time      int64
	nth       int // of the same lines in its file
}

func (l *Journal) newReader(f Filter) *reader {
	r := &reader{l: l, filter: f, files: map[tree.State]*tree.Mirror[struct{}]{}, began: time.Now()}
	for _, st := range states {
		r.files[st] = &tree.Mirror[struct{}]{
			Dir:  l.tree.JobPath(st, ""),
			Ours: func(name string) bool { return !strings.HasSuffix(name, ".why") },
			Load: func(name string) (none struct{}, err error) {
				j, err := l.spool.JobFile(st, name)
				if err == nil {
					r.add(&j)
				}
				return none, err
			},
			ReloadUnsettled: true,
		}
	}
	return r
}

// scan reads what has changed in all directories.
func (r *reader) scan() error {
	for _, st := range states {
		names, err := r.l.tree.Names(string(st))
		if err != nil {
			return err
		}
		r.files[st].Rescan(names)
	}
	return nil
}

// late is how old an entry may be that comes between two looks, because the clocks of several hosts
// differ. What is older was there before: its file has another name now.
const late = 10 * time.Minute

// isLate reports whether an entry of that time was found by an earlier look, if there was one.
func (r *reader) isLate(t time.Time) bool { return t.Before(r.began.Add(-late)) }

// forgetOld forgets what isLate answers for.
func (r *reader) forgetOld() {
	maps.DeleteFunc(r.told, func(id told, _ bool) bool { return r.isLate(time.Unix(id.time, 0)) })
}

func (r *reader) add(j *spool.JobFile) {
	if !r.matches(j) {
		return
	}
	same := map[told]int{}
	for _, e := range j.Job.Events {
		ofWorkers := e.Kind == job.Claim || e.Kind == job.Kept
		if ofWorkers && !r.filter.Workers || e.Time.Before(r.filter.Since) {
			continue
		}
		_, text, _ := strings.Cut(strings.TrimSpace(e.Line()), " ")
		id := told{key: cmp.Or(j.Key, j.Name), text: text, time: e.Time.Unix()}
		same[id]++
		id.nth = same[id]
		if r.told[id] || r.begun && r.isLate(e.Time) {
			continue
		}
		if r.told != nil && !r.isLate(e.Time) {
			r.told[id] = true
		}
		r.found = append(r.found, Entry{e.Time, j.State, j.Name, j.Key, e.Kind, key.RedactText(text)})
	}
	if n := r.filter.Last; n > 0 && len(r.found) > 2*n+10_000 {
		r.found = newest(r.found, n)
	}
}

func (r *reader) matches(j *spool.JobFile) bool {
	if r.filter.Match == "" {
		return true
	}
	for _, name := range []string{j.Key, j.Name, strings.TrimSuffix(j.Name, ".job")} {
		if ok, err := path.Match(r.filter.Match, name); ok && err == nil && name != "" {
			return true
		}
	}
	return false
}

// take returns what was found since it was called last, newest last.
func (r *reader) take() []Entry {
	list := newest(r.found, r.filter.Last)
	r.found = nil
	return list
}

// newest sorts a list, and returns the newest n of it; all for 0.
func newest(list []Entry, n int) []Entry {
	slices.SortStableFunc(list, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	if n == 0 || n > len(list) {
		return list
	}
	return slices.Clone(list[len(list)-n:])
}
