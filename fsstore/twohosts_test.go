package fsstore

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// twoHosts on one directory, where flock is each host's own affair.
func twoHosts(t *testing.T, dir string) (a, b *Store) {
	a, b = openAt(t, dir, Options{}), openAt(t, dir, Options{})
	a.host, b.host = "a", "b"
	a.boot, b.boot = "0000000a", "0000000b"
	return a, b
}

// claimUnseen is a claim whose lock the other host does not see.
func claimUnseen(t *testing.T, s *Store) *Claim {
	c := claimNext(t, s)
	unlock(c.f)
	return c
}

// TestNoOrphanShowsLife: a host may read a part for hours.
func TestNoOrphanShowsLife(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		a, b := twoHosts(t, dir)
		add(t, a, cudaURL)
		c := claimUnseen(t, a)
		for range 30 {
			must(t, b.Recover())
			time.Sleep(time.Minute)
			c.ShowLife()
		}
		if !c.Held() {
			t.Fatal("it was taken from a worker that lives")
		}
		must(t, c.PutBack("stopped"))
	})
}

// TestTakenForAnOrphan: a host that was paused comes back, and finds that another
// has its job. Nobody has cancelled that.
func TestTakenForAnOrphan(t *testing.T) {
	for what, does := range map[string]func(*Claim) State{
		"fetches":  func(*Claim) State { return Active },
		"fetched":  func(c *Claim) State { publish(t, c, "bytes"); return Done },
		"gave up":  func(c *Claim) State { must(t, c.Fail("404")); return Failed },
		"has lost": func(c *Claim) State { run(t, c.s.dir, "mv active/* failed/"); return Failed },
	} {
		dir := t.TempDir() + "/data"
		synctest.Test(t, func(t *testing.T) {
			a, b := twoHosts(t, dir)
			add(t, a, cudaURL)
			paused := claimUnseen(t, a)
			must(t, b.Recover())
			time.Sleep(foreignStill)
			must(t, b.Recover())
			c := claimUnseen(t, b)
			st := does(c)
			left := ls(t, b, st)
			if paused.Held() {
				t.Fatal("it was not taken")
			}
			must(t, paused.Cancelled())
			want(t, b, st, left...)
			want(t, b, Cancelled)
			if text := text(t, b, st, left[0]); strings.Contains(text, "cancelled") {
				t.Errorf("who %s it: %s", what, text)
			}
		})
	}
}

// A job that another worker has only just got, and that has no line of it yet.
func TestTakenForAnOrphanAtThisMoment(t *testing.T) {
	s := testStore(t)
	add(t, s, cudaURL)
	c := claimNext(t, s)
	name := activeJobName(c.Key, newWorker())
	must(t, os.Rename(c.path, s.job(Active, name)))
	must(t, c.Cancelled())
	want(t, s, Active, name)
}

// A job that another worker copied, for it could not own the file.
func TestTakenForAnOrphanAndCopied(t *testing.T) {
	s := testStore(t)
	add(t, s, cudaURL)
	c := claimUnseen(t, s)
	f, err := openJob(c.path)
	must(t, err)
	must(t, (&Claim{Key: c.Key, Worker: c.Worker, Job: c.Job, s: s, f: f, path: c.path}).recover())
	must(t, os.Link(s.job(Queue, c.Key+".job"), t.TempDir()+"/second"))
	claimNext(t, s)
	must(t, c.Cancelled())
	want(t, s, Cancelled)
}
