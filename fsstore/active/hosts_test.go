package active_test

import (
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// TestOrphanOfAHostWhoseLocksAreSeen: a host's job is taken as soon as its lock is free, if that
// host's own lock was seen here while it lived.
func TestOrphanOfAHostWhoseLocksAreSeen(t *testing.T) {
	here := storetest.TestStore(t)
	there := storetest.OpenAt(t, here.Dir(), fsstore.Options{})
	there.CallMachine("else/where", "0000000e")
	storetest.Must(t, there.MeetHosts())
	c := storetest.MustClaim(t, there, storetest.Add(t, here, storetest.CudaURL))
	storetest.Must(t, here.MeetHosts())
	storetest.Must(t, here.RecoverActive())
	if len(storetest.Ls(t, here, fsstore.Active)) != 1 {
		t.Fatal("a living host's job was taken")
	}
	storetest.Must(t, there.LeaveHosts())
	c.Close() // it has died
	storetest.Must(t, here.RecoverActive())
	if len(storetest.Ls(t, here, fsstore.Queue)) != 1 {
		t.Error("a dead host's job was left, though its locks are seen here")
	}
	storetest.Must(t, here.LeaveHosts())
	storetest.Run(t, here.Dir(), "! ls tmp/host-* 2>/dev/null")
}

// TestHostThatWasNotSeen: where another host's lock is never seen, as flock is local or it died
// before, a free lock of its job says nothing. A file that nobody has locked is no host.
func TestHostThatWasNotSeen(t *testing.T) {
	here := storetest.TestStore(t)
	there := storetest.OpenAt(t, here.Dir(), fsstore.Options{})
	there.CallMachine("elsewhere", "0000000e")
	storetest.MustClaim(t, there, storetest.Add(t, here, storetest.CudaURL)).Close()
	storetest.Run(t, here.Dir(), "touch tmp/host-elsewhere.0000000e")
	storetest.Must(t, here.MeetHosts())
	storetest.Must(t, here.RecoverActive())
	if len(storetest.Ls(t, here, fsstore.Active)) != 1 {
		t.Error("a job was taken of a host whose locks were never seen")
	}
}

// TestTwoServersOfOneHost: the second takes the host's lock over when the first ends, and a file
// that somebody removed is made again.
func TestTwoServersOfOneHost(t *testing.T) {
	one := storetest.TestStore(t)
	two := storetest.OpenAt(t, one.Dir(), fsstore.Options{})
	for _, s := range []*fsstore.Store{one, two} {
		storetest.Must(t, s.MeetHosts())
	}
	if n := strings.Count(strings.Join(storetest.Ls(t, one, "tmp"), " "), "host-"); n != 1 {
		t.Errorf("%d files", n)
	}
	storetest.Must(t, one.LeaveHosts())
	storetest.Must(t, two.MeetHosts())
	storetest.Run(t, one.Dir(), "rm tmp/host-*")
	storetest.Must(t, two.MeetHosts())
	storetest.Run(t, one.Dir(), "ls tmp/host-*")
	storetest.Must(t, two.LeaveHosts())
	storetest.Want(t, one, "tmp")
}
