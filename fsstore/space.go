package fsstore

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// space keeps count of what the downloads under way have still to write, so
// that two that fit alone but not together don't both begin.
type space struct {
	mu       sync.Mutex
	promised map[*Claim]int64 // total bytes that its part may reach
	refused  atomic.Bool      // a claim found no room since Run has last collected
}

// Free returns the bytes that the file system has for us, and its size.
func (s *Store) Free() (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", s.dir, err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// Reserve asks for room for a part of total bytes, of which those already in
// it count as taken. ErrNoSpace: less than MinFree would be left; Run then
// collects, so that a later call may find room. A later call replaces an
// earlier one; the end of the claim gives back what is left.
func (c *Claim) Reserve(total int64) error {
	sp := &c.s.space
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if c.s.minFree <= 0 {
		return nil
	}
	free, _, err := c.s.Free()
	if err != nil {
		return err
	}
	need := total - c.written.Load()
	for other, n := range sp.promised {
		if other != c {
			need = plus(need, max(0, n-other.written.Load()), math.MaxInt64)
		}
	}
	if need > free-c.s.minFree {
		sp.refused.Store(true)
		return fmt.Errorf("%w: %d bytes are free, %d are to come, %d stay free", ErrNoSpace, free, need, c.s.minFree)
	}
	if sp.promised == nil {
		sp.promised = map[*Claim]int64{}
	}
	sp.promised[c] = total
	return nil
}

func (c *Claim) release() {
	c.s.space.mu.Lock()
	defer c.s.space.mu.Unlock()
	delete(c.s.space.promised, c)
}
