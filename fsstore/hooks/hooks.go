package hooks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch"
)

// Options of Hooks.
type Options struct {
	Dir     string        // of the programs
	Timeout time.Duration // after which a program is killed, with all that it has started
	Logger  *slog.Logger
}

// Hooks runs the programs of one directory.
type Hooks struct {
	store *fsstore.Store
	o     Options
	names map[fsstore.State]string // which program is for which directory
	queue map[fsstore.State]chan string
}

// maxWaiting bounds the events of one kind that wait for the program, because strangers make
// misses. Further ones are not told.
const maxWaiting = 1000

// New returns the hooks of a store, and has it tell them what happens. The error says why a
// program in the directory, or the directory itself, can't be used and what to do. One that is
// added later is looked at before it is run. The log says which are there, and warns of those whose
// name no event has.
func New(s *fsstore.Store, o Options) (*Hooks, error) {
	h := &Hooks{
		store: s, o: o,
		names: map[fsstore.State]string{fsstore.Misses: Miss, fsstore.Done: Done, fsstore.Failed: Failed},
		queue: map[fsstore.State]chan string{},
	}
	if err := writableByOthers(o.Dir); err != nil {
		return nil, err
	}
	if err := h.lookAll(); err != nil {
		return nil, err
	}
	for st := range h.names {
		h.queue[st] = make(chan string, maxWaiting)
	}
	s.OnArrival(h.arrived)
	return h, nil
}

// lookAll looks at every program that is there, and says in the log which events they are for.
func (h *Hooks) lookAll() error {
	var inUse []string
	for _, name := range events {
		_, err := h.program(name)
		switch {
		case err == nil:
			inUse = append(inUse, name)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	entries, err := os.ReadDir(h.o.Dir)
	if err != nil {
		return fmt.Errorf("--hooks: %w", err)
	}
	h.o.Logger.Info("hooks", "dir", h.o.Dir, "programs", strings.Join(inUse, ", "))
	for _, e := range entries {
		path := filepath.Join(h.o.Dir, e.Name())
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 &&
			!slices.Contains(events, e.Name()) {
			h.o.Logger.Warn("no event of that name: "+strings.Join(events, ", "), "hook", path)
		}
	}
	return nil
}

// Run runs the programs of what happens until ctx ends. Those that run then are killed, and what
// waits is not told. Each kind of event has one program at a time, in the order in which things
// happened.
func (h *Hooks) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for st, queue := range h.queue {
		all.Go(func() error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case name := <-queue:
					h.tell(ctx, st, name)
				}
			}
		})
	}
	return all.Wait()
}

// arrived puts an event in line, without waiting.
func (h *Hooks) arrived(st fsstore.State, name string) {
	queue, ok := h.queue[st]
	if !ok {
		return
	}
	if _, err := h.program(h.names[st]); errors.Is(err, fs.ErrNotExist) {
		return
	}
	select {
	case queue <- name:
	default:
		h.store.OnceAMinute("hook", func() {
			h.o.Logger.Warn("an event is not told, because too many wait for the hook",
				"hook", h.names[st], "job", string(st)+"/"+name)
		})
	}
}

func (h *Hooks) tell(ctx context.Context, st fsstore.State, name string) {
	e, err := eventOf(h.store, st, name)
	if err == nil && e.Event != "" {
		_, err = h.run(ctx, e)
	}
	if err != nil && ctx.Err() == nil {
		h.o.Logger.Warn("a hook failed", "hook", h.names[st], "job", string(st)+"/"+name, "err", err)
	}
}

// Check is fetch.Options.Check: it runs the program check, and publishes where there is none.
func (h *Hooks) Check(ctx context.Context, c fetch.Candidate) error {
	words, err := h.run(ctx, checkOf(c))
	if exit, ok := errors.AsType[*exitError](err); ok && exit.code == 1 {
		if words == "" {
			words = "it exited with status 1, and gave no reason"
		}
		return &fetch.RejectedError{Why: words}
	}
	return err
}

// program returns the path of an event's program. It is fs.ErrNotExist where there is none, and an
// error that says what to do where it must not be run.
func (h *Hooks) program(name string) (string, error) {
	path := filepath.Join(h.o.Dir, name)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("hook %s: it is no regular file: put a program there, or remove it", path)
	case info.Mode().Perm()&0o111 == 0:
		return "", fmt.Errorf("hook %s: it can't be executed: chmod +x it, or remove it", path)
	}
	return path, writableByOthers(path)
}

// writableByOthers refuses what any user of the machine could make the server run.
func writableByOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("--hooks: %w", err)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("hook %s: every user can change it: chmod o-w it", path)
	}
	return nil
}
