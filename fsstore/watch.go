package fsstore

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch wakes its reader when something may have changed in one of the given
// directories, and at the latest every so often: a listing is the truth, an
// event only a hint that spares the wait. Wake-ups that nobody took yet become
// one. The channel is closed when ctx ends.
func (s *Store) Watch(ctx context.Context, every time.Duration, states ...State) <-chan struct{} {
	wake := make(chan struct{}, 1)
	go s.watch(ctx, every, states, wake)
	return wake
}

func (s *Store) watch(ctx context.Context, every time.Duration, states []State, wake chan<- struct{}) {
	defer close(wake)
	tick := time.NewTicker(every)
	defer tick.Stop()
	w := s.watcher(states)
	defer func() { w.close() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w = s.rewatch(w, states)
		case _, ok := <-w.events():
			if !ok {
				w.close()
				w = nil
			}
		case err := <-w.errors():
			s.complain("watch", err) // an overflow: the wake-up below is the answer
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// watcher is an fsnotify watcher, or nil where the system gives us none: then
// the ticker does.
type watcher struct{ *fsnotify.Watcher }

func (s *Store) watcher(states []State) *watcher {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		s.complain("watch", err)
		return nil
	}
	w := &watcher{n}
	for _, st := range states {
		if err := n.Add(s.path(string(st), "")); err != nil {
			s.complain("watch", err)
			w.close()
			return nil
		}
	}
	return w
}

// rewatch begins anew after a watch was lost: the directory was moved away
// and came back.
func (s *Store) rewatch(w *watcher, states []State) *watcher {
	if w != nil && len(w.WatchList()) == len(states) {
		return w
	}
	w.close()
	return s.watcher(states)
}

func (w *watcher) close() {
	if w != nil {
		w.Watcher.Close()
	}
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w == nil {
		return nil
	}
	return w.Watcher.Events
}

func (w *watcher) errors() <-chan error {
	if w == nil {
		return nil
	}
	return w.Watcher.Errors
}
