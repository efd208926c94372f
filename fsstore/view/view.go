// Package view keeps a copy of the directories in memory, for pages that must be quick with a
// million artifacts. It learns of changes from fsnotify and from listings, never from the
// verbs, so that an mv in a shell and a button look the same to it.
package view

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"

	"fromcache/fsstore/catalog"
	"fromcache/fsstore/ended"
	"fromcache/fsstore/health"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

const (
	// listSpool and listMeta are how often Run looks at each file of a directory without an event,
	// because changes made through another mount bring none. Names that come and go it finds each
	// readParts.
	listSpool = time.Second
	listMeta  = 30 * time.Second
	// listRest makes that rarer for large directories: one is listed again after so many times what
	// its last listing took. 100,000 metas take 0.3 s, so they are listed every 60 s.
	listRest = 200
	// overdue is after how many of these intervals a page lists by itself, because Run does not.
	overdue = 4
	// restNames is after how many times what the last listing of names took they are listed again.
	restNames = 20
	// readParts is how often the size of a part is read, for progress.
	readParts = 500 * time.Millisecond
	// forgetAfter is after how long without a reader the memory is given back. It is a day, because
	// an operator comes back in the morning.
	forgetAfter = 24 * time.Hour
)

// viewed are the states that a View shows as jobs, in the direction in which jobs flow. Of done/,
// which may have as many as there are artifacts, it has rows.
var viewed = []tree.State{
	tree.Misses, tree.Queue, tree.Active, tree.Failed, tree.Cancelled, tree.Denied,
}

// View is a copy of the directories in memory; see the package comment. It reads no directory until
// somebody reads that.
type View struct {
	tree   *tree.Tree
	health *health.Monitor
	spool  *spool.Spool

	catalog *catalog.Catalog
	ended   *ended.Jobs
	jobs    map[tree.State]*tree.Mirror[spool.JobFile]

	mu      sync.Mutex
	readers map[chan Change]bool
	used    map[string]time.Time     // when each directory was last read; none: never, or it was forgotten
	listed  map[string]time.Time     // when each directory was listed; none: list it again
	took    map[string]time.Duration // how long its last listing but the first took
	running bool                     // Run does the listing
	order   orders
	walks   map[string]*walk
	work    sync.WaitGroup  // walks that run beside Run
	ctx     context.Context // Run's
	listing sync.Mutex      // one listing at a time
	seen    map[string]*tree.DirSeen
	parts   map[string]int64 // Run's: sizes last told, by name in active/
	counted map[tree.State]count
}

// count is how many names a directory had.
type count struct {
	of tree.Listing
	n  int
}

// ArtifactRow is what a list shows of one artifact.
type ArtifactRow = catalog.Row

// Change tells that a file is new, gone or not what it was. Dir is a State, "meta" or "hits". With
// an empty Name anything in Dir may have changed.
type Change struct {
	Dir, Name string
}

// New returns the View of a data directory, on the rooms below it. Subscribers hear of changes
// while Run runs.
func New(t *tree.Tree, h *health.Monitor, a *catalog.Catalog, p *spool.Spool) *View {
	v := &View{
		tree: t, health: h, catalog: a, spool: p, ended: ended.New(t, p),
		readers: map[chan Change]bool{},
		used:    map[string]time.Time{},
		listed:  map[string]time.Time{},
		took:    map[string]time.Duration{},
		parts:   map[string]int64{},
		seen:    map[string]*tree.DirSeen{},
		jobs:    map[tree.State]*tree.Mirror[spool.JobFile]{},
		walks:   map[string]*walk{"meta": {}, "hits": {}, "done": {}},
		counted: map[tree.State]count{},
	}
	for _, dir := range directories {
		v.seen[dir] = &tree.DirSeen{}
	}
	for _, st := range viewed {
		v.jobs[st] = &tree.Mirror[spool.JobFile]{
			Dir:  t.JobPath(st, ""),
			Ours: isJob,
			Load: func(name string) (spool.JobFile, error) { return v.loadJob(st, name) },
		}
	}
	return v
}

func (v *View) loadJob(st tree.State, name string) (spool.JobFile, error) {
	j, err := v.spool.JobFile(st, name)
	return brief(j), err
}

