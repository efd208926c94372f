package active

import (
	"math"
	"sync"
	"sync/atomic"

	"fromcache/fsstore/counts"
)

// space is the room that downloads have reserved and not yet filled, so that two which fit alone
// but not together don't both begin.
type space struct {
	mu       sync.Mutex
	promised map[*Claim]int64 // bytes that its part may reach
	refused  atomic.Bool      // a claim found no room since Run last collected
}

// Reserve reserves room for a part of total bytes. Bytes that are in it already take their own
// room. It returns ErrNoSpace where less than MinFree would be left free; Run then collects, so
// that a later call may find room. A call replaces the one before it, and the end of the claim
// frees what is left.
func (c *Claim) Reserve(total int64) error {
	sp := &c.space
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if c.health.MinFree <= 0 {
		return nil
	}
	free, _, err := c.tree.Free()
	if err != nil {
		return err
	}
	need := total - c.written.Load()
	for other, n := range sp.promised {
		if other != c { //guard:TestSpaceIsReserved
			need = counts.AddCapped(need, max(0, n-other.written.Load()), math.MaxInt64)
		}
	}
	if err := c.health.Room(free, need); err != nil { //guard:TestSpaceIsReserved
		sp.refused.Store(true)
		return err
	}
	if sp.promised == nil {
		sp.promised = map[*Claim]int64{}
	}
	sp.promised[c] = total
	return nil
}

func (c *Claim) release() {
	c.space.mu.Lock()
	defer c.space.mu.Unlock()
	delete(c.space.promised, c)
}

// FoundNoRoom reports whether Reserve has found no room since the last call.
func (cs *Claims) FoundNoRoom() bool { return cs.space.refused.Swap(false) }
