package counts

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
)

// hitBook gathers hits in memory, by key.
type hitBook struct {
	mu sync.Mutex
	n  map[string]int64
}

// Hit counts one time that the artifact of key k was served.
func (s *Counts) Hit(k string) { s.served.add(k, 1) }

func (b *hitBook) add(k string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n == nil {
		b.n = map[string]int64{}
	}
	b.n[k] += n
}

// Hits returns how often the artifact of key k was served: by this process, and by other servers on
// the directory as far as they have flushed.
func (s *Counts) Hits(k string) int64 {
	s.served.mu.Lock()
	n := s.served.n[k]
	s.served.mu.Unlock()
	return AddCapped(n, s.ReadHits(k), math.MaxInt64)
}

// ReadHits returns the number in hits/<k>, or 0 if it can't be read.
func (s *Counts) ReadHits(k string) int64 {
	b, err := tree.ReadFile(s.tree.Path("hits", k), 32)
	if err != nil {
		return 0
	}
	return parseHits(b)
}

// IdentifyHits tells the state of hits/<k> from its other states; false: there is no such file.
func (s *Counts) IdentifyHits(k string) (tree.Identity, bool) {
	var st unix.Stat_t
	err := unix.Lstat(s.tree.Path("hits", k), &st)
	return tree.Identify(&st), err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// parseHits returns the number in a file of hits/, or 0 if a person garbled it.
func parseHits(b []byte) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// AllHits returns Hits of every key that has a file in hits/ or a hit in memory.
func (s *Counts) AllHits() (map[string]int64, error) {
	names, err := s.tree.Names("hits")
	if err != nil {
		return nil, err
	}
	all := make(map[string]int64, len(names))
	for _, k := range names {
		all[k] = s.ReadHits(k)
	}
	s.AddUnflushed(all)
	return all, nil
}

// AddUnflushed adds the hits in memory to those of hits/.
func (s *Counts) AddUnflushed(all map[string]int64) {
	s.served.mu.Lock()
	defer s.served.mu.Unlock()
	for k, n := range s.served.n {
		all[k] = AddCapped(all[k], n, math.MaxInt64)
	}
}

// FlushHits adds the hits in memory to hits/. Those that it can't write stay in memory.
// In a replica all stay there.
func (s *Counts) FlushHits() error {
	if s.tree.ReadOnly {
		return nil
	}
	s.served.mu.Lock()
	gathered := s.served.n
	s.served.n = nil
	s.served.mu.Unlock()
	var errs []error
	for k, n := range gathered {
		if err := s.addHits(k, n); err != nil {
			s.served.add(k, n)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// addHits adds n to the number in hits/<k>.
func (s *Counts) addHits(k string, n int64) error {
	return s.changeHits(k, func(now int64) int64 { return AddCapped(now, n, math.MaxInt64) })
}

// MostCarried is the largest number that is believed of another cache's hits or misses, so that no
// sum of them overflows.
const MostCarried = 1<<31 - 1

// RaiseHits makes the number in hits/<k> at least n, or MostCarried if n is larger.
func (s *Counts) RaiseHits(k string, n int64) error {
	if n <= 0 {
		return nil
	}
	return s.changeHits(k, func(now int64) int64 { return max(now, min(n, MostCarried)) })
}

// changeHits changes the number in hits/<k>, in place and under the file's lock. The number stops at
// the largest int64 and so never gets shorter: a reader without a lock sees the old or the new one.
func (s *Counts) changeHits(k string, change func(now int64) int64) error {
	f, err := openCount(s.tree.Path("hits", k))
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := tree.Slurp(f, 32)
	if err != nil {
		return err
	}
	line := strconv.AppendInt(nil, change(parseHits(b)), 10)
	if _, err := f.WriteAt(append(line, '\n'), 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(line) + 1))
}

// openCount opens a file of numbers for adding in place, and makes it if it does not exist. It
// waits up to a second for the file's lock, whose holder only adds and closes. Its error is
// tree.ErrLocked, tree.ErrHardLinked for a file with a second name, or the disk's.
func openCount(path string) (*os.File, error) {
	const flags = os.O_RDWR | os.O_CREATE | unix.O_NOFOLLOW | unix.O_NONBLOCK
	f, err := os.OpenFile(path, flags, 0o660)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: tree.ErrNotRegular}
	}
	if err == nil && tree.HasHardLink(f) { //guard:fsstore/misses.TestNotesLeaveTheOtherNameAlone
		err = &fs.PathError{Op: "open", Path: path, Err: tree.ErrHardLinked}
	}
	if err == nil && info.Size() == 0 {
		err = f.Chmod(0o660) // whatever the umask
	}
	if err == nil {
		err = tree.LockWait(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
