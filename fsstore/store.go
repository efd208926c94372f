package fsstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"fromcache/fsstore/active"
	"fromcache/fsstore/allowed"
	"fromcache/fsstore/catalog"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/hosts"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/journal"
	"fromcache/fsstore/key"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/tokens"
	"fromcache/fsstore/transfer"
	"fromcache/fsstore/upkeep"
	"fromcache/fsstore/verbs"
	"fromcache/fsstore/view"
)

// Defaults of Options.
const (
	DefaultMaxMisses = 10_000
	DefaultHistory   = 90 * 24 * time.Hour
)

// Store is an open data directory. Any number of goroutines, processes and people may work on one
// directory at once.
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
	*transfer.Carrier
	*upkeep.Keeper
	Allowed *allowed.Rules // allowed/
	Hosts   *hosts.Hosts   // the servers of other hosts on this directory
	catalog *catalog.Catalog
}

// Open opens the data directory dir, and makes it if it does not exist. It refuses a directory that
// holds something else, one of another format, and one whose parts are links or lie on several file
// systems. The error says what to do.
func Open(dir string, o Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	var remade []string
	if o.Replica {
		err = tree.CheckReplica(dir)
	} else {
		remade, err = prepare(dir)
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: run this as the user of the directory or as one of its group, "+
			"or give it to this user", err)
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
	return wire(dir, remade, o)
}

// prepare is tree.Prepare, and refuses a replica, because what is written to one is in the way of the
// next sync, and its jobs may be copies of what another server fetches.
func prepare(dir string) (remade []string, err error) {
	if of, marked := tree.ReadMark(dir); marked { //guard:TestAReplicaIsNotWritten
		return nil, fmt.Errorf("%s is a replica of %s: serve it with --replica; "+
			"to make a cache of its own of it, rm %s/%s", dir, cmp.Or(of.Of, "another cache"), dir, tree.MarkName)
	}
	remade, err = tree.Prepare(dir)
	if err != nil && tree.IsReadOnly(dir) {
		err = fmt.Errorf("%w; where it is meant to be read only, serve it with --replica", err)
	}
	return remade, err
}

// IsReplica reports whether a directory can be opened with Options.Replica alone: it is marked, or
// lacks directories that can't be made, because its file system is read-only.
func IsReplica(dir string) bool {
	if _, marked := tree.ReadMark(dir); marked {
		return true
	}
	lacks := func(name string) bool { return !tree.Exists(dir + "/" + name) }
	return tree.IsReadOnly(dir) && slices.ContainsFunc(tree.Directories, lacks)
}

// wire makes the rooms, each on those below it.
func wire(dir string, remade []string, o Options) (*Store, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	for _, name := range remade {
		o.Logger.Warn(name + " was gone from the data directory, and was made again")
	}
	s := &Store{tree: tree.New(dir, o.Logger)}
	s.tree.ReadOnly, s.tree.Main = o.Replica, o.Main
	if s.Monitor, err = health.New(s.tree, o.MinFree, remade); err != nil {
		return nil, err
	}
	s.Counts = counts.New(s.tree)
	s.Tokens = tokens.New(s.tree, s.Monitor)
	s.Rules = queries.New(s.tree, s.Monitor, o.Rule)
	s.Cache = held.New(s.tree, s.Monitor, s.Rules)
	s.catalog = catalog.New(s.tree, s.Monitor, s.Counts, s.Cache)
	s.Spool = spool.New(s.tree, s.Monitor, s.Rules, s.Cache)
	s.Misses = misses.New(s.tree, s.Monitor, s.Rules, s.Cache, s.Spool, o.MaxMisses)
	s.Verbs = verbs.New(s.tree, s.Monitor, s.Rules, s.Cache, s.Spool, s.Misses)
	s.Allowed = allowed.New(s.tree, s.Monitor, s.Rules, s.Cache, s.Spool, s.Verbs)
	s.Misses.OnRecord(s.Allowed.Approve)
	s.Hosts = hosts.New(s.tree, host)
	s.Claims = active.New(s.tree, s.Monitor, s.Counts, s.Rules, s.Cache, s.Spool, s.Misses, s.Verbs,
		s.Allowed, s.Hosts)
	s.Carrier = transfer.New(s.tree, s.Monitor, s.Counts, s.Rules, s.Cache, s.Spool, s.Misses, s.Verbs,
		s.Claims)
	s.Keeper = upkeep.New(s.tree, s.Monitor, s.Counts, s.Tokens, s.Rules, s.Cache, s.Spool,
		s.Verbs, s.Allowed, s.Hosts, s.Claims, o.History)
	return s, nil
}

// NewView returns a copy of the directories in memory, for pages. Its Run keeps it up to date.
func (s *Store) NewView() *View {
	return view.New(s.tree, s.Monitor, s.catalog, s.Spool)
}

// OpenDigest opens the blob of an artifact that is held and has this digest; see catalog.OpenDigest.
func (s *Store) OpenDigest(digest string) (Bytes, *os.File, error) {
	return s.catalog.OpenDigest(digest)
}

// ByName returns the artifacts that are held whose URL's path ends in this basename; see
// catalog.ByName.
func (s *Store) ByName(name string) []*Artifact { return s.catalog.ByName(name) }

// Journal returns the journal of all jobs' logs.
func (s *Store) Journal() *journal.Journal { return journal.New(s.tree, s.Spool) }

// Free returns how many bytes the file system has free for this user, and its size.
func (s *Store) Free() (free, total int64, err error) { return s.tree.Free() }

// JobPath returns the path of a job's file, for messages and other programs.
func (s *Store) JobPath(st State, name string) string { return s.tree.JobPath(st, name) }

