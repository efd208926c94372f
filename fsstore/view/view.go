// Package view is a picture of the directories in memory, for pages that must be quick with a
// hundred thousand artifacts. It is fed by fsnotify and by listings, never by the verbs, so that an
// mv in a shell and a button look the same to it.
package view

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

const (
	// lookSpool and lookMeta: how old a picture may get without an event, for
	// changes made through another mount are never announced. A listing of
	// 100,000 metas takes 0.3 s, so Run does it and no page waits for it.
	lookSpool = time.Second
	lookMeta  = 30 * time.Second
	// overdue: nobody runs the view, so that its reader must look.
	overdue = 4
	// lookParts: how often the size of a part is read, for progress.
	lookParts = 500 * time.Millisecond
	// idle is the share of time that listings may take: a directory whose
	// listing takes 0.3 s is listed each 15 s.
	idle = 50
	// unseen: after so long without a reader the picture is thrown away; an
	// operator comes back in the morning.
	unseen = 24 * time.Hour
)

// States that a View shows as jobs, in the direction in which jobs flow.
var viewed = []tree.State{tree.Misses, tree.Queue, tree.Active, tree.Done, tree.Failed, tree.Cancelled, tree.Denied}

// View is a picture of the directories in memory, for pages that must be quick
// with a hundred thousand artifacts. It is fed by fsnotify and by listings,
// never by the verbs: an mv in a shell and a button look the same to it. Until
// someone reads it, it costs nothing.
type View struct {
	s     *source
	metas tree.Mirror[ArtifactRow]
	hits  tree.Mirror[hitRow]
	jobs  map[tree.State]*tree.Mirror[spool.JobFile]

	mu      sync.Mutex
	readers map[chan Change]bool
	used    time.Time
	fresh   map[string]time.Time // of each directory: when it was listed
	parts   map[string]int64     // sizes last told, by name in active/
	running bool                 // Run does the listing
	cost    map[string]time.Duration
	order   orders
	scan    sync.Mutex // one listing at a time
}

// ArtifactRow is what a list shows of one artifact.
type ArtifactRow struct {
	Key     string
	URL     string // redacted; "" where meta can't be read
	SHA256  string
	Size    int64
	Fetched time.Time
	Misses  int
	AtLeast bool
	Hits    int64
}

// Saved is how many bytes its hits have spared the origin, at most 2^63-1:
// people write numbers into these files.
func (r *ArtifactRow) Saved() int64 {
	if r.Size > 0 && r.Hits > math.MaxInt64/r.Size {
		return math.MaxInt64
	}
	return r.Size * r.Hits
}

type hitRow struct {
	key string
	n   int64
}

// Change says that a row is another now, or gone, or new. Dir is a State,
// "meta" or "hits"; an empty Name means that anything in Dir may have changed.
type Change struct {
	Dir, Name string
}

// New returns a picture of the directories. Run it once to have changes told.
func New(t *tree.Tree, h *health.Monitor, c *counts.Counts, a *held.Cache, p *spool.Spool) *View {
	s := &source{tree: t, health: h, counts: c, held: a, spool: p}
	v := &View{s: s, readers: map[chan Change]bool{}, fresh: map[string]time.Time{}, cost: map[string]time.Duration{}, parts: map[string]int64{}, jobs: map[tree.State]*tree.Mirror[spool.JobFile]{}}
	v.metas = tree.Mirror[ArtifactRow]{Dir: s.tree.Path("meta", ""), Ours: held.IsMetaName, Load: v.loadMeta}
	v.hits = tree.Mirror[hitRow]{Dir: s.tree.Path("hits", ""), Ours: tree.Plain, Load: func(k string) (hitRow, error) { return hitRow{k, s.counts.ReadHits(k)}, nil }}
	for _, st := range viewed {
		v.jobs[st] = &tree.Mirror[spool.JobFile]{Dir: s.tree.JobPath(st, ""), Ours: func(name string) bool { return !strings.HasSuffix(name, ".why") },
			Load: func(name string) (spool.JobFile, error) {
				j, err := s.spool.JobFile(st, name)
				return brief(j), err
			}}
	}
	return v
}

// What a View keeps of a job's misses. A page shows five clients and five URLs, and
// a search sees no more clients than are kept. 10,000 files that strangers have
// filled then take 100 MB; whole they took gigabytes.
const (
	keptClients = 50
	keptURLs    = 4 << 10 // bytes, beside line 1
)

// brief leaves of a job what a list shows, and nothing of its file's text: of its
// misses the sum, and of one that has ended no more than how it did, for there
// may be as many as artifacts.
func brief(j spool.JobFile) spool.JobFile {
	ended := j.State == tree.Done || j.State == tree.Failed || j.State == tree.Cancelled
	if !ended {
		j.Asked = j.Job.SummariseMisses(keptClients, keptURLs)
	}
	if j.State != tree.Misses {
		j.Job.URL = j.Job.FetchURL()
	}
	j.Job.URL, j.Job.Sha256, j.Note = strings.Clone(j.Job.URL), strings.Clone(j.Job.Sha256), strings.Clone(j.Note)
	if j.State == tree.Misses {
		j.Redacted = key.Redact(j.Job.URL)
		if u, err := key.Parse(j.Job.URL, key.Auto); err == nil {
			j.Host = strings.Clone(u.Host())
		}
	}
	told := slices.DeleteFunc(j.Job.Events, func(e job.Event) bool { return e.Kind == job.Miss })
	if ended {
		told = told[max(0, len(told)-2):]
	}
	j.Job.Events = make([]job.Event, len(told))
	for i, e := range told {
		e.URL = "" // FetchURL has read it
		j.Job.Events[i] = e.Clone()
	}
	return j
}

func (v *View) loadMeta(name string) (ArtifactRow, error) {
	k := strings.TrimSuffix(name, ".json")
	m, err := v.s.held.ReadArtifact(name)
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, held.ErrMalformed) {
		return ArtifactRow{}, err
	}
	if err != nil {
		return ArtifactRow{Key: k}, nil // shown, so that it can be evicted
	}
	return ArtifactRow{Key: k, URL: m.URL, SHA256: m.SHA256, Size: m.Size, Fetched: m.Fetched, Misses: m.Misses, AtLeast: m.AtLeast}, nil
}

// Job returns one file of the spool as it is now.
func (v *View) Job(st tree.State, name string) (spool.JobFile, bool) {
	v.touch()
	j, _, err := v.jobs[st].Look(name)
	if err != nil {
		return spool.JobFile{}, false
	}
	if st == tree.Active {
		j.Part = v.s.spool.PartSize(&j)
	}
	return j, true
}

// Count is the number of files in a directory, for a header line.
func (v *View) Count(st tree.State) int {
	v.touch()
	v.glance(string(st))
	return v.jobs[st].Len()
}

// Reread looks at what a verb may have moved under a name or key, so that who
// called the verb sees it done.
func (v *View) Reread(name string) {
	for _, n := range []string{name, name + ".job"} {
		for _, st := range viewed {
			if v.jobs[st].Refresh(n) {
				v.tell(string(st), n)
			}
		}
	}
	if v.metas.Refresh(name + ".json") {
		v.tell("meta", name+".json")
	}
}

// Relist lists a directory of which much has changed.
func (v *View) Relist(st tree.State) { v.look(string(st), 0) }

// source is what a View is made from.
type source struct {
	tree   *tree.Tree
	health *health.Monitor
	counts *counts.Counts
	held   *held.Cache
	spool  *spool.Spool
}
