package fsstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"fromcache/fsstore/active"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/tokens"
	"fromcache/fsstore/upkeep"
	"fromcache/fsstore/verbs"
	"fromcache/fsstore/view"
)

// Defaults of Options.
const (
	DefaultMaxMisses = 10_000
	DefaultHistory   = 90 * 24 * time.Hour
)

// Store is an open data directory. Any number of goroutines, processes and
// people may work on one directory at once: names give correctness.
type Store struct {
	tree *tree.Tree
	*health.Monitor
	*counts.Counts
	*tokens.Tokens
	*queries.Rules
	*held.Cache
	*spool.Spool
	*misses.Misses
	*verbs.Verbs
	*active.Claims
	*upkeep.Keeper
}

// Open opens the data directory dir, and makes it where there is none. It
// refuses a directory that holds something else, one of another layout, and
// one whose parts are links or lie on several file systems; the error says
// what to do.
func Open(dir string, o Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	gone, err := tree.Prepare(dir)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: run this as the user of the directory or as one of its group, or give it to this user", err)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if o.MaxMisses == 0 {
		o.MaxMisses = DefaultMaxMisses
	}
	if o.History == 0 {
		o.History = DefaultHistory
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return wire(dir, gone, o)
}

// wire makes the rooms, each of those below it.
func wire(dir string, gone []string, o Options) (*Store, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	for _, name := range gone {
		o.Logger.Warn(name + " was gone from the data directory, and was made again")
	}
	s := &Store{tree: tree.New(dir, o.Logger)}
	if s.Monitor, err = health.New(s.tree, o.MinFree, gone); err != nil {
		return nil, err
	}
	s.Counts = counts.New(s.tree)
	s.Tokens = tokens.New(s.tree, s.Monitor)
	s.Rules = queries.New(s.tree, s.Monitor, o.Rule)
	s.Cache = held.New(s.tree, s.Monitor, s.Rules)
	s.Spool = spool.New(s.tree, s.Monitor, s.Rules, s.Cache)
	s.Misses = misses.New(s.tree, s.Monitor, s.Rules, s.Cache, s.Spool, o.MaxMisses)
	s.Verbs = verbs.New(s.tree, s.Monitor, s.Rules, s.Cache, s.Spool, s.Misses)
	s.Claims = active.New(s.tree, s.Monitor, s.Counts, s.Rules, s.Cache, s.Spool, s.Misses, s.Verbs, host)
	s.Keeper = upkeep.New(s.tree, s.Monitor, s.Counts, s.Tokens, s.Rules, s.Cache, s.Spool, s.Verbs, s.Claims, o.History)
	return s, nil
}

// NewView returns a picture of the directories. Run it once to have changes told.
func (s *Store) NewView() *View {
	return view.New(s.tree, s.Monitor, s.Counts, s.Cache, s.Spool)
}

// Free returns the bytes that the file system has for us, and its size.
func (s *Store) Free() (free, total int64, err error) { return s.tree.Free() }

// JobPath is the path of a job's file, for messages and other programs.
func (s *Store) JobPath(st State, name string) string { return s.tree.JobPath(st, name) }

// BlobPath is the path of a blob, which others may read only.
func (s *Store) BlobPath(digest string) string { return s.tree.Path("blobs", digest) }

// SessionSecret returns the key of the sign-in cookies, and makes it where there is none.
func (s *Store) SessionSecret() ([]byte, error) { return s.tree.SessionSecret() }

// Dir is the absolute path of the data directory, for messages.
func (s *Store) Dir() string { return s.tree.Root }

// Remade names what Open found gone from a tree that had been in use, and made
// again, empty: misses/. The log has it too, where there is one.
func (s *Store) Remade() []string { return s.Monitor.Remade }

// Rule is the query rule in force.
func (s *Store) Rule() key.Rule { return s.Rules.Rule }

// Close writes what has been gathered in memory: hits and repeated misses.
func (s *Store) Close() error {
	return errors.Join(s.Misses.FlushRepeats(0), s.Counts.FlushHits(), s.Counts.FlushStats())
}

// Run keeps the tree in order until ctx ends: it recovers orphans, writes what
// is gathered in memory, looks at its health, and removes what has had its
// time. One Run a process; any number of processes may run beside each other.
// It returns after a last flush.
func (s *Store) Run(ctx context.Context) error {
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	hour := time.NewTimer(time.Minute) // clients come first
	defer hour.Stop()
	s.beat()
	for {
		select {
		case <-ctx.Done():
			return s.Close()
		case <-flush.C:
			s.beat()
		case <-look.C:
			s.lookAfter()
		case <-hour.C:
			s.tidy(ctx)
			hour.Reset(time.Hour)
		}
	}
}

const flushEvery = 10 * time.Second

// beat leaves alone what may be half a tree: what is gathered waits in memory.
func (s *Store) beat() {
	if s.Monitor.Check(flushEvery).Incomplete { //guard:fsstore/active.TestHalfATreeIsLeftAlone
		return
	}
	s.Monitor.SetTrouble("recover", "jobs whose worker died can't be put back into queue/: look at active/; the log says more", s.Claims.Recover())
	s.Monitor.SetTrouble("misses", "not every miss can be recorded: look at misses/; the log says more", errors.Join(s.Misses.FlushRepeats(misses.GatherFor), s.Misses.CountMisses()))
	s.Monitor.SetTrouble("hits", "not every hit can be counted: look at hits/; the log says more", s.Counts.FlushHits())
	s.Rules.CheckQueries()
	s.Monitor.SetTrouble("stats", "the numbers of the day can't be kept: look at stats/; the log says more", s.Counts.FlushStats())
}

// lookAfter looks at the directory each second while something is wrong, and
// goes on with all that waited as soon as it is over.
func (s *Store) lookAfter() {
	l := s.Monitor.LastCheck()
	if l.Faulty || l.NoSpace {
		if l = s.Monitor.Check(0); !l.Faulty && !l.NoSpace {
			s.beat()
		}
	}
	if l.NoSpace || s.Claims.FoundNoRoom() {
		s.Monitor.OnceAMinute("room", s.Keeper.Collect)
	}
	if s.Keeper.BrakeIsDue() {
		s.Keeper.Collect()
	}
}

// tidy is the hourly round.
func (s *Store) tidy(ctx context.Context) {
	s.beat()
	s.Monitor.Complain("history", s.Keeper.Prune(time.Now()))
	if ctx.Err() == nil {
		s.Keeper.Collect()
	}
}

// Options of a store. The zero value of each field is its default.
type Options struct {
	Rule      key.Rule      // what becomes of a URL's query
	MaxMisses int           // most files in misses/; 0: 10,000
	History   time.Duration // how long done/ and cancelled/ keep a job; 0: 90 days
	MinFree   int64         // bytes that no download may take from the file system; 0: no reserve
	Logger    *slog.Logger  // nil: discard
}
