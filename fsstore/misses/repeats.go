package misses

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/changes"
	"fromcache/fsstore/internal/tree"
)

// countRepeat counts a request in memory, and reports whether it could. It can't where the miss is
// gone from misses/, or where a line is due.
func (s *Misses) countRepeat(a request) bool {
	now := s.changes.Now()
	s.repeats.mu.Lock()
	r := s.repeats.m[a.interest]
	if r != nil {
		a.key = r.last.key
	}
	gathers := r != nil && (a == r.last || r.lines >= linesAtOnce)
	seen := gathers && now != 0 && r.seen == now
	if seen {
		r.n++
	}
	s.repeats.mu.Unlock()
	if seen || !gathers {
		return seen
	}
	var st unix.Stat_t
	err := unix.Lstat(s.tree.JobPath(tree.Misses, a.key), &st)
	s.repeats.mu.Lock()
	defer s.repeats.mu.Unlock()
	if err != nil {
		delete(s.repeats.m, a.interest)
	}
	if err != nil || st.Size < smallMiss {
		return false
	}
	r.n++
	r.seen = now
	return true
}

// countLine counts a line that was written for a.
func (s *Misses) countLine(a request) {
	s.repeats.mu.Lock()
	defer s.repeats.mu.Unlock()
	r := s.repeats.m[a.interest]
	if r == nil {
		if len(s.repeats.m) >= maxGathered {
			return
		}
		r = &repeat{began: time.Now()}
		s.repeats.m[a.interest] = r
	}
	r.lines++
	r.last = a
}

// FlushRepeats writes the repeats that have been gathered for at least age.
func (s *Misses) FlushRepeats(age time.Duration) error {
	return s.flushRepeats(func(r *repeat) bool { return time.Since(r.began) >= age })
}

// FlushRepeatsOf writes the repeats of one miss, before its file moves on.
func (s *Misses) FlushRepeatsOf(k string) {
	s.health.Complain("misses", s.flushRepeats(func(r *repeat) bool { return r.last.key == k }))
}

// flushRepeats writes one line for each client whose repeats are due, and forgets clients without
// any.
func (s *Misses) flushRepeats(due func(*repeat) bool) error {
	var list []repeat
	s.repeats.mu.Lock()
	for who, r := range s.repeats.m {
		switch {
		case !due(r):
		case r.n == 0:
			delete(s.repeats.m, who)
		default:
			list = append(list, *r)
			r.began, r.lines, r.n = time.Now(), 0, 0
		}
	}
	s.repeats.mu.Unlock()
	var errs []error
	for _, r := range list {
		err := s.appendMiss(r.last, r.n)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errOther) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// repeat is what is known of an interest since began. Repeats in memory count for the address, the
// tool and the URL of the last written line.
type repeat struct {
	began time.Time
	lines int            // written since
	last  request        // written
	n     int            // not written
	seen  changes.Moment // in which its file was there, and large enough
}

// repeats are the requests that are counted in memory and not yet written.
type repeats struct {
	mu sync.Mutex
	m  map[interest]*repeat
}
