// Package health looks whether the data directory can be worked on: is it there, whole, readable
// and writable, and is there room. Other rooms tell it what went wrong in their own directory. Each
// trouble is logged once, and says what to do.
package health

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"fromcache/fsstore/internal/tree"
)

// Monitor looks whether the data directory can be worked on, and remembers what is wrong.
type Monitor struct {
	tree    *tree.Tree
	id      tree.DirID // of the directory, to notice that another has its name
	state   findings
	Remade  []string // what Open found gone
	MinFree int64    // bytes that no download may take
}

// New looks at the directory for the first time. remade names what was gone
// from it and was made again.
func New(t *tree.Tree, minFree int64, remade []string) (*Monitor, error) {
	var st unix.Stat_t
	if err := unix.Stat(t.Root, &st); err != nil {
		return nil, err
	}
	return &Monitor{tree: t, MinFree: minFree, Remade: remade, id: tree.DirIDOf(&st), state: findings{missing: map[string]time.Time{}, open: map[string]Trouble{}}}, nil
}

// Trouble is what is wrong with the data directory or the machine, and what to
// do about it, in words for a page that anyone may read: it names no path.
type Trouble struct {
	What  string
	Since time.Time
	Grave bool // what is held can't be read, or nothing new can be written: let another server answer

	logged bool // that it began
}

// findings is what is wrong now: what a look at the directory finds, and what others have told.
type findings struct {
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
	Wrong bool // something but the room
	Half  bool // parts of the tree are missing
	blind bool // so many that nobody can say what is held
	Full  bool // there is no room, or less than is kept free
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
func (s *Monitor) Health() []Trouble {
	s.Look(time.Second)
	return s.state.list()
}

// Ill looks at the directory, and reports whether something in Health is grave.
func (s *Monitor) Ill() bool {
	s.Look(0)
	return slices.ContainsFunc(s.state.list(), func(t Trouble) bool { return t.Grave })
}

// NoSpace reports whether there is less room than MinFree keeps, so that no job of any size could
// start. It looks as Health does.
func (s *Monitor) NoSpace() bool { return s.Look(time.Second).Full }

// Faulty reports whether something is wrong with the directory itself, so that an error elsewhere
// is no news. It looks as Health does.
func (s *Monitor) Faulty() bool { return s.Look(time.Second).Wrong }

// SetTrouble tells that something is wrong, until the same name is told again
// with no error. The log has it once when it begins and once when it is over.
// What only follows from the state of the directory, which Health knows, is not told.
func (s *Monitor) SetTrouble(name, what string, err error) {
	if err == nil || !s.Look(0).Wrong {
		s.setTrouble(name, Trouble{What: what}, err)
	}
}

func (s *Monitor) setTrouble(name string, t Trouble, err error) {
	h := &s.state
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
		s.Sometimes("trouble "+t.What, func() {
			s.tree.Log.Error("trouble begins", "what", t.What, "err", err)
			t.logged = true
		})
	}
	t.Since = time.Now()
	h.open[name] = t
}

// logOver says in the log that a trouble is over which had its beginning there, or leaves that to
// another of the same words, which is not over; the caller holds mu.
func (s *Monitor) logOver(t Trouble) {
	if !t.logged {
		return
	}
	if name := s.state.said(t.What); name != "" {
		s.state.open[name] = t
		return
	}
	short, _, _ := strings.Cut(t.What, ":")
	s.tree.Log.Info("trouble is over", "what", short, "lasted", time.Since(t.Since).Round(time.Second).String())
}

// said is the name under which someone has told the same, or ""; the caller holds mu.
func (h *findings) said(what string) string {
	for name, t := range h.open {
		if t.What == what {
			return name
		}
	}
	return ""
}

func (h *findings) list() []Trouble {
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

// Seen is the last look.
func (h *findings) Seen() look {
	if l := h.last.Load(); l != nil {
		return *l
	}
	return look{}
}

// HeldUnreadable reports whether what is held may look as if it were not.
func (s *Monitor) HeldUnreadable() bool { return s.state.Seen().blind }

// Complain logs what is no lasting trouble, once a minute.
func (s *Monitor) Complain(what string, err error) {
	if err != nil && !s.Faulty() {
		s.Sometimes(what, func() { s.tree.Log.Error(what, "err", err) })
	}
}

// Sometimes does what has that name if it has not done so for a minute.
func (s *Monitor) Sometimes(name string, do func()) {
	v, _ := s.state.logs.LoadOrStore(name, &rate.Sometimes{Interval: time.Minute})
	v.(*rate.Sometimes).Do(do)
}

// Done says how a repair went.
func (p *Problem) Done(text string, err error) {
	if p.Do, p.Repaired = text, err == nil; err != nil {
		p.Do = "it could not be " + text + ": " + err.Error()
	}
}

// ErrNoSpace: the download would leave less than MinFree bytes.
var ErrNoSpace = errors.New("not enough free space")

// Problem is one finding: what is wrong, and what to do about it.
type Problem struct {
	Path, Text, Do string
	Repaired       bool
	Time           time.Time // when a scrub found it
}

// Seen is what the last look found; it does not look again.
func (s *Monitor) Seen() look { return s.state.Seen() }
