package fsstore

import (
	"sync"

	"golang.org/x/sys/unix"
)

// mirror is one directory in memory: a row for each regular file, read again
// only when the file is another. It carries no state of its own; thrown away
// and made anew it holds the same.
type mirror[T any] struct {
	dir  string // with its trailing slash
	ours func(name string) bool
	load func(name string) (T, bool)

	mu      sync.Mutex
	rows    map[string]*row[T]
	touched map[string]bool // names that changed since taken; nil: any may have
}

// maxTouched: beyond so many changes a sorted copy is cheaper made anew.
const maxTouched = 1000

// row is never changed once it is in the map: it is replaced.
type row[T any] struct {
	identity
	value T
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
	if !plain(name) || !m.ours(name) {
		return false
	}
	var st unix.Stat_t
	there := unix.Lstat(m.dir+name, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
	m.mu.Lock()
	old, had := m.rows[name]
	m.mu.Unlock()
	if there && had && old.identity == identify(&st) {
		return false
	}
	if !there {
		return had && m.drop(name)
	}
	v, ok := m.load(name)
	if !ok {
		return had && m.drop(name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[string]*row[T]{}
	}
	m.rows[name] = &row[T]{identify(&st), v}
	m.note(name)
	return true
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

// get returns a row that nobody changes.
func (m *mirror[T]) get(name string) (*T, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rows[name]
	if !ok {
		return nil, false
	}
	return &r.value, true
}

func (m *mirror[T]) value(name string) (v T, ok bool) {
	r, ok := m.get(name)
	if ok {
		v = *r
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
