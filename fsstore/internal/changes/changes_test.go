package changes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start watches <dir>/data/a and <dir>/data/b, and returns the call that waits for a Moment.
func start(t *testing.T, dir string) (w *Watch, moment func() Moment) {
	t.Helper()
	a, b := filepath.Join(dir, "data", "a"), filepath.Join(dir, "data", "b")
	for _, d := range []string{a, b, filepath.Join(dir, "out")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w = New(a, b)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx, nil)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if w.Now() != 0 {
			t.Error("a Moment after the end")
		}
	})
	return w, func() Moment {
		t.Helper()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if m := w.Now(); m != 0 {
				return m
			}
		}
		t.Fatal("no Moment in a minute")
		return 0
	}
}

// localDir is a directory on a file system that is watched.
func localDir(t *testing.T) string {
	dir := t.TempDir()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has inotify")
	}
	w := New(dir)
	if !w.opened() {
		t.Skip("no inotify instance is to be had")
	}
	defer w.closeQueue()
	if err := w.watch(w.dirs); err != nil {
		t.Skip("the temporary directory is not watched: ", err)
	}
	return dir
}

func TestNoMomentOutlivesAChange(t *testing.T) {
	dir := localDir(t)
	w, moment := start(t, dir)
	in := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	a, out := in("data", "a"), in("out")
	write := func(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }
	for range 3 {
		for _, c := range []struct {
			what string
			do   func() error
		}{
			{"a file is made", func() error { return write(a+"/x", "text") }},
			{"and written", func() error { return write(a+"/x", "more") }},
			{"and cut", func() error { return os.Truncate(a+"/x", 1) }},
			{"and closed to others", func() error { return os.Chmod(a+"/x", 0o600) }},
			{"and moved away", func() error { return os.Rename(a+"/x", out+"/x") }},
			{"and back", func() error { return os.Rename(out+"/x", a+"/x") }},
			{"and another put over it", func() error {
				return errors.Join(write(out+"/y", ""), os.Rename(out+"/y", a+"/x"))
			}},
			{"it is removed", func() error { return os.Remove(a + "/x") }},
			{"a link is made", func() error { return os.Symlink(out, in("data", "b", "l")) }},
			{"and removed", func() error { return os.Remove(in("data", "b", "l")) }},
			{"the directory is moved", func() error { return os.Rename(a, out+"/a") }},
			{"and back", func() error { return os.Rename(out+"/a", a) }},
			{"what it is in is moved", func() error { return os.Rename(in("data"), out+"/data") }},
			{"and back", func() error { return os.Rename(out+"/data", in("data")) }},
			{"the directory is removed", func() error { return os.Remove(a) }},
			{"and made again", func() error { return os.Mkdir(a, 0o755) }},
		} {
			before := w.Now()
			if _, err := os.Lstat(a); err == nil {
				before = moment()
			}
			if err := c.do(); err != nil {
				t.Fatal(err)
			}
			if now := w.Now(); now == before && now != 0 {
				t.Fatalf("%s, and it is still Moment %d", c.what, now)
			}
		}
	}
}

// A name that comes and goes all the time is never found to be what it is not.
func TestReadersOfMoments(t *testing.T) {
	dir := localDir(t)
	w, moment := start(t, dir)
	name := filepath.Join(dir, "data", "a", "x")
	var state atomic.Uint64 // of name, modulo 4: not there, being made, there, being removed
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan struct{})
	var trusted atomic.Int64
	go func() {
		defer close(ended)
		var at Moment
		found := false
		for ctx.Err() == nil {
			before := state.Load()
			now := w.Now()
			if now == 0 || now != at {
				_, err := os.Lstat(name)
				at, found = now, err == nil
				continue
			}
			trusted.Add(1)
			if state.Load() == before && before%2 == 0 && found != (before%4 == 2) {
				t.Error("what was found is no longer so, and the Moment is the same")
				return
			}
		}
	}()
	for range 40 {
		for _, change := range []func() error{
			func() error { return os.WriteFile(name, nil, 0o644) },
			func() error { return os.Remove(name) },
		} {
			moment()
			time.Sleep(time.Millisecond)
			state.Add(1)
			if err := change(); err != nil {
				t.Fatal(err)
			}
			state.Add(1)
		}
	}
	stop()
	<-ended
	if trusted.Load() == 0 {
		t.Error("nothing was ever trusted")
	}
}

// Not every file system tells what changes.
func TestSharedFileSystem(t *testing.T) {
	w := New("/proc/self")
	if runtime.GOOS != "linux" || !w.opened() {
		t.Skip("no inotify here")
	}
	defer w.closeQueue()
	if w.watch(w.dirs) == nil {
		t.Error("/proc is watched")
	}
}
