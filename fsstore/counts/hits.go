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

// hitBook gathers hits in memory: a crash loses at most 10 s of them.
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

// Sum is all that is gathered.
func (b *hitBook) Sum() (n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, hits := range b.n {
		n += hits
	}
	return n
}

// Hits is how often the artifact of key k was served, by every server on this
// directory as far as each has written it.
func (s *Counts) Hits(k string) int64 {
	s.served.mu.Lock()
	n := s.served.n[k]
	s.served.mu.Unlock()
	return AddCapped(n, s.ReadHits(k), math.MaxInt64)
}

// ReadHits is the number in hits/<k>; 0 where there is none that can be read.
func (s *Counts) ReadHits(k string) int64 {
	b, err := tree.ReadFile(s.tree.Path("hits", k), 32)
	if err != nil {
		return 0
	}
	return parseHits(b)
}

// parseHits: what a person garbled counts as none.
func parseHits(b []byte) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// AllHits is Hits of every key that has any.
func (s *Counts) AllHits() (map[string]int64, error) {
	names, err := s.tree.Names("hits")
	if err != nil {
		return nil, err
	}
	all := make(map[string]int64, len(names))
	for _, k := range names {
		all[k] = s.ReadHits(k)
	}
	s.served.mu.Lock()
	defer s.served.mu.Unlock()
	for k, n := range s.served.n {
		all[k] = AddCapped(all[k], n, math.MaxInt64)
	}
	return all, nil
}

// FlushHits adds to hits/ what is in memory. What it can't write stays in memory.
func (s *Counts) FlushHits() error {
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

// addHits adds in place under the file's lock. The number never gets shorter,
// so that a reader beside it sees the old or the new one: it stops at the largest.
func (s *Counts) addHits(k string, n int64) error {
	f, err := openCount(s.tree.Path("hits", k))
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := tree.Slurp(f, 32)
	if err != nil {
		return err
	}
	line := strconv.AppendInt(nil, AddCapped(parseHits(b), n, math.MaxInt64), 10)
	if _, err := f.WriteAt(append(line, '\n'), 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(line) + 1))
}

// openCount opens a file of numbers for adding in place, makes it where there
// is none, and waits a while for its lock: whoever holds it adds and is gone.
// Else it is tree.ErrLocked, or tree.ErrHardLinked where it has a second name, and the numbers
// wait in memory.
func openCount(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o660)
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
