package fsstore

import (
	"cmp"
	"context"
	"path/filepath"
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

// Subscribe returns a channel of changes and the call that ends it. Whoever
// reads too slowly gets a Change with no Name for what was dropped.
func (v *View) Subscribe() (<-chan Change, func()) {
	c := make(chan Change, 256)
	v.mu.Lock()
	v.readers[c] = true
	v.used = time.Now()
	v.mu.Unlock()
	return c, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.readers, c)
	}
}

func (v *View) touch() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.used = time.Now()
}

// look lists a directory again if the last listing is older than age.
func (v *View) look(dir string, age time.Duration) {
	v.scan.Lock()
	defer v.scan.Unlock()
	v.mu.Lock()
	old := time.Since(v.fresh[dir]) >= age
	v.mu.Unlock()
	if !old {
		return
	}
	names, err := v.s.names(dir)
	if err != nil {
		v.s.complain("view", err)
		return
	}
	var changed []string
	switch dir {
	case "meta":
		changed = v.metas.rescan(names)
	case "hits":
		changed = v.hits.rescan(names)
	default:
		changed = v.jobs[State(dir)].rescan(names)
	}
	v.mu.Lock()
	v.fresh[dir] = time.Now()
	v.mu.Unlock()
	v.tell(dir, changed...)
}

// tell tells every reader. More changes than a page would take one by one
// become one of the whole directory.
func (v *View) tell(dir string, names ...string) {
	if len(names) > 100 {
		names = []string{""}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.readers {
		for _, name := range names {
			send(c, Change{dir, name})
		}
	}
}

// send never blocks: a full channel loses its oldest change and is told that
// anything may be another.
func send(c chan Change, change Change) {
	select {
	case c <- change:
		return
	default:
	}
	select {
	case <-c:
	default:
	}
	select {
	case c <- Change{Dir: change.Dir}:
	default:
	}
}

// Run tells changes until ctx ends.
func (v *View) Run(ctx context.Context) error {
	w := v.s.watcher(append([]State{"meta"}, viewed...))
	defer func() { w.close() }()
	tick := time.NewTicker(lookParts)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.events():
			if ok {
				v.event(e.Name)
			}
		case err := <-w.errors():
			v.s.complain("watch", err)
			v.stale()
		case <-tick.C:
			v.tick()
			w = v.s.rewatch(w, append([]State{"meta"}, viewed...))
		}
	}
}

// event: one name may have changed; what it is now is read from the disk.
func (v *View) event(path string) {
	if !v.inUse() {
		return
	}
	dir, name := filepath.Base(filepath.Dir(path)), filepath.Base(path)
	changed := false
	if dir == "meta" {
		changed = v.metas.refresh(name)
	} else if m := v.jobs[State(dir)]; m != nil {
		changed = m.refresh(name)
	}
	if changed {
		v.tell(dir, name)
	}
}

func (v *View) inUse() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.readers) > 0 || !v.used.IsZero()
}

func (v *View) stale() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.fresh)
}

func (v *View) tick() {
	v.mu.Lock()
	watched, used := len(v.readers) > 0, v.used
	v.mu.Unlock()
	if !watched {
		switch {
		case used.IsZero():
		case time.Since(used) > unseen:
			v.forget()
		default:
			v.look("meta", lookMeta)
			v.look("hits", lookMeta)
		}
		return
	}
	v.tellParts()
	for _, st := range viewed {
		v.look(string(st), lookSpool)
	}
	v.look("meta", lookMeta)
	v.look("hits", lookMeta)
}

// tellParts tells of downloads whose part has grown.
func (v *View) tellParts() {
	list, _ := v.jobs[Active].all()
	sizes := make(map[string]int64, len(list))
	for i := range list {
		n := v.s.partSize(&list[i])
		sizes[list[i].Name] = n
		if v.parts[list[i].Name] != n {
			v.tell(string(Active), list[i].Name)
		}
	}
	v.parts = sizes
}

// forget gives the memory back.
func (v *View) forget() {
	v.scan.Lock()
	defer v.scan.Unlock()
	v.mu.Lock()
	v.used, v.order = time.Time{}, nil
	clear(v.fresh)
	v.mu.Unlock()
	v.metas.reset()
	v.hits.reset()
	for _, m := range v.jobs {
		m.reset()
	}
}

func (m *mirror[T]) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = nil
	m.gen++
}
