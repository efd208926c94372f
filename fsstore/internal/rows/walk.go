package rows

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"fromcache/fsstore/internal/tree"
)

// A storage behind a network is asked for many files at once, because all the time goes into waiting
// for its answers. It is one if the first files took longer than slowFile each. From a local disk
// each core reads one.
const (
	firstFiles = 32
	slowFile   = 200 * time.Microsecond
	atOnce     = 64
)

const partNames = 32

// Looker looks at files, one goroutine at a time.
type Looker interface {
	Look(names []string)
	Close() error
}

// walk is a walk over one directory.
type walk struct {
	looker  func() Looker
	names   chan []string
	started bool
	all     sync.WaitGroup
}

// Walk has each name of a directory looked at, some at a time, by several goroutines with a Looker
// each, and returns when all is done.
func Walk(ctx context.Context, t *tree.Tree, dir string, looker func() Looker) error {
	w := walk{looker: looker, names: make(chan []string)}
	err := t.EachNames(dir, func(names []string) error { return w.hand(ctx, names) })
	close(w.names)
	w.all.Wait()
	return err
}

// hand hands names out in small parts, so that all read at once in a small directory, too. Of the
// first names it learns how slow the storage is.
func (w *walk) hand(ctx context.Context, names []string) error {
	if !w.started {
		w.started = true
		n := min(firstFiles, len(names))
		began := time.Now()
		w.first(names[:n])
		names = names[n:]
		w.start(time.Since(began) > time.Duration(n)*slowFile)
	}
	for part := range slices.Chunk(names, partNames) {
		select {
		case w.names <- slices.Clone(part):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *walk) first(names []string) {
	l := w.looker()
	defer l.Close()
	l.Look(names)
}

func (w *walk) start(slow bool) {
	n := runtime.GOMAXPROCS(0)
	if slow {
		n = atOnce
	}
	for range n {
		w.all.Go(func() {
			l := w.looker()
			defer l.Close()
			for names := range w.names {
				l.Look(names)
			}
		})
	}
}

// Count counts the names of a directory, and tells how many there are so far. Of many it does so beside
// the caller, because to list a million takes a second; wait waits for the end.
func Count(ctx context.Context, t *tree.Tree, dir string, tell func(n int)) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		total := 0
		_ = t.EachNames(dir, func(names []string) error { // the walk has the same error
			total += len(names)
			tell(total)
			return ctx.Err()
		})
	}()
	select {
	case <-done:
	case <-time.After(100 * time.Millisecond):
	}
	return func() { <-done }
}

// Seen has a bit for each row whose file a walk has seen.
type Seen struct {
	mu   sync.Mutex
	bits []uint64
}

// Add notes rows.
func (s *Seen) Add(ids []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		for int(id/64) >= len(s.bits) {
			s.bits = append(s.bits, make([]uint64, 1+len(s.bits))...)
		}
		s.bits[id/64] |= 1 << (id % 64)
	}
}

// Has reports whether a row was noted. Nobody may note one meanwhile.
func (s *Seen) Has(id uint32) bool {
	return int(id/64) < len(s.bits) && s.bits[id/64]&(1<<(id%64)) != 0
}
