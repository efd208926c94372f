package fsstore

import (
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// identity tells one state of a file from every other: rename gives another
// inode or another ctime, an edit another mtime.
type identity struct {
	ino          uint64
	size         int64
	mtime, ctime unix.Timespec
}

func identify(st *unix.Stat_t) identity {
	return identity{st.Ino, st.Size, st.Mtim, st.Ctim}
}

// settledAfter is how old a change must be before its time tells it from the next:
// times of files come in steps.
const settledAfter = 2 * time.Second

func isSettled(st *unix.Stat_t) bool {
	return time.Since(time.Unix(max(st.Mtim.Sec, st.Ctim.Sec), 0)) > settledAfter
}

// mirror is one directory in memory: what load makes of each regular file, made
// anew only when the file is another. It spares the reading, never the look, and
// carries no state of its own; thrown away and made anew it holds the same.
type mirror[T any] struct {
	dir   string // with its trailing slash
	ours  func(name string) bool
	load  func(name string) (T, error)
	most  int  // rows kept; 0: all
	exact bool // what was not settled when it was loaded is loaded at each look

	mu      sync.RWMutex
	rows    map[string]*row[T]
	touched map[string]bool // names that changed since taken; nil: any may have
}

// maxTouched: beyond so many changes a sorted copy is cheaper made anew.
const maxTouched = 1000

// row is never changed once it is in the map: it is replaced.
type row[T any] struct {
	identity
	settled bool
	value   T
}

// rescan lists the directory and looks at every name; it returns the names
// that changed. The listing is the truth: what events missed is caught here.
func (m *mirror[T]) rescan(names []string) (changed []string) {
	present := make(map[string]bool, len(names))
	for _, name := range names {
		present[name] = true
		if m.refresh(name) {
			changed = append(changed, name)
		}
	}
	for _, name := range m.unlisted(present) {
		if m.refresh(name) { // looked at again: an event may have told of it since the listing
			changed = append(changed, name)
		}
	}
	return changed
}

func (m *mirror[T]) unlisted(present map[string]bool) (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.rows {
		if !present[name] {
			names = append(names, name)
		}
	}
	return names
}

// refresh looks at one name, and reports whether its row changed.
func (m *mirror[T]) refresh(name string) bool {
	_, changed, _ := m.look(name)
	return changed
}

// look returns what a file is now, and whether its row changed. It costs one stat,
// and a load where the file is not as it was. What is no regular file of ours is
// fs.ErrNotExist; a file that can't be loaded has no row.
func (m *mirror[T]) look(name string) (v T, changed bool, err error) {
	path := m.dir + name
	if !plain(name) || !m.ours(name) {
		return v, false, &fs.PathError{Op: "lstat", Path: path, Err: fs.ErrNotExist}
	}
	old, had := m.get(name)
	var st unix.Stat_t
	if err = unix.Lstat(path, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errForeign
	}
	if err != nil {
		return v, had && m.drop(name), &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if had && old.identity == identify(&st) && (old.settled || !m.exact) {
		return old.value, false, nil
	}
	if v, err = m.load(name); err != nil {
		return v, had && m.drop(name), err
	}
	m.keep(name, &row[T]{identify(&st), isSettled(&st), v})
	return v, true, nil
}

func (m *mirror[T]) keep(name string, r *row[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[string]*row[T]{}
	}
	for old := range m.rows {
		if m.most == 0 || len(m.rows) < m.most {
			break
		}
		delete(m.rows, old)
	}
	m.rows[name] = r
	m.note(name)
}

func (m *mirror[T]) drop(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, had := m.rows[name]
	delete(m.rows, name)
	if had {
		m.note(name)
	}
	return had
}

// note remembers a change; the caller holds mu.
func (m *mirror[T]) note(name string) {
	if m.touched == nil || len(m.touched) >= maxTouched {
		m.touched = nil
		return
	}
	m.touched[name] = true
}

// take returns the names that changed since the last take, or whole: any may
// have.
func (m *mirror[T]) take() (names map[string]bool, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names = m.touched
	m.touched = map[string]bool{}
	return names, names == nil
}

// all returns the rows in no order.
func (m *mirror[T]) all() []*T {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*T, 0, len(m.rows))
	for _, r := range m.rows {
		list = append(list, &r.value)
	}
	return list
}

// get returns a row that nobody changes, as it was at the last look.
func (m *mirror[T]) get(name string) (*row[T], bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, ok := m.rows[name]
	return r, ok
}

func (m *mirror[T]) value(name string) (v T, ok bool) {
	r, ok := m.get(name)
	if ok {
		v = r.value
	}
	return v, ok
}

func (m *mirror[T]) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

func (m *mirror[T]) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows, m.touched = nil, nil
}
