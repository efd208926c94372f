package spool

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
)

// Watch wakes its reader when something may have changed in one of the directories, and at the
// latest after every, because an event is only a hint. Wake-ups that nobody took yet become one.
// The channel is closed when ctx ends.
func (s *Spool) Watch(ctx context.Context, every time.Duration, states ...tree.State,
) <-chan struct{} {
	wake := make(chan struct{}, 1)
	go s.watch(ctx, every, states, wake)
	return wake
}

func (s *Spool) watch(ctx context.Context, every time.Duration, states []tree.State,
	wake chan<- struct{}) {
	defer close(wake)
	tick := time.NewTicker(every)
	defer tick.Stop()
	w := s.NewWatcher(states)
	defer func() { w.Close() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w = s.Rewatch(w, states)
		case _, ok := <-w.Events():
			if !ok {
				w.Close()
				w = nil
			}
		case err := <-w.Errors():
			s.health.Complain("watch", err) // an overflow, say: the wake-up below has all listed
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// watcher is an fsnotify watcher, or nil where the system grants none. Then the ticker of Watch
// alone wakes its reader.
type watcher struct {
	*fsnotify.Watcher
	at []tree.DirID // of each directory, because a watch follows one that is moved away
}

// NewWatcher watches the directories of these states. It returns nil, and reports the trouble,
// where the system grants no watch.
func (s *Spool) NewWatcher(states []tree.State) *watcher {
	w, err := s.watchAll(states)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is the directory that is in trouble
	}
	s.health.SetTrouble("watch "+string(states[0]), "changes made by hand show some seconds late, "+
		"because the system gives no inotify watch: raise fs.inotify.max_user_instances and "+
		"max_user_watches (sysctl)", err)
	return w
}

func (s *Spool) watchAll(states []tree.State) (*watcher, error) {
	states = s.present(states)
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{Watcher: n}
	for _, st := range states {
		p, err := s.placeOf(st)
		if err == nil {
			err = n.Add(s.tree.Path(string(st), ""))
		}
		if err != nil {
			w.Close()
			return nil, err
		}
		w.at = append(w.at, p)
	}
	return w, nil
}

// present returns the directories that are to be watched: in a replica those that it has.
func (s *Spool) present(states []tree.State) []tree.State {
	return slices.DeleteFunc(slices.Clone(states), func(st tree.State) bool {
		return s.tree.MayLack(string(st)) && !tree.Exists(s.tree.Root+"/"+string(st))
	})
}

func (s *Spool) placeOf(st tree.State) (tree.DirID, error) {
	var stat unix.Stat_t
	err := unix.Lstat(s.tree.Root+"/"+string(st), &stat)
	return tree.DirIDOf(&stat), err
}

// Rewatch returns w, or a new watcher where one of the directories was removed, unmounted or
// replaced.
func (s *Spool) Rewatch(w *watcher, states []tree.State) *watcher {
	if s.watches(w, states) {
		return w
	}
	w.Close()
	return s.NewWatcher(states)
}

// watches reports whether w watches the directories that have the names of the states now. A
// directory that is absent is skipped, because it may come back.
func (s *Spool) watches(w *watcher, states []tree.State) bool {
	states = s.present(states)
	if w == nil || len(w.WatchList()) != len(states) {
		return false
	}
	for i, st := range states {
		if p, err := s.placeOf(st); err == nil && p != w.at[i] {
			return false
		}
	}
	return true
}

func (w *watcher) Close() {
	if w != nil {
		w.Watcher.Close()
	}
}

func (w *watcher) Events() <-chan fsnotify.Event {
	if w == nil {
		return nil
	}
	return w.Watcher.Events
}

func (w *watcher) Errors() <-chan error {
	if w == nil {
		return nil
	}
	return w.Watcher.Errors
}
