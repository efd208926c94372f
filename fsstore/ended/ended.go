// Package ended holds a row of every job in done/ in memory, some 100 bytes each, so that a page and a
// search over a million of them answer at once. It is read from done/ when somebody asks first, on
// all cores; then the events and looks of package view keep it. done/ is the truth: a page reads the
// files of the jobs that it shows.
//
//	row.go     a row as it lies in memory
//	table.go   the rows
//	list.go    the rows in order
//	search.go  the rows that have some text
package ended

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/rows"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
)

// Jobs is the rows of one data directory's done/. Any goroutine may use it.
type Jobs struct {
	tree  *tree.Tree
	spool *spool.Spool
	seed  maphash.Seed

	looks [64]sync.Mutex // one look at a file at a time, by its name

	mu    sync.RWMutex // the rows
	table *table

	read, total atomic.Int64 // of a walk that runs
	loaded      atomic.Bool  // all of done/ was read
}

// New returns Jobs without rows.
func New(t *tree.Tree, p *spool.Spool) *Jobs {
	j := &Jobs{tree: t, spool: p, seed: maphash.MakeSeed()}
	j.table = newTable(j.seed)
	return j
}

// Reset gives the memory back.
func (j *Jobs) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.table = newTable(j.seed)
	j.loaded.Store(false)
}

// IsLoaded reports whether all of done/ has been read.
func (j *Jobs) IsLoaded() bool { return j.loaded.Load() }

// Progress returns how many files have been read, and of how many.
func (j *Jobs) Progress() (read, total int) { return int(j.read.Load()), int(j.total.Load()) }

// Len returns how many jobs have been read.
func (j *Jobs) Len() int {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.table.n
}

const dir = string(tree.Done)

// Walk reads each file of done/ that has no row, and takes out the rows whose files are gone. With all
// it also looks at each file that has one, by lstat, and reads it again if it has changed. The names
// of what changed go to tell, which may be called by several goroutines.
func (j *Jobs) Walk(ctx context.Context, all bool, tell func(name string)) error {
	j.read.Store(0)
	if !j.IsLoaded() {
		defer rows.Count(ctx, j.tree, dir, func(n int) { j.total.Store(int64(n)) })()
	}
	seen := &rows.Seen{}
	err := rows.Walk(ctx, j.tree, dir, func() rows.Looker { return &looker{j: j, all: all, tell: tell, seen: seen} })
	if err != nil {
		return err
	}
	for _, name := range j.unlisted(seen) {
		if j.Refresh(name) {
			tell(name)
		}
	}
	if !j.IsLoaded() {
		j.load()
	}
	return nil
}

type looker struct {
	j    *Jobs
	all  bool
	tell func(name string)
	seen *rows.Seen
	ids  []uint32
}

func (l *looker) Look(names []string) {
	l.ids = l.ids[:0]
	for _, name := range names {
		id, has, changed := l.j.look(name, l.all)
		if has {
			l.ids = append(l.ids, id)
		}
		if changed {
			l.tell(name)
		}
	}
	l.seen.Add(l.ids)
	l.j.read.Add(int64(len(names)))
}

func (l *looker) Close() error { return nil }

// load puts the rows in order once all have been read.
func (j *Jobs) load() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.table.sort()
	j.loaded.Store(true)
}

// unlisted returns the names of rows whose files no walk has seen.
func (j *Jobs) unlisted(seen *rows.Seen) (names []string) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for id := range j.table.used {
		if j.table.isLive(id) && !seen.Has(id) {
			names = append(names, j.table.name(j.table.at(id)))
		}
	}
	return names
}

// Refresh looks at done/<name> as it is now, and reports whether its row changed.
func (j *Jobs) Refresh(name string) bool {
	_, _, changed := j.look(name, true)
	return changed
}

// look reads done/<name> if it has no row, or with again if it has changed. It returns the row that it
// has then.
func (j *Jobs) look(name string, again bool) (id uint32, has, changed bool) {
	if !tree.Plain(name) {
		return 0, false, false
	}
	lock := &j.looks[maphash.String(j.seed, name)%uint64(len(j.looks))]
	lock.Lock()
	defer lock.Unlock()
	j.mu.RLock()
	t := j.table
	id, had := t.find(name)
	var before uint64
	if had {
		before = t.at(id).file
	}
	j.mu.RUnlock()
	if had && !again {
		return id, true, false
	}
	now := j.identify(name)
	if had && now == before {
		return id, true, false
	}
	var f spool.JobFile
	if now != 0 {
		var err error
		if f, err = j.spool.JobFile(tree.Done, name); errors.Is(err, fs.ErrNotExist) {
			now = 0
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.table != t { // Reset
		t, had = j.table, false
	}
	if had {
		t.remove(id)
	}
	if now == 0 {
		return 0, false, had
	}
	return t.put(name, now, &f), true, true // one that can't be read is shown, so that it can be mended
}

// identify tells the state of a file from its other states; 0: there is no regular file.
func (j *Jobs) identify(name string) uint64 {
	var st unix.Stat_t
	var err error = unix.EINTR
	for err == unix.EINTR {
		err = unix.Lstat(j.tree.JobPath(tree.Done, name), &st)
	}
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0
	}
	return maphash.Comparable(j.seed, tree.Identify(&st)) | 1
}
