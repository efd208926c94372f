package counts

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore/internal/tree"
)

// Names of what is counted a day, in stats/<date>.
const (
	StatHits         = "hits"           // GETs answered from byte 0
	StatMisses       = "misses"         // requests for what is not held
	StatServedBytes  = "served-bytes"   // bytes of artifacts sent to clients
	StatFetchedBytes = "fetched-bytes"  // bytes of artifacts published
	StatScrubbed     = "scrubbed-bytes" // bytes of blobs that a scrub has read
	StatScrubs       = "scrubs"         // rounds that a scrub has ended

	// How fast origins are: bytes that came from them without a break, and how long those took.
	StatTimedBytes  = "timed-bytes"
	StatTimedMillis = "timed-ms"
)

const (
	dayFormat = "2006-01-02"
	maxStats  = 64 << 10 // bytes read of one day's file
	// maxDay is where a day's number stops, because readers of JSON hold no larger integer exactly
	// (RFC 8259, section 6). Some hundred of them can be added without an overflow.
	maxDay = 1 << 53
)

// AddCapped returns a+b, or most if the sum is larger. Neither may be negative.
func AddCapped(a, b, most int64) int64 {
	if b > most || a > most-b {
		return most
	}
	return a + b
}

// statBook gathers the numbers of days in memory.
type statBook struct {
	mu    sync.Mutex
	n     map[string]map[string]int64 // by day, by name
	since map[string]int64            // by name, since the store was opened
}

// Day is what was counted on one day, UTC.
type Day struct {
	Date string           `json:"date"` // 2026-11-22
	N    map[string]int64 `json:"counts"`
}

// IsQuiet reports whether nothing was served, fetched, hit or missed that day.
func (d Day) IsQuiet() bool {
	return d.N[StatHits]+d.N[StatMisses]+d.N[StatServedBytes]+d.N[StatFetchedBytes] == 0
}

func today() string { return time.Now().UTC().Format(dayFormat) }

// Stat adds n to a number of today's (UTC).
func (s *Counts) Stat(name string, n int64) {
	day := today()
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	s.stats.add(day, name, n)
	if s.stats.since == nil {
		s.stats.since = map[string]int64{}
	}
	s.stats.since[name] += n
}

// Counted is how much Stat has added to a number since this store was opened, on all days.
func (s *Counts) Counted(name string) int64 {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	return s.stats.since[name]
}

func (b *statBook) add(day, name string, n int64) {
	if b.n == nil {
		b.n = map[string]map[string]int64{}
	}
	if b.n[day] == nil {
		b.n[day] = map[string]int64{}
	}
	b.n[day][name] = AddCapped(b.n[day][name], n, maxDay)
}

// Stats returns the numbers of the last days, today last. A day on which nothing was counted has
// none.
func (s *Counts) Stats(days int) ([]Day, error) {
	list := make([]Day, 0, days)
	today := time.Now().UTC()
	for i := days - 1; i >= 0; i-- {
		date := today.AddDate(0, 0, -i).Format(dayFormat)
		b, err := tree.ReadFile(s.tree.Path("stats", date), maxStats)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		list = append(list, Day{date, s.withGathered(date, parseStats(b))})
	}
	return list, nil
}

func (s *Counts) withGathered(date string, n map[string]int64) map[string]int64 {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	for name, more := range s.stats.n[date] {
		n[name] = AddCapped(n[name], more, maxDay)
	}
	return n
}

// parseStats reads lines of name and number. It ignores a line that is neither.
func parseStats(b []byte) map[string]int64 {
	n := map[string]int64{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		if v, err := strconv.ParseInt(f[1], 10, 64); err == nil && v >= 0 {
			n[f[0]] = AddCapped(n[f[0]], v, maxDay)
		}
	}
	return n
}

// FlushStats adds the numbers in memory to stats/. Those that it can't write stay in memory.
// In a replica all stay there.
func (s *Counts) FlushStats() error {
	if s.tree.ReadOnly {
		return nil
	}
	s.stats.mu.Lock()
	gathered := s.stats.n
	s.stats.n = nil
	s.stats.mu.Unlock()
	var errs []error
	for day, n := range gathered {
		err := s.addStats(day, n)
		if err == nil {
			continue
		}
		errs = append(errs, err)
		s.stats.mu.Lock()
		for name, v := range n {
			s.stats.add(day, name, v)
		}
		s.stats.mu.Unlock()
	}
	return errors.Join(errs...)
}

// addStats adds to a day's file, in place and under its lock, because several servers may count in
// one directory.
func (s *Counts) addStats(day string, n map[string]int64) error {
	f, err := openCount(s.tree.Path("stats", day))
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := tree.Slurp(f, maxStats)
	if err != nil {
		return err
	}
	all := parseStats(b)
	for name, more := range n {
		all[name] = AddCapped(all[name], more, maxDay)
	}
	foldSmall(all) //guard:TestSharesHaveRoom
	return rewriteStats(f, all)
}

func rewriteStats(f *os.File, all map[string]int64) error {
	b := statLines(all)
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(b)))
}

// statLines returns the text that parseStats reads.
func statLines(all map[string]int64) (b []byte) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b = fmt.Appendf(b, "%s %d\n", name, all[name])
	}
	return b
}
