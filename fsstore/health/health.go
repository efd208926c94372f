// Package health checks whether the data directory can be worked on: is it there, complete,
// readable and writable, and is there space. The other rooms report what fails in their own
// directories (SetTrouble). Each trouble is logged when it begins and when it is over, and its text
// says what to do.
package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"fromcache/fsstore/internal/tree"
)

// Monitor checks the data directory and keeps the list of what is wrong now.
type Monitor struct {
	tree    *tree.Tree
	id      tree.DirID // of the directory, to notice that another one has its name
	state   findings
	Remade  []string // what Open found missing and made again
	MinFree int64    // bytes that no download may take from the file system
}

// New returns the Monitor of a data directory. remade names what was missing from it and was made
// again.
func New(t *tree.Tree, minFree int64, remade []string) (*Monitor, error) {
	var st unix.Stat_t
	if err := unix.Stat(t.Root, &st); err != nil {
		return nil, err
	}
	s := &Monitor{tree: t, id: tree.DirIDOf(&st), Remade: remade, MinFree: minFree}
	s.state.missing, s.state.troubles = map[string]time.Time{}, map[string]Trouble{}
	return s, nil
}

// Trouble is something wrong with the data directory or the machine, and what to do about it. Its
// text names no path, because anyone may read the page that shows it.
type Trouble struct {
	Kind  string    `json:"kind" doc:"One word for what is in trouble, as in data, space or clock"`
	What  string    `json:"what"`
	Since time.Time `json:"since"`
	Grave bool      `json:"grave" doc:"Reads or writes fail: let another server answer"`

	logged bool // the log has a line that it began
}

// findings is what is wrong now: what Check found, and what other rooms reported.
type findings struct {
	checking sync.Mutex // one Check at a time
	last     atomic.Pointer[status]
	hangs    hangs
	missing  map[string]time.Time // the directories that Check misses, and since when
	clock    clock

	mu       sync.Mutex
	troubles map[string]Trouble // by the name that SetTrouble was given
	logs     sync.Map           // *rate.Sometimes by name, for OnceAMinute
}

// status is the result of one Check.
type status struct {
	at         time.Time
	Faulty     bool // something other than space is wrong
	Incomplete bool // a directory is missing or can't be used
	unreadable bool // it is one without which nobody can say what is held
	NoSpace    bool // the file system is full, or less is free than MinFree
}

// Names of the troubles that Check finds. SetTrouble gets all others.
const (
	troubleData  = "data"
	troubleSpace = "space"
	troubleClock = "clock"

	troubleStorage = "storage" // found by WatchDisk, too
)

// Health lists what is wrong now, grave troubles first. It checks the directory again if the last
// Check is older than a second.
func (s *Monitor) Health() []Trouble {
	s.Check(time.Second)
	return s.state.list()
}

// Ill checks the directory now, and reports whether Health lists a grave trouble.
func (s *Monitor) Ill() bool {
	s.Check(0)
	return slices.ContainsFunc(s.state.list(), func(t Trouble) bool { return t.Grave })
}

// NoSpace reports whether less is free than MinFree, so that no download can start. It checks
// again as Health does.
func (s *Monitor) NoSpace() bool { return s.Check(time.Second).NoSpace }

// Faulty reports whether the directory itself is in trouble, so that an error in it is a
// consequence. It checks again as Health does.
func (s *Monitor) Faulty() bool { return s.Check(time.Second).Faulty }

// SetTrouble lists a trouble until it is called again with the same name and a nil error. The log
// has one line when it begins and one when it is over. While the directory itself is in trouble
// an error is ignored, because it is a consequence. So is context.Canceled: the server ends.
func (s *Monitor) SetTrouble(name, what string, err error) {
	if errors.Is(err, context.Canceled) { //guard:fsstore/upkeep.TestTheEndOfAScrubIsNoTrouble
		return
	}
	if err == nil || !s.Check(0).Faulty {
		s.setTrouble(name, Trouble{What: what}, err)
	}
}

func (s *Monitor) setTrouble(name string, t Trouble, err error) {
	h := &s.state
	h.mu.Lock()
	defer h.mu.Unlock()
	before, is := h.troubles[name]
	if is && err != nil && before.What == t.What {
		return
	}
	if is {
		delete(h.troubles, name)
		s.logOver(before)
	}
	if err == nil {
		return
	}
	if h.nameOf(t.What) == "" { // OnceAMinute, because it may come and go
		s.OnceAMinute("trouble "+t.What, func() {
			s.tree.Log.Error("trouble begins", "what", t.What, "err", err)
			t.logged = true
		})
	}
	t.Since = time.Now()
	h.troubles[name] = t
}

// logOver logs that a trouble is over if its beginning was logged. If another name has a trouble
// with the same text, that one is logged when it is over, instead. The caller holds mu.
func (s *Monitor) logOver(t Trouble) {
	if !t.logged {
		return
	}
	if name := s.state.nameOf(t.What); name != "" {
		s.state.troubles[name] = t
		return
	}
	short, _, _ := strings.Cut(t.What, ":")
	lasted := time.Since(t.Since).Round(time.Second).String()
	s.tree.Log.Info("trouble is over", "what", short, "lasted", lasted)
}

// nameOf returns a name whose trouble has this text, or "". The caller holds mu.
func (h *findings) nameOf(what string) string {
	for name, t := range h.troubles {
		if t.What == what {
			return name
		}
	}
	return ""
}

func (h *findings) list() []Trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Trouble, 0, len(h.troubles))
	for name, t := range h.troubles {
		t.Kind, _, _ = strings.Cut(name, " ")
		list = append(list, t)
	}
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

// LastCheck returns what the last Check found, or the zero status. It does not check again.
func (s *Monitor) LastCheck() status {
	if l := s.state.last.Load(); l != nil {
		return *l
	}
	return status{}
}

// HeldUnreadable reports whether an artifact that is held may look as if it were not.
func (s *Monitor) HeldUnreadable() bool { return s.LastCheck().unreadable }

// Complain logs an error that is no lasting trouble, at most once a minute for each what.
func (s *Monitor) Complain(what string, err error) {
	if err != nil && !s.Faulty() {
		s.OnceAMinute(what, func() { s.tree.Log.Error(what, "err", err) })
	}
}

// OnceAMinute calls do unless it has called one of this name within the last minute.
func (s *Monitor) OnceAMinute(name string, do func()) {
	v, _ := s.state.logs.LoadOrStore(name, &rate.Sometimes{Interval: time.Minute})
	v.(*rate.Sometimes).Do(do)
}

// Done records how a repair went: text is the past participle, as in "removed".
func (p *Problem) Done(text string, err error) {
	if p.Do, p.Repaired = text, err == nil; err != nil {
		p.Do = "it could not be " + text + ": " + err.Error()
	}
}

// ErrNoSpace is the error of a download that would leave less than MinFree bytes.
var ErrNoSpace = errors.New("not enough free space")

// Room returns ErrNoSpace where need bytes more would leave less than MinFree of those that are free.
func (m *Monitor) Room(free, need int64) error {
	if need <= free-m.MinFree {
		return nil
	}
	return fmt.Errorf("%w: %d bytes are free, %d are to come, %d stay free", ErrNoSpace, free, need, m.MinFree)
}

// Problem is one finding of fsck or scrub: what is wrong with a file, and what to do about it.
type Problem struct {
	Path     string    `json:"path" doc:"In the data directory"`
	Text     string    `json:"text"`
	Do       string    `json:"do"`
	Repaired bool      `json:"repaired,omitempty"`
	Time     time.Time `json:"time" doc:"When the scrub found it"`
}
