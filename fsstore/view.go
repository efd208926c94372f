package fsstore

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
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
	// unseen: after so long without a reader the picture is thrown away.
	unseen = 10 * time.Minute
)

// States that a View shows as jobs, in the direction in which jobs flow.
var viewed = []State{Misses, Queue, Active, Done, Failed, Cancelled, Denied}

// View is a picture of the directories in memory, for pages that must be quick
// with a hundred thousand artifacts. It is fed by fsnotify and by listings,
// never by the verbs: an mv in a shell and a button look the same to it. Until
// someone reads it, it costs nothing.
type View struct {
	s     *Store
	metas mirror[ArtifactRow]
	hits  mirror[hitRow]
	jobs  map[State]*mirror[JobFile]

	mu      sync.Mutex
	readers map[chan Change]bool
	used    time.Time
	fresh   map[string]time.Time // of each directory: when it was listed
	parts   map[string]int64     // sizes last told, by name in active/
	order   []ArtifactRow        // sorted by key, of generation orderGen
	gen     [2]uint64
	scan    sync.Mutex // one listing at a time
}

// ArtifactRow is what a list shows of one artifact.
type ArtifactRow struct {
	Key     string
	URL     string // redacted
	SHA256  string
	Size    int64
	Fetched time.Time
	Misses  int
	AtLeast bool
	Hits    int64
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

// NewView returns a picture of the store. Run it once to have changes told.
func (s *Store) NewView() *View {
	v := &View{s: s, readers: map[chan Change]bool{}, fresh: map[string]time.Time{}, parts: map[string]int64{}, jobs: map[State]*mirror[JobFile]{}}
	v.metas = mirror[ArtifactRow]{dir: s.path("meta", ""), ours: isMetaName, load: v.loadMeta}
	v.hits = mirror[hitRow]{dir: s.path("hits", ""), ours: plain, load: func(k string) (hitRow, bool) { return hitRow{k, s.readHits(k)}, true }}
	for _, st := range viewed {
		v.jobs[st] = &mirror[JobFile]{dir: s.job(st, ""), ours: func(name string) bool { return !strings.HasSuffix(name, ".why") },
			load: func(name string) (JobFile, bool) {
				j, err := s.JobFile(st, name)
				return j, err == nil
			}}
	}
	return v
}

func isMetaName(name string) bool { return strings.HasSuffix(name, ".json") }

func (v *View) loadMeta(name string) (ArtifactRow, bool) {
	k := strings.TrimSuffix(name, ".json")
	m, err := v.s.readArtifact(k, v.s.path("meta", name))
	if err != nil {
		return ArtifactRow{}, false
	}
	return ArtifactRow{Key: k, URL: m.URL, SHA256: m.SHA256, Size: m.Size, Fetched: m.Fetched, Misses: m.Misses, AtLeast: m.AtLeast}, true
}

// Artifacts returns every artifact, sorted by key. The slice is shared: it
// must not be changed, and it stays the same while nothing does, so that what
// is computed from it can be kept.
func (v *View) Artifacts() []ArtifactRow {
	v.touch()
	v.look("meta", overdue*lookMeta)
	v.look("hits", overdue*lookMeta)
	gen := [2]uint64{v.metas.generation(), v.hits.generation()}
	v.mu.Lock()
	order, old := v.order, v.gen
	v.mu.Unlock()
	if order != nil && gen == old {
		return order
	}
	order, gen[0] = v.metas.all()
	for i := range order {
		h, _ := v.hits.get(order[i].Key)
		order[i].Hits = h.n
	}
	slices.SortFunc(order, func(a, b ArtifactRow) int { return cmp.Compare(a.Key, b.Key) })
	v.mu.Lock()
	defer v.mu.Unlock()
	v.order, v.gen = order, gen
	return order
}

// Jobs returns one directory of the spool, sorted by name.
func (v *View) Jobs(st State) []JobFile {
	v.touch()
	v.look(string(st), lookSpool)
	list, _ := v.jobs[st].all()
	slices.SortFunc(list, func(a, b JobFile) int { return cmp.Compare(a.Name, b.Name) })
	if st == Active {
		for i := range list {
			list[i].Part = v.s.partSize(&list[i])
		}
	}
	return list
}

// Job returns one file of the spool as it is now.
func (v *View) Job(st State, name string) (JobFile, bool) {
	v.touch()
	v.jobs[st].refresh(name)
	j, ok := v.jobs[st].get(name)
	if ok && st == Active {
		j.Part = v.s.partSize(&j)
	}
	return j, ok
}

// Count is the number of files in a directory, for a header line.
func (v *View) Count(st State) int {
	v.touch()
	v.look(string(st), lookSpool)
	return v.jobs[st].len()
}

func (s *Store) partSize(j *JobFile) int64 {
	stem, worker, ok := splitActive(j.Name)
	var st unix.Stat_t
	if !ok || unix.Lstat(s.path("tmp", stem+"@"+worker+".part"), &st) != nil {
		return 0
	}
	return st.Size
}

func (m *mirror[T]) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = nil
	m.gen++
}