// BlobPath returns the path of a blob. Others may only read it.
func (s *Store) BlobPath(digest string) string { return s.tree.Path("blobs", digest) }

// SessionSecret returns the key of the sign-in cookies, and makes it if there is none.
func (s *Store) SessionSecret() ([]byte, error) { return s.tree.SessionSecret() }

// Name returns the name of this directory's servers for other servers. A copy has another one.
func (s *Store) Name() (string, error) { return s.tree.Name() }

// Replica says what the directory is a replica of; nil: it is none.
func (s *Store) Replica() *Replica { return s.tree.Replica() }

// Writable returns a *ReplicaError where the directory is a replica. Verbs ask it first.
func (s *Store) Writable() error { return s.tree.Writable() }

// Dir returns the absolute path of the data directory, for messages.
func (s *Store) Dir() string { return s.tree.Root }

// Remade names what was missing when Open opened a directory that had been in use, such as
// "misses/", and was made again, empty. The log names it, too.
func (s *Store) Remade() []string { return s.Monitor.Remade }

// Rule returns the query rule in force.
func (s *Store) Rule() key.Rule { return s.Rules.Rule }

// Close writes what is gathered in memory: hits, the day's numbers and repeated misses.
// Of a replica nothing is written.
func (s *Store) Close() error {
	return errors.Join(s.Misses.FlushRepeats(0), s.Counts.FlushHits(), s.Counts.FlushStats())
}

// Run keeps the directory in order until ctx ends: it recovers orphans, writes what is gathered in
// memory, checks the directory's health, and removes what is older than History and what gc
// removes. It returns after a last flush. A process runs it once; any number of processes may do
// so. Of a replica it checks the health alone.
func (s *Store) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { s.Monitor.WatchDisk(ctx) })
	beside.Go(func() { s.Cache.WatchHeld(ctx) })
	beside.Go(func() { s.Misses.WatchMisses(ctx) })
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	hosts := time.NewTicker(meetEvery)
	defer hosts.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	hour := time.NewTimer(time.Minute) // the first round is late, because clients come first
	defer hour.Stop()
	if s.tree.ReadOnly {
		hour.Stop()
	} else {
		beside.Go(func() { s.Allowed.Run(ctx) })
	}
	s.beat()
	s.meetHosts()
	for {
		select {
		case <-ctx.Done():
			return errors.Join(s.Close(), s.Hosts.Leave())
		case <-flush.C:
			s.beat()
		case <-hosts.C:
			s.meetHosts()
		case <-second.C:
			s.watchTrouble()
		case <-hour.C:
			s.tidy(ctx)
			hour.Reset(time.Hour)
		}
	}
}

const (
	flushEvery = 10 * time.Second
	meetEvery  = 5 * time.Second
)

// meetHosts looks whether other hosts live, and takes the jobs of those that don't.
func (s *Store) meetHosts() {
	if s.tree.ReadOnly {
		return
	}
	if !s.Monitor.LastCheck().Incomplete {
		s.Monitor.Complain("hosts", errors.Join(s.Hosts.Meet(), s.Claims.RecoverActive()))
	}
}

// beat recovers orphans and writes what is gathered in memory. It does nothing while a part of the
// directory is missing, because what it wrote might go to the wrong place.
func (s *Store) beat() {
	if s.Monitor.Check(flushEvery).Incomplete { //guard:fsstore/active.TestHalfATreeIsLeftAlone
		return
	}
	if s.tree.ReadOnly {
		s.Rules.CheckQueries()
		return
	}
	trouble := func(name, what string, err error) {
		s.Monitor.SetTrouble(name, what+"; the log says more", err)
	}
	missErr := errors.Join(s.Misses.FlushRepeats(misses.GatherFor), s.Misses.CountMisses())
	trouble("recover", "jobs whose worker died can't be put back into queue/: look at active/",
		s.Claims.Recover())
	trouble("misses", "not every miss can be recorded: look at misses/", missErr)
	trouble("hits", "not every hit can be counted: look at hits/", s.Counts.FlushHits())
	trouble("stats", "the numbers of the day can't be kept: look at stats/", s.Counts.FlushStats())
	s.Rules.CheckQueries()
}

// watchTrouble checks the directory every second while something is wrong, and does a beat as soon
// as it is over. It has gc run when there is no space, and when the brake of gc is due.
func (s *Store) watchTrouble() {
	l := s.Monitor.LastCheck()
	if l.Faulty || l.NoSpace {
		if l = s.Monitor.Check(0); !l.Faulty && !l.NoSpace {
			s.beat()
		}
	}
	if s.tree.ReadOnly {
		return
	}
	if l.NoSpace || s.Claims.FoundNoRoom() {
		s.Monitor.OnceAMinute("room", s.Keeper.Collect)
	}
	if s.Keeper.BrakeIsDue() {
		s.Keeper.Collect()
	}
}

// tidy is the hourly round: it removes old jobs and unneeded blobs.
func (s *Store) tidy(ctx context.Context) {
	s.beat()
	s.Monitor.Complain("history", s.Keeper.Prune(time.Now()))
	if ctx.Err() == nil {
		s.Keeper.Collect()
	}
}

// Options are those of Open. The zero value of each field is its default.
type Options struct {
	Rule      key.Rule      // what becomes of a URL's query
	MaxMisses int           // most files in misses/; 0: DefaultMaxMisses
	History   time.Duration // how long done/ and cancelled/ keep a job; 0: DefaultHistory
	MinFree   int64         // bytes that no download may take from the file system; 0: no reserve
	Logger    *slog.Logger  // nil: discard

	Replica bool   // only read the directory, which may lack all but blobs/ and meta/
	Main    string // the server that a replica is a copy of, for people; "": as its mark says
}
