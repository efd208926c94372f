package fsstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/key"
)

// Defaults of Options.
const (
	DefaultMaxMisses = 10_000
	DefaultHistory   = 90 * 24 * time.Hour
)

// Store is an open data directory. Any number of goroutines, processes and
// people may work on one directory at once: names give correctness.
type Store struct {
	dir     string
	id      place // of the directory, to notice that another has its name
	host    string
	boot    string   // 8 random hex digits of this start of the machine
	rule    key.Rule // what becomes of a URL's query
	log     *slog.Logger
	metas   mirror[*Artifact]
	own     ownBook
	digests digestIndex
	hits    hitBook
	stats   statBook
	repeats repeats
	room    missRoom
	queue   queueIndex
	space   space
	found   problemBook
	health  health
	still   observer  // files of other hosts, and how long they have stood still
	braked  time.Time // when Run looks whether gc still takes nothing; zero: it does not
	remade  []string  // what Open found gone

	minFree   int64         // bytes that no download may take
	maxMisses int           // most files in misses/
	kept      time.Duration // how long done/ and cancelled/ keep a job
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
	gone, err := lay(dir)
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
	s := &Store{dir: dir, boot: bootID(), rule: o.Rule, minFree: o.MinFree, maxMisses: o.MaxMisses, kept: o.History, log: o.Logger, remade: gone}
	s.metas = mirror[*Artifact]{dir: s.path("meta", ""), ours: isMetaName, most: maxCached, load: s.readArtifact}
	s.own.files = mirror[ownFile]{dir: s.path("queries", ""), ours: plain, load: s.loadOwn, exact: true}
	s.queue.files = mirror[queueFile]{dir: s.job(Queue, ""), ours: countsInQueue, load: s.loadQueued}
	s.repeats.m = map[asked]*repeat{}
	s.health.missing, s.health.open = map[string]time.Time{}, map[string]Trouble{}
	for _, name := range gone {
		s.log.Warn(name + " was gone from the data directory, and was made again")
	}
	s.host, err = os.Hostname()
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Stat(dir, &st)
	s.id = placeOf(&st)
	return s, err
}

// Dir is the absolute path of the data directory, for messages.
func (s *Store) Dir() string { return s.dir }

// Remade names what Open found gone from a tree that had been in use, and made
// again, empty: misses/. The log has it too, where there is one.
func (s *Store) Remade() []string { return s.remade }

// Rule is the query rule in force.
func (s *Store) Rule() key.Rule { return s.rule }

// Close writes what has been gathered in memory: hits and repeated misses.
func (s *Store) Close() error {
	return errors.Join(s.flushOld(0), s.flushHits(), s.flushStats())
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
	if s.lookAt(flushEvery).half {
		return
	}
	s.Trouble("recover", "jobs whose worker died can't be put back into queue/: look at active/; the log says more", s.Recover())
	s.Trouble("misses", "not every miss can be noted: look at misses/; the log says more", errors.Join(s.flushOld(gather), s.countMisses()))
	s.Trouble("hits", "not every hit can be counted: look at hits/; the log says more", s.flushHits())
	s.checkOwn()
	s.Trouble("stats", "the numbers of the day can't be kept: look at stats/; the log says more", s.flushStats())
}

// lookAfter looks at the directory each second while something is wrong, and
// goes on with all that waited as soon as it is over.
func (s *Store) lookAfter() {
	l := s.health.seen()
	if l.wrong || l.full {
		if l = s.lookAt(0); !l.wrong && !l.full {
			s.beat()
		}
	}
	if l.full || s.space.refused.Swap(false) {
		s.sometimes("room", s.collect)
	}
	if !s.braked.IsZero() && time.Now().After(s.braked) {
		s.collect()
	}
}

// tidy is the hourly round.
func (s *Store) tidy(ctx context.Context) {
	s.beat()
	s.complain("history", s.prune(time.Now()))
	if ctx.Err() == nil {
		s.collect()
	}
}

// brakeLook is how soon a collection is tried again that was held back, where it
// takes no time: it takes a fiftieth of it at most.
const brakeLook = 10 * time.Second

func (s *Store) collect() {
	began := time.Now()
	report, err := s.GC(GCOptions{})
	_, held := errors.AsType[*Brake](err)
	switch {
	case held:
		s.braked = time.Now().Add(max(brakeLook, 50*time.Since(began)))
		s.Trouble("gc", manyUnnamed, err)
	case err != nil:
		s.complain("gc", err)
	default:
		s.braked = time.Time{}
		s.Trouble("gc", "", nil)
	}
	debug.FreeOSMemory() // it has read every meta
	if n := len(report.Gone) + len(report.Unlinked); n > 0 {
		s.log.Info("gc", "gone", len(report.Gone), "unlinked", len(report.Unlinked), "bytes", report.Bytes)
	}
}
