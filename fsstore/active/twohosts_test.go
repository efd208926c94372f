package active_test

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/hosts"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// twoHosts on one directory, where flock is each host's own affair.
func twoHosts(t *testing.T, dir string) (a, b *fsstore.Store) {
	a, b = storetest.OpenAt(t, dir, fsstore.Options{}), storetest.OpenAt(t, dir, fsstore.Options{})
	a.Hosts.Name, a.Hosts.Boot = "a", "0000000a"
	b.Hosts.Name, b.Hosts.Boot = "b", "0000000b"
	return a, b
}

// claimUnseen is a claim whose lock the other host does not see.
func claimUnseen(t *testing.T, s *fsstore.Store) *fsstore.Claim {
	c := storetest.ClaimNext(t, s)
	tree.Unlock(c.F())
	return c
}

// TestNoOrphanShowsLife: a host may read a part for hours.
func TestNoOrphanShowsLife(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		a, b := twoHosts(t, dir)
		storetest.Add(t, a, storetest.CudaURL)
		c := claimUnseen(t, a)
		for range 30 {
			storetest.Must(t, b.Recover())
			time.Sleep(time.Minute)
			c.Heartbeat()
		}
		if !c.Owns() {
			t.Fatal("it was taken from a worker that lives")
		}
		storetest.Must(t, c.Requeue("stopped"))
	})
}

// TestTakenForAnOrphan: a host that was paused comes back, and finds that another
// has its job. Nobody has cancelled that.
func TestTakenForAnOrphan(t *testing.T) {
	for what, does := range map[string]func(dir string, c *fsstore.Claim) fsstore.State{
		"fetches": func(string, *fsstore.Claim) fsstore.State { return fsstore.Active },
		"fetched": func(dir string, c *fsstore.Claim) fsstore.State {
			storetest.Publish(t, c, "bytes")
			return fsstore.Done
		},
		"gave up": func(dir string, c *fsstore.Claim) fsstore.State {
			storetest.Must(t, c.Fail("404"))
			return fsstore.Failed
		},
		"has lost": func(dir string, c *fsstore.Claim) fsstore.State {
			storetest.Run(t, dir, "mv active/* failed/")
			return fsstore.Failed
		},
	} {
		dir := t.TempDir() + "/data"
		synctest.Test(t, func(t *testing.T) {
			a, b := twoHosts(t, dir)
			storetest.Add(t, a, storetest.CudaURL)
			paused := claimUnseen(t, a)
			storetest.Must(t, b.Recover())
			time.Sleep(hosts.StandStill)
			storetest.Must(t, b.Recover())
			c := claimUnseen(t, b)
			st := does(dir, c)
			left := storetest.Ls(t, b, st)
			if paused.Owns() {
				t.Fatal("it was not taken")
			}
			storetest.Must(t, paused.Cancel())
			storetest.Want(t, b, st, left...)
			storetest.Want(t, b, fsstore.Cancelled)
			if text := storetest.Text(t, b, st, left[0]); strings.Contains(text, "cancelled") {
				t.Errorf("who %s it: %s", what, text)
			}
		})
	}
}

// A job that another worker has only just got, and that has no line of it yet.
func TestTakenForAnOrphanAtThisMoment(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Add(t, s, storetest.CudaURL)
	c := storetest.ClaimNext(t, s)
	name := tree.ActiveJobName(c.Key, tree.RandomID())
	storetest.Must(t, os.Rename(c.Path(), storetest.JobPath(s, fsstore.Active, name)))
	storetest.Must(t, c.Cancel())
	storetest.Want(t, s, fsstore.Active, name)
}

// A job that another worker copied, for it could not own the file.
func TestTakenForAnOrphanAndCopied(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Add(t, s, storetest.CudaURL)
	c := claimUnseen(t, s)
	storetest.Must(t, s.RecoverFile(tree.Base(c.Path())))
	storetest.Must(t, os.Link(storetest.JobPath(s, fsstore.Queue, c.Key+".job"), t.TempDir()+"/second"))
	storetest.ClaimNext(t, s)
	storetest.Must(t, c.Cancel())
	storetest.Want(t, s, fsstore.Cancelled)
}
