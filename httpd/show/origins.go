package show

import (
	"sync"
	"time"
)

// OriginFacts is what an origin says of a URL when it is asked for its header alone.
type OriginFacts struct {
	Status    int
	Size      int64 // -1: it doesn't say
	Type      string
	Modified  time.Time // zero: it doesn't say
	Final     string    // URL that answered
	Redirects int
}

// Facts are OriginFacts as a row shows them, redacted.
type Facts struct {
	Trouble      string // why there are none
	Status, Type string // Type "": not said
	Bytes        int64  // -1: not said
	Modified     time.Time
	Final, Host  string
	Redirects    int
}

// origins keeps what origins have said of misses, in memory: it is asked for again at a click.
type origins struct {
	mu      sync.Mutex
	facts   map[string]*Facts // by the name of the miss
	beside  map[string]*Published
	turn    int              // counts changes
	sized   map[string]int64 // of these, at sizedAt; never changed
	sizedAt int
}

// maxFacts bounds the memory, a few hundred bytes each.
const maxFacts = 20_000

// Said keeps what an origin said of a miss, for the pages that show it from now on.
func (m *Model) Said(name string, f *Facts) {
	o := &m.origins
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.facts == nil || len(o.facts) >= maxFacts {
		o.facts = map[string]*Facts{}
	}
	o.facts[name] = f
	o.turn++
}

// of returns what was said of a miss; nil: its origin was not asked.
func (o *origins) of(name string) *Facts {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.facts[name]
}

// sizes returns how large misses are, by their names, and a number that changes with what is known.
func (o *origins) sizes() (map[string]int64, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sized == nil || o.sizedAt != o.turn {
		o.sized, o.sizedAt = map[string]int64{}, o.turn
		for name, f := range o.facts {
			if f.Bytes >= 0 {
				o.sized[name] = f.Bytes
			}
		}
	}
	return o.sized, o.turn
}
