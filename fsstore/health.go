package fsstore

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Trouble is what is wrong with the data directory or the machine, and what to
// do about it, in words for a page that anyone may read: it names no path.
type Trouble struct {
	What  string
	Since time.Time
	Grave bool // what is held can't be read, or nothing new can be written: let another server answer

	logged bool // that it began
}

// health is what is wrong now: what a look at the directory finds, and what others have told.
type health struct {
	looking sync.Mutex // one look at a time
	last    atomic.Pointer[look]
	missing map[string]time.Time // directories, and since when looks miss them
	clock   clock

	mu   sync.Mutex
	open map[string]Trouble // by the name of who noticed
	logs sync.Map           // *rate.Sometimes, by what they say
}

// look is what one look at the directory has found.
type look struct {
	at    time.Time
	wrong bool // something but the room
	half  bool // parts of the tree are missing
	blind bool // so many that nobody can say what is held
	full  bool // there is no room, or less than is kept free
}

// inData, inSpace and inClock are the names of the troubles that a look finds;
// all others are told by Trouble.
const (
	inData  = "data"
	inSpace = "space"
	inClock = "clock"
)

// Health lists what is wrong, what is grave first. It looks at the directory
// again if the last look is older than a second.
func (s *Store) Health() []Trouble {
	s.lookAt(time.Second)
	return s.health.list()
}

// Ill looks at the directory, and reports whether something in Health is grave.
func (s *Store) Ill() bool {
	s.lookAt(0)
	return slices.ContainsFunc(s.health.list(), func(t Trouble) bool { return t.Grave })
}

// Short reports whether there is less room than MinFree keeps, so that no job of any size could
// start. It looks as Health does.
func (s *Store) Short() bool { return s.lookAt(time.Second).full }

// Explains reports whether something is wrong with the directory itself, so that an error elsewhere
// is no news. It looks as Health does.
func (s *Store) Explains() bool { return s.lookAt(time.Second).wrong }

// Trouble tells that something is wrong, until the same name is told again
// with no error. The log has it once when it begins and once when it is over.
// What only follows from the state of the directory, which Health knows, is not told.
func (s *Store) Trouble(name, what string, err error) {
	if err == nil || !s.lookAt(0).wrong {
		s.setTrouble(name, Trouble{What: what}, err)
	}
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
		s.logOver(before)
	}
	if err == nil {
		return
	}
	if h.said(t.What) == "" { // it may come and go
		s.sometimes("trouble "+t.What, func() {
			s.log.Error("trouble begins", "what", t.What, "err", err)
			t.logged = true
		})
	}
	t.Since = time.Now()
	h.open[name] = t
}

// logOver says in the log that a trouble is over which had its beginning there, or leaves that to
// another of the same words, which is not over; the caller holds mu.
func (s *Store) logOver(t Trouble) {
	if !t.logged {
		return
	}
	if name := s.health.said(t.What); name != "" {
		s.health.open[name] = t
		return
	}
	short, _, _ := strings.Cut(t.What, ":")
	s.log.Info("trouble is over", "what", short, "lasted", time.Since(t.Since).Round(time.Second).String())
}

// said is the name under which someone has told the same, or ""; the caller holds mu.
func (h *health) said(what string) string {
	for name, t := range h.open {
		if t.What == what {
			return name
		}
	}
	return ""
}

func (h *health) list() []Trouble {
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

// seen is the last look.
func (h *health) seen() look {
	if l := h.last.Load(); l != nil {
		return *l
	}
	return look{}
}

// blind reports whether what is held may look as if it were not.
func (s *Store) blind() bool { return s.health.seen().blind }

// complain logs what is no lasting trouble, once a minute.
func (s *Store) complain(what string, err error) {
	if err != nil && !s.Explains() {
		s.sometimes(what, func() { s.log.Error(what, "err", err) })
	}
}

// sometimes does what has that name if it has not done so for a minute.
func (s *Store) sometimes(name string, do func()) {
	v, _ := s.health.logs.LoadOrStore(name, &rate.Sometimes{Interval: time.Minute})
	v.(*rate.Sometimes).Do(do)
}
