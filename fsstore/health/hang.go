package health

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"fromcache/fsstore/internal/tree"
)

// A disk or file server that has gone mostly gives no error: NFS, FUSE and a suspended volume let a
// call wait until they are back. Such a call can't be broken off, so what follows runs it in a
// goroutine of its own and goes on without it.

// hangAfter is how long a call may take before the storage hangs.
const hangAfter = 2 * time.Second

// How often WatchDisk reads and writes. A worker of the pool has a write checked as often.
const (
	readEvery  = 500 * time.Millisecond
	writeEvery = 2 * time.Second
)

// errHangs is why the directory is in trouble when the storage hangs.
var errHangs = errors.New("a call on the data directory has not returned for " + hangAfter.String())

// hangs says which calls have not returned for hangAfter.
type hangs struct{ reads, writes atomic.Bool }

// ReadsHang reports whether reads of the data directory wait for a storage that does not answer, so
// that whoever asks for what is in it had better be refused. It costs no call.
func (s *Monitor) ReadsHang() bool { return s.state.hangs.reads.Load() }

// Hangs reports whether reads or writes do. It costs no call.
func (s *Monitor) Hangs() bool { return s.ReadsHang() || s.state.hangs.writes.Load() }

// WatchDisk reads and writes in the data directory until ctx ends, so that Hangs is true at most 3 s
// after reads began to hang and 5 s after writes did, and false as soon as they go on. It does not
// wait for a call that hangs.
func (s *Monitor) WatchDisk(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { every(ctx, readEvery, func() { s.watchReads(ctx) }) })
	both.Go(func() { every(ctx, writeEvery, func() { s.Check(writeEvery) }) })
	both.Wait()
}

func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (s *Monitor) watchReads(ctx context.Context) {
	limit := time.NewTimer(hangAfter)
	defer limit.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.readPastCache()
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
		return
	case <-limit.C:
		s.beginHang(&s.state.hangs.reads)
	}
	select {
	case <-done:
		s.endHang(&s.state.hangs.reads)
	case <-ctx.Done():
	}
}

// readPastCache asks the storage and not the kernel's memory: statfs asks a file server, and the
// README is dropped from the page cache before it is read. Check tells of errors.
func (s *Monitor) readPastCache() {
	_, _, _ = s.tree.Free()
	f, err := tree.Open(s.tree.Root+"/README", os.O_RDONLY)
	if err != nil {
		return
	}
	defer f.Close()
	tree.DropCached(f, 0, 0)
	_, _ = f.Read(make([]byte, 1))
}

// beginHang notes that calls of one kind hang. The last Check says from then on that nothing can be
// done, so that nobody begins what would hang, too.
func (s *Monitor) beginHang(kind *atomic.Bool) {
	kind.Store(true)
	s.state.last.Store(&status{
		at: time.Now(), Faulty: true, Incomplete: true, unreadable: s.ReadsHang(),
	})
	s.tellHang()
}

func (s *Monitor) endHang(kind *atomic.Bool) {
	if kind.Swap(false) {
		s.tellHang()
	}
}

// tellHang lists the trouble that there is now.
func (s *Monitor) tellHang() {
	if s.Hangs() {
		s.setTrouble(troubleStorage, grave("the disk or file server does not answer: until it does, "+
			"clients are refused what needs it, and nothing is written; look at the mount, the network "+
			"and dmesg"), errHangs)
	} else {
		s.setTrouble(troubleStorage, Trouble{}, nil)
	}
}
