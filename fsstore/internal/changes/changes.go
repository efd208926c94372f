// Package changes tells whether anything in a few directories may have changed since a moment. That
// costs a fifth of a look at one file, and where nothing has changed no look at any is needed.
//
// It takes the word of inotify(7), and only on file systems whose changes all come by this kernel,
// which queues an event before the call that changes something returns. What such a file system does
// not tell, a mount over a directory or a write by another link of a file, ends a moment within a
// second, because none lasts longer.
package changes

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Watch watches directories while Run runs. Any goroutine may use it.
type Watch struct {
	dirs  []string
	asked atomic.Bool   // Now was called
	now   atomic.Uint64 // the Moment; 0: something changes, or may
	last  uint64        // Moment that was
	mu    sync.RWMutex  // held while queue is used, so that it is not closed meanwhile
	queue
}

// Moment is a time in which nothing has changed: what was found in the directories after Now had
// returned it is so as long as Now returns it again. The zero Moment is none.
type Moment uint64

const (
	// longest is how long a Moment lasts.
	longest = time.Second
	// pause is between two looks at what has changed. Until then each file is looked at.
	pause = 10 * time.Millisecond
)

// New returns a Watch of directories, which are absolute paths without a link in them.
func New(dirs ...string) *Watch { return &Watch{dirs: dirs} }

// Now returns the Moment, zero where there is none.
func (w *Watch) Now() Moment {
	if w.now.Load() == 0 {
		w.asked.Store(true)
		return 0
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if !w.isEmpty() { //guard:TestNoMomentOutlivesAChange
		return 0
	}
	return Moment(w.now.Load()) // after the queue: whoever empties it has ended the Moment before
}

// Run watches from the first call of Now until ctx ends, and calls ended, unless it is nil, when a
// Moment has. Where the system grants no watch there is never one.
func (w *Watch) Run(ctx context.Context, ended func(Moment)) {
	for ctx.Err() == nil {
		if w.asked.Load() && w.opened() {
			w.follow(ctx, ended)
			w.closeQueue()
		}
		sleep(ctx, longest)
	}
}

// follow has one Moment after the other, until ctx ends or a directory can't be watched.
func (w *Watch) follow(ctx context.Context, ended func(Moment)) {
	defer context.AfterFunc(ctx, w.wake)()
	for ctx.Err() == nil {
		any := w.empty()
		if w.watch(w.dirs) != nil {
			return
		}
		if any {
			sleep(ctx, pause)
			continue
		}
		w.last++
		w.now.Store(w.last)
		w.await(ctx, longest)
		w.now.Store(0)
		if ended != nil {
			ended(Moment(w.last))
		}
	}
}

func (w *Watch) opened() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open() == nil
}

func (w *Watch) closeQueue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.close()
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
