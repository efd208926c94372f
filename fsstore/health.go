package fsstore

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Trouble is what is wrong with the data directory or the machine, and what to
// do about it, in words for a page that anyone may read: it names no path.
type Trouble struct {
	What  string
	Since time.Time
	Grave bool // what is held can't be read, or nothing new can be written: let another server answer
}

// healthBook is what is wrong now, by the name of who noticed. Who noticed
// says when it is over.
type healthBook struct {
	looking sync.Mutex // one look at a time
	looked  time.Time
	missing map[string]time.Time // directories, and since when looks miss them
	half    atomic.Bool          // parts of the tree are missing
	blind   atomic.Bool          // so many that nobody can say what is held
	full    atomic.Bool          // there is no room, or less than is kept free
	clock   clockBook

	mu   sync.Mutex
	open map[string]Trouble
	said map[string]bool // what the log says has begun
}

// inData and inSpace are the troubles that a look at the directory finds, and
// inClock goes with them; all others are told by Trouble.
const (
	inData  = "data"
	inSpace = "space"
)

// Health lists what is wrong, what is grave first. It looks at the directory
// again if the last look is older than a second.
func (s *Store) Health() []Trouble {
	s.checkup(time.Second)
	return s.health.list()
}

// Ill looks at the directory, and reports whether something in Health is grave.
func (s *Store) Ill() bool {
	s.checkup(0)
	return slices.ContainsFunc(s.health.list(), func(t Trouble) bool { return t.Grave })
}

// Trouble tells that something is wrong, until the same name is told again
// with no error. The log has it once when it begins and once when it is over.
// What only follows from the state of the directory, which Health knows, is
// not told twice.
func (s *Store) Trouble(name, what string, err error) {
	if err != nil && s.Explains() {
		return
	}
	s.setTrouble(name, Trouble{What: what}, err)
}

// Explains looks at the directory, and reports whether something is wrong with
// it, so that an error elsewhere is no news.
func (s *Store) Explains() bool {
	s.checkup(0)
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	_, is := s.health.open[inData]
	return is
}

func (s *Store) setTrouble(name string, t Trouble, err error) {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	before, is := h.open[name]
	if is && err != nil && before.What == t.What {
		return
	}
	if is {
		delete(h.open, name)
		s.sayOver(before)
	}
	if err == nil {
		return
	}
	t.Since = time.Now()
	if h.open == nil {
		h.open, h.said = map[string]Trouble{}, map[string]bool{}
	}
	if !h.has(t.What) && s.quiet.may("trouble "+t.What, time.Minute) { // it may come and go
		s.log.Error("trouble begins", "what", t.What, "err", err)
		h.said[t.What] = true
	}
	h.open[name] = t
}

// sayOver has the log say what it said to have begun, unless another says the
// same still; the caller holds mu.
func (s *Store) sayOver(t Trouble) {
	h := &s.health
	if !h.said[t.What] || h.has(t.What) {
		return
	}
	delete(h.said, t.What)
	short, _, _ := strings.Cut(t.What, ":")
	s.log.Info("trouble is over", "what", short, "lasted", time.Since(t.Since).Round(time.Second).String())
}

// has reports whether someone has said the same; the caller holds mu.
func (h *healthBook) has(what string) bool {
	for _, t := range h.open {
		if t.What == what {
			return true
		}
	}
	return false
}

func (h *healthBook) list() []Trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.Collect(maps.Values(h.open))
	slices.SortFunc(list, func(a, b Trouble) int {
		if a.Grave != b.Grave {
			if a.Grave {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.What, b.What), a.Since.Compare(b.Since))
	})
	return slices.CompactFunc(list, func(a, b Trouble) bool { return a.What == b.What })
}

// pressing reports whether something is wrong that a look finds, and that may
// be over at any moment.
func (h *healthBook) pressing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, data := h.open[inData]
	_, space := h.open[inSpace]
	return data || space
}

// whole reports whether the last look found all directories. Never tidy half a
// tree.
func (s *Store) whole() bool { return !s.health.half.Load() }

// blind reports whether what is held may look as if it were not.
func (s *Store) blind() bool { return s.health.blind.Load() }

// Short looks at the directory, and reports whether there is less room than
// MinFree keeps, so that no job of any size could start.
func (s *Store) Short() bool {
	s.checkup(time.Second)
	return s.short()
}

// short reports whether the last look found too little room.
func (s *Store) short() bool { return s.health.full.Load() }
