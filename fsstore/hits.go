package fsstore

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
)

// hitBook gathers hits in memory: a crash loses at most 10 s of them.
type hitBook struct {
	mu sync.Mutex
	n  map[string]int64
}

// Hit counts one time that the artifact of key k was served.
func (s *Store) Hit(k string) { s.hits.add(k, 1) }

func (b *hitBook) add(k string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n == nil {
		b.n = map[string]int64{}
	}
	b.n[k] += n
}

// sum is all that is gathered.
func (b *hitBook) sum() (n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, hits := range b.n {
		n += hits
	}
	return n
}

// Hits is how often the artifact of key k was served, by every server on this
// directory as far as each has written it.
func (s *Store) Hits(k string) int64 {
	s.hits.mu.Lock()
	n := s.hits.n[k]
	s.hits.mu.Unlock()
	return plus(n, s.readHits(k), math.MaxInt64)
}

func (s *Store) readHits(k string) int64 {
	b, err := readFile(s.path("hits", k), 32)
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
func (s *Store) AllHits() (map[string]int64, error) {
	names, err := s.names("hits")
	if err != nil {
		return nil, err
	}
	all := make(map[string]int64, len(names))
	for _, k := range names {
		all[k] = s.readHits(k)
	}
	s.hits.mu.Lock()
	defer s.hits.mu.Unlock()
	for k, n := range s.hits.n {
		all[k] = plus(all[k], n, math.MaxInt64)
	}
	return all, nil
}

func (s *Store) flushHits() error {
	s.hits.mu.Lock()
	gathered := s.hits.n
	s.hits.n = nil
	s.hits.mu.Unlock()
	var errs []error
	for k, n := range gathered {
		if err := s.addHits(k, n); err != nil {
			s.hits.add(k, n)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// addHits adds in place under the file's lock. The number never gets shorter,
// so that a reader beside it sees the old or the new one: it stops at the largest.
func (s *Store) addHits(k string, n int64) error {
	f, err := openCount(s.path("hits", k))
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := slurp(f, 32)
	if err != nil {
		return err
	}
	line := strconv.AppendInt(nil, plus(parseHits(b), n, math.MaxInt64), 10)
	if _, err := f.WriteAt(append(line, '\n'), 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(line) + 1))
}
