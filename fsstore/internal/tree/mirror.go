package tree

import (
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Identity tells one state of a file from every other: rename gives another
// inode or another ctime, an edit another mtime.
type Identity struct {
	ino          uint64
	size         int64
	mtime, ctime unix.Timespec
}

func Identify(st *unix.Stat_t) Identity {
	return Identity{st.Ino, st.Size, st.Mtim, st.Ctim}
}

// settledAfter is how old a change must be before its time tells it from the next:
// times of files come in steps.
const settledAfter = 2 * time.Second

func IsSettled(st *unix.Stat_t) bool {
	return time.Since(time.Unix(max(st.Mtim.Sec, st.Ctim.Sec), 0)) > settledAfter
}

// Mirror is one directory in memory: what load makes of each regular file, made
// anew only when the file is another. It spares the reading, never the look, and
// carries no state of its own; thrown away and made anew it holds the same.
type Mirror[T any] struct {
	Dir             string // with its trailing slash
	Ours            func(name string) bool
	Load            func(name string) (T, error)
	MaxRows         int  // rows kept; 0: all
	ReloadUnsettled bool // what was not settled when it was loaded is loaded at each look
	// Tally, if any, is told each row that comes, with 1, and each that goes, with -1, one at a time.
	Tally func(v *T, n int)

	mu      sync.RWMutex
	rows    map[string]*row[T]
	touched map[string]bool // names that changed since taken; nil: any may have
}

// maxTouched: beyond so many changes a sorted copy is cheaper made anew.
const maxTouched = 1000

// row is never changed once it is in the map: it is replaced.
type row[T any] struct {
	Identity
	settled bool
	Value   T
}

// Rescan lists the directory and looks at every name; it returns the names
// that changed. The listing is the truth: what events missed is caught here.
func (m *Mirror[T]) Rescan(names []string) (changed []string) {
	present := make(map[string]bool, len(names))
	for _, name := range names {
		present[name] = true
		if m.Refresh(name) {
			changed = append(changed, name)
		}
	}
	for _, name := range m.unlisted(present) {
		if m.Refresh(name) { // looked at again: an event may have told of it since the listing
			changed = append(changed, name)
		}
	}
	return changed
}

func (m *Mirror[T]) unlisted(present map[string]bool) (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.rows {
		if !present[name] {
			names = append(names, name)
		}
	}
	return names
}

// Refresh looks at one name, and reports whether its row changed.
func (m *Mirror[T]) Refresh(name string) bool {
	_, changed, _ := m.Look(name)
	return changed
}

// Look returns what a file is now, and whether its row changed. It costs one stat,
// and a load where the file is not as it was. What is no regular file of ours is
// fs.ErrNotExist; a file that can't be loaded has no row.
func (m *Mirror[T]) Look(name string) (v T, changed bool, err error) {
	path := m.Dir + name
	if !Plain(name) || !m.Ours(name) {
		return v, false, &fs.PathError{Op: "lstat", Path: path, Err: fs.ErrNotExist}
	}
	old, had := m.Get(name)
	var st unix.Stat_t
	if err = unix.Lstat(path, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = ErrNotRegular
	}
	if err != nil {
		return v, had && m.drop(name), &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if had &&
		old.Identity == Identify(&st) && //guard:fsstore/held.TestMetaKeepsTenVersions
		(old.settled || !m.ReloadUnsettled) {
		return old.Value, false, nil
	}
	if v, err = m.Load(name); err != nil {
		return v, had && m.drop(name), err
	}
	m.keep(name, &row[T]{Identify(&st), IsSettled(&st), v})
	return v, true, nil
}

func (m *Mirror[T]) keep(name string, r *row[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[string]*row[T]{}
	}
	for old := range m.rows {
		if m.MaxRows == 0 || len(m.rows) < m.MaxRows {
			break
		}
		m.remove(old)
	}
	m.remove(name)
	m.rows[name] = r
	m.tally(r, 1)
	m.note(name)
}

// remove takes a row out, if there is one; the caller holds mu.
func (m *Mirror[T]) remove(name string) {
	if r, had := m.rows[name]; had {
		m.tally(r, -1)
		delete(m.rows, name)
	}
}

func (m *Mirror[T]) tally(r *row[T], n int) {
	if m.Tally != nil {
		m.Tally(&r.Value, n)
	}
}

func (m *Mirror[T]) drop(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, had := m.rows[name]
	m.remove(name)
	if had {
		m.note(name)
	}
	return had
}

// note remembers a change; the caller holds mu.
func (m *Mirror[T]) note(name string) {
	if m.touched == nil || len(m.touched) >= maxTouched {
		m.touched = nil
		return
	}
	m.touched[name] = true
}

// TakeChanged returns the names that changed since the last take, or whole: any may
// have.
func (m *Mirror[T]) TakeChanged() (names map[string]bool, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names = m.touched
	m.touched = map[string]bool{}
	return names, names == nil
}

// All returns the rows in no order.
func (m *Mirror[T]) All() []*T {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*T, 0, len(m.rows))
	for _, r := range m.rows {
		list = append(list, &r.Value)
	}
	return list
}

// Get returns a row that nobody changes, as it was at the last look.
func (m *Mirror[T]) Get(name string) (*row[T], bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, ok := m.rows[name]
	return r, ok
}

func (m *Mirror[T]) Value(name string) (v T, ok bool) {
	r, ok := m.Get(name)
	if ok {
		v = r.Value
	}
	return v, ok
}

func (m *Mirror[T]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

func (m *Mirror[T]) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.rows {
		m.remove(name)
	}
	m.rows, m.touched = nil, nil
}