// A View keeps no more than this of a job's misses. A page shows five clients and five URLs, and a
// search sees only the clients that are kept. 10,000 files that strangers have filled take 100 MB
// so; whole they would take gigabytes.
const (
	keptClients = 50
	keptURLs    = 4 << 10 // bytes, beside line 1
)

// brief returns what a list shows of a job, with no memory of its file's text: its misses in sum,
// and only the last two events of a job that has ended, because there may be as many as artifacts.
func brief(j spool.JobFile) spool.JobFile {
	isOver := j.State == tree.Done || j.State == tree.Failed || j.State == tree.Cancelled
	if isOver {
		j.AskedBy = unique.Make(ended.AskedBy(&j.Job)).Value() // of many jobs the same
	} else {
		j.Asked = j.Job.SummariseMisses(keptClients, keptURLs)
	}
	if j.State != tree.Misses {
		j.Job.URL = j.Job.FetchURL()
	}
	for _, s := range []*string{&j.Job.URL, &j.Job.Sha256, &j.Note} {
		*s = strings.Clone(*s)
	}
	if j.State == tree.Misses {
		j.Redacted = key.Redact(j.Job.URL)
		if u, err := key.Parse(j.Job.URL, key.Auto); err == nil {
			j.Host = strings.Clone(u.Host())
		}
	}
	events := slices.DeleteFunc(j.Job.Events, func(e job.Event) bool { return e.Kind == job.Miss })
	if isOver {
		events = events[max(0, len(events)-2):]
	}
	j.Job.Events = make([]job.Event, len(events))
	for i, e := range events {
		e.URL = "" // FetchURL has read it
		j.Job.Events[i] = e.Clone()
	}
	return j
}

// Job returns one file of the spool as it is now.
func (v *View) Job(st tree.State, name string) (spool.JobFile, bool) {
	v.touch(string(st))
	j, _, err := v.jobs[st].Look(name)
	if err != nil {
		return spool.JobFile{}, false
	}
	if st == tree.Active {
		j.Part = v.spool.PartSize(&j)
	}
	return j, true
}

// Count returns the number of files in a directory. It reads no file, because a server whose
// metrics are all that is asked for need not have every job in memory.
func (v *View) Count(st tree.State) int {
	if st != tree.Done && v.inUse(string(st)) {
		v.listIfOverdue(string(st))
		return v.jobs[st].Len()
	}
	v.mu.Lock()
	kept := v.running && st == tree.Done && v.ended.IsLoaded()
	v.mu.Unlock()
	if n := v.ended.Len(); kept && n > few {
		return n
	}
	return v.countNames(st)
}

// countNames counts the names of a directory, if names came or went since it did so last.
func (v *View) countNames(st tree.State) int {
	now := v.tree.ListingOf(string(st))
	v.mu.Lock()
	last := v.counted[st]
	v.mu.Unlock()
	if last.of.Same(now) {
		return last.n
	}
	n := 0
	err := v.tree.EachNames(string(st), func(names []string) error {
		for _, name := range names {
			if isJob(name) {
				n++
			}
		}
		return nil
	})
	v.health.Complain("view", err)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counted[st] = count{now, n}
	return n
}

// Any reports whether there is a file in a directory. It lists no more than it must.
func (v *View) Any(st tree.State) bool {
	some := errors.New("some")
	err := v.tree.EachNames(string(st), func(names []string) error {
		if slices.ContainsFunc(names, isJob) {
			return some
		}
		return nil
	})
	if err != some {
		v.health.Complain("view", err)
	}
	return err == some
}

// isJob tells a job from the reason that a person is given beside it.
func isJob(name string) bool { return !strings.HasSuffix(name, ".why") }

// Reread reads the files of a name or key again, so that whoever called a verb sees it done.
func (v *View) Reread(name string) {
	for _, n := range []string{name, name + ".job"} {
		for _, st := range viewed {
			if v.inUse(string(st)) && v.jobs[st].Refresh(n) {
				v.notify(string(st), n)
			}
		}
	}
	if v.inUse("done") && v.ended.Refresh(name+".job") {
		v.notify("done", name+".job")
	}
	if v.inUse("meta") && v.catalog.Refresh(name+".json") {
		v.notify("meta", name+".json")
	}
}

// Relist lists a directory now, for a verb that changed many files.
func (v *View) Relist(st tree.State) {
	if st == tree.Done {
		v.relist("done")
		return
	}
	v.list(string(st), 0)
}
