package tree

import (
	"io/fs"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Identity tells one state of a file from another: a rename over it changes the inode, a rename of
// it the ctime, and an edit the mtime.
type Identity struct {
	ino          uint64
	size         int64
	mtime, ctime unix.Timespec
}

// Identify returns the Identity of the file that st is of.
func Identify(st *unix.Stat_t) Identity {
	return Identity{st.Ino, st.Size, st.Mtim, st.Ctim}
}

// clockStep is the longest time in which two changes of a file may get the same time, because file
// systems keep times in steps.
const clockStep = 2 * time.Second

// IsSettled reports whether a file changed so long ago that its next change will have another time.
func IsSettled(st *unix.Stat_t) bool {
	return time.Since(time.Unix(max(st.Mtim.Sec, st.Ctim.Sec), 0)) > clockStep
}

// Mirror holds in memory what Load makes of each regular file in one directory. It calls Load again
// only if the Identity of a file has changed, which costs a stat each time it is asked. It has no
// state of its own: a new Mirror comes to hold the same. Any goroutine may use it.
type Mirror[T any] struct {
	Dir             string                 // with its trailing slash
	Ours            func(name string) bool // whether the Mirror has files of this name
	Load            func(name string) (T, error)
	MaxRows         int  // rows kept; 0: all
	ReloadUnsettled bool // load a file again that was not settled when it was loaded
	// Tally, if set, is called with 1 for each row that is added, and with -1 for each that is
	// removed. The Mirror is locked meanwhile.
	Tally func(v *T, n int)

	mu      sync.RWMutex
	rows    map[string]*row[T]
	changed map[string]bool // names that changed since TakeChanged; nil: any may have
}

// maxChanged is how many changed names are remembered. With more of them a caller makes its sorted
// copy anew, which is then cheaper.
const maxChanged = 1000

// row is not changed once it is in the map, but replaced.
type row[T any] struct {
	Identity
	settled bool
	Value   T
}

// Rescan refreshes every name of a listing of the directory, and those that are not listed any
// more, and returns the names whose rows changed. It catches what events of fsnotify missed.
func (m *Mirror[T]) Rescan(names []string) (changed []string) {
	return m.refreshAll(append(m.unlisted(names), names...)) // one that is not listed may have been made since
}

// RescanNames is Rescan of those names alone that came or went. It finds no change within a file.
func (m *Mirror[T]) RescanNames(names []string) (changed []string) {
	came := m.unlisted(names)
	for _, name := range names {
		if _, had := m.Get(name); !had {
			came = append(came, name)
		}
	}
	return m.refreshAll(came)
}

// A storage behind a network is asked for many files at once, because all the time goes into waiting
// for its answers. It is one if the first files took longer than slowFile each. From a local disk
// files come one after the other, because clients need the other cores.
const (
	firstFiles = 32
	slowFile   = 100 * time.Microsecond
	atOnce     = 16
)

func (m *Mirror[T]) refreshAll(names []string) (changed []string) {
	first, began := min(firstFiles, len(names)), time.Now()
	changed = m.refresh(names[:first])
	rest := names[first:]
	if time.Since(began) < time.Duration(first)*slowFile {
		return append(changed, m.refresh(rest)...)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for part := range slices.Chunk(rest, len(rest)/atOnce+1) {
		all.Go(func() {
			found := m.refresh(part)
			mu.Lock()
			defer mu.Unlock()
			changed = append(changed, found...)
		})
	}
	all.Wait()
	return changed
}

func (m *Mirror[T]) refresh(names []string) (changed []string) {
	for _, name := range names {
		if m.Refresh(name) {
			changed = append(changed, name)
		}
	}
	return changed
}

// unlisted returns the names of rows that are not in a listing.
func (m *Mirror[T]) unlisted(listing []string) (names []string) {
	present := make(map[string]bool, len(listing))
	for _, name := range listing {
		present[name] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.rows {
		if !present[name] {
			names = append(names, name)
		}
	}
	return names
}

// Refresh is Look, and reports only whether the row changed.
func (m *Mirror[T]) Refresh(name string) bool {
	_, changed, _ := m.Look(name)
	return changed
}

// Look returns what Load makes of a file as it is now, and whether its row changed. It costs one
// stat, and a Load if the file has changed. Its error is fs.ErrNotExist for what is no regular file
// of ours, else that of lstat or Load; then the file has no row.
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
	m.put(name, &row[T]{Identify(&st), IsSettled(&st), v})
	return v, true, nil
}

// put adds or replaces a row. With MaxRows it removes others at random to make room.
func (m *Mirror[T]) put(name string, r *row[T]) {
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
	m.markChanged(name)
}

// remove removes a row, if there is one. The caller holds mu.
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

// drop removes a row, and reports whether there was one.
func (m *Mirror[T]) drop(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, had := m.rows[name]
	m.remove(name)
	if had {
		m.markChanged(name)
	}
	return had
}

// markChanged remembers a change; the caller holds mu.
func (m *Mirror[T]) markChanged(name string) {
	if m.changed == nil || len(m.changed) >= maxChanged {
		m.changed = nil
		return
	}
	m.changed[name] = true
}

// TakeChanged returns the names whose rows changed since the last call. With whole any may have.
func (m *Mirror[T]) TakeChanged() (names map[string]bool, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names = m.changed
	m.changed = map[string]bool{}
	return names, names == nil
}

// All returns the values of all rows, in no order.
func (m *Mirror[T]) All() []*T {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*T, 0, len(m.rows))
	for _, r := range m.rows {
		list = append(list, &r.Value)
	}
	return list
}

// Get returns a row as it was at the last Look. Nobody changes it.
func (m *Mirror[T]) Get(name string) (*row[T], bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, ok := m.rows[name]
	return r, ok
}

// Value returns the value of a row as it was at the last Look.
func (m *Mirror[T]) Value(name string) (v T, ok bool) {
	r, ok := m.Get(name)
	if ok {
		v = r.Value
	}
	return v, ok
}

// Len returns the number of rows.
func (m *Mirror[T]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

// Reset removes all rows.
func (m *Mirror[T]) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.rows {
		m.remove(name)
	}
	m.rows, m.changed = nil, nil
}
