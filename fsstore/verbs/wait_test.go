package verbs_test

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// A verb waits for whoever looks at the file at this moment, or its line would
// come after a claim that says "shell".
func TestVerbsWaitForALook(t *testing.T) {
	s := storetest.TestStore(t)
	by := fsstore.Operator{Via: "web", Addr: "10.0.0.2"}
	for verb, do := range map[string]func(string, fsstore.Operator) error{"approve": storetest.ApproveOne(s), "retry": s.Retry} {
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		st, name := fsstore.Misses, storetest.KeyOf(t, storetest.CudaURL)
		if verb == "retry" {
			storetest.Run(t, s.Dir(), "mv misses/"+name+" failed/"+name+".job")
			st, name = fsstore.Failed, name+".job"
		}
		f, err := tree.OpenJob(storetest.JobPath(s, st, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Lock(f); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- do(strings.TrimSuffix(name, ".job"), by) }()
		time.Sleep(20 * time.Millisecond)
		storetest.Want(t, s, st, name)
		f.Close()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		c := storetest.ClaimNext(t, s)
		if log := storetest.Text(t, s, fsstore.Active, storetest.Ls(t, s, fsstore.Active)[0]); strings.Contains(log, "shell") || !strings.Contains(log, verb+" web") {
			t.Errorf("%s: %s", verb, log)
		}
		if err := c.Fail("no"); err != nil {
			t.Fatal(err)
		}
		storetest.Run(t, s.Dir(), "rm failed/*")
	}
}

// TestCancelFollowsAClaim holds that a cancel waits for a claim that has the job's lock, and cancels
// the job in active/: the claim has read the job already, and would take no notice of the line.
func TestCancelFollowsAClaim(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		name := storetest.Add(t, s, storetest.CudaURL)
		f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Queue, name))
		storetest.Must(t, err)
		storetest.Must(t, tree.Lock(f))
		ended := make(chan error)
		go func() { ended <- s.Cancel(name, storetest.Operator) }()
		synctest.Wait()
		active := tree.ActiveJobName(tree.StemOf(name), tree.RandomID())
		storetest.Must(t, os.Rename(f.Name(), storetest.JobPath(s, fsstore.Active, active)))
		f.Close()
		storetest.Must(t, <-ended)
		storetest.Want(t, s, fsstore.Active)
		storetest.Want(t, s, fsstore.Cancelled, name)
	})
}

// TestVerbsWaitForALease holds that a verb waits while the server looks whether a program has the
// file open for writing: for that it takes a lease, for an instant (fcntl(2)).
func TestVerbsWaitForALease(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		name := storetest.Add(t, s, storetest.CudaURL)
		f, err := tree.Open(storetest.JobPath(s, fsstore.Queue, name), os.O_RDONLY)
		storetest.Must(t, err)
		defer f.Close()
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
			t.Skip("this file system has no leases:", err)
		}
		ended := make(chan error)
		go func() { ended <- s.Cancel(name, storetest.Operator) }()
		synctest.Wait()
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
		storetest.Must(t, err)
		storetest.Must(t, <-ended)
		storetest.Want(t, s, fsstore.Cancelled, name)
	})
}
