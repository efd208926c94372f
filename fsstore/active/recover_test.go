package active_test

import (
	"context"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// committedOrphan is a claim whose worker died between the commit and the move
// to done/.
func committedOrphan(t *testing.T, s *fsstore.Store) *fsstore.Claim {
	t.Helper()
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	storetest.Must(t, os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())))
	if _, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{})); err != nil {
		t.Fatal(err)
	}
	c.Close()
	return c
}

// While a part of the tree is away nothing is put in order: with meta/ an
// orphan's commit is away, and with another in its place every blob is nobody's.
func TestHalfATreeIsLeftAlone(t *testing.T) {
	dir, today := t.TempDir()+"/data", time.Now()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(today))
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		c := committedOrphan(t, s)
		storetest.Run(t, dir, "mv meta ../meta")
		runUntilTidied(s)
		if len(storetest.Ls(t, s, fsstore.Active)) != 1 {
			t.Errorf("recovered without meta/: queue %q", storetest.Ls(t, s, fsstore.Queue))
		}
		storetest.Run(t, dir, "mkdir ../empty; ln -s ../empty meta")
		runUntilTidied(s)
		if !tree.Exists(storetest.Path(s, "blobs", storetest.DigestOf("bytes"))) {
			t.Error("gc went by another meta/")
		}
		storetest.Run(t, dir, "rm meta; mv ../meta meta")
		runUntilTidied(s)
		storetest.Want(t, s, fsstore.Done, c.Key+".job")
		storetest.Sound(t, s)
	})
}

// runUntilTidied has Run go on until its hourly round, the first of which comes after a minute.
func runUntilTidied(s *fsstore.Store) {
	ctx, cancel := context.WithTimeout(context.Background(), 61*time.Second)
	defer cancel()
	_ = s.Run(ctx)
}

// What meta says a dead claim has committed is done only if it is held.
func TestAnOrphanIsDoneIfItIsHeld(t *testing.T) {
	for script, done := range map[string]bool{
		"mv blobs/D tmp/D.gone":                    true, // by gc
		"chmod 644 blobs/D; truncate -s 3 blobs/D": false,
		"rm blobs/D": false,
	} {
		s := storetest.TestStore(t)
		committedOrphan(t, s)
		storetest.Run(t, s.Dir(), strings.ReplaceAll(script, "D", storetest.DigestOf("bytes")))
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Lookup(storetest.CudaURL); (err == nil) != done || len(storetest.Ls(t, s, fsstore.Done)) == 1 != done {
			t.Errorf("%s: %v, done %q, queue %q", script, err, storetest.Ls(t, s, fsstore.Done), storetest.Ls(t, s, fsstore.Queue))
		}
	}
}

// An artifact is held, its URL was approved again, and the second worker died:
// what the first committed does not make the second job done.
func TestAnOrphanOfAnotherClaimIsNotDone(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL)).Close()
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(storetest.Ls(t, s, fsstore.Queue)) != 1 {
		t.Errorf("queue %q, done %q", storetest.Ls(t, s, fsstore.Queue), storetest.Ls(t, s, fsstore.Done))
	}
}

// An operator cancels while no server lives to notice.
func TestCancelOfAnOrphanGetsItsName(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	c.Close() // the process has died
	storetest.Run(t, s.Dir(), "mv active/* cancelled/")
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Cancelled, k+".job")
}

func TestOrphans(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(storetest.Ls(t, s, fsstore.Active)) != 1 {
		t.Fatal("a living claim was taken for an orphan")
	}
	c.Close()
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Queue, k+".job")
	c = storetest.MustClaim(t, s, k+".job")
	if a := c.Job.Attempts(); a != 0 {
		t.Errorf("an orphan's death counts as %d attempts", a)
	}

	// It dies between the commit and its last rename.
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	if err := os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{})); err != nil {
		t.Fatal(err)
	}
	c.Close()
	for range 2 {
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Want(t, s, fsstore.Active)
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Done, k+".job")
	if n := strings.Count(storetest.Text(t, s, fsstore.Done, k+".job"), " done "); n != 1 {
		t.Errorf("%d done lines", n)
	}
}

func TestOrphanOfAnotherHostIsGivenTime(t *testing.T) {
	s := storetest.TestStore(t)
	boot := s.Hosts.Boot
	s.Hosts.Name, s.Hosts.Boot = "elsewhere", "0000000e"
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	c.Close()
	s.Hosts.Name, s.Hosts.Boot = "here", boot
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(storetest.Ls(t, s, fsstore.Active)) != 1 {
		t.Error("another host's claim was taken at once")
	}
}

// A container that is made anew has another name, on the same machine.
func TestOrphanOfThisBootIsTakenAtOnce(t *testing.T) {
	for name, then := range map[string]func(s *fsstore.Store){
		"under another name":      func(s *fsstore.Store) { s.Hosts.Name = "another" },
		"after the machine began": func(s *fsstore.Store) { s.Hosts.Boot = "0000000e" },
	} {
		s := storetest.TestStore(t)
		k := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		k.Close()
		then(s)
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if len(storetest.Ls(t, s, fsstore.Queue)) != 1 {
			t.Errorf("%s: the orphan was left", name)
		}
	}
}

// A job that is moved out of active/ gets its name once its worker is dead, though nothing else changes in
// the directory.
func TestMovedWhileItsWorkerLived(t *testing.T) {
	const settled = 5 * time.Second
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		storetest.Run(t, s.Dir(), "mv active/* denied/")
		for range 3 {
			storetest.Must(t, s.Recover())
			time.Sleep(settled)
		}
		storetest.Want(t, s, fsstore.Denied, tree.Base(c.Path()))
		c.Close()
		storetest.Must(t, s.Recover())
		storetest.Want(t, s, fsstore.Denied, c.Key)
	})
}

// An operator's mv out of active/ to denied/ is a denial, though the worker died
// before it saw it.
func TestDeniedAsItsWorkerDied(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	storetest.Run(t, s.Dir(), "mv active/* denied/")
	storetest.Must(t, s.Recover())
	storetest.Want(t, s, fsstore.Denied, tree.Base(c.Path())) // it lives, and will see it
	c.Close()
	storetest.Must(t, s.Recover())
	storetest.Want(t, s, fsstore.Denied, c.Key)
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictDenied {
		t.Errorf("the next client is told %q", v)
	}
}
