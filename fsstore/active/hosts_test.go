package active_test

import (
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// TestOrphanOfAHostWhoseLocksAreSeen: a host's job is taken as soon as its lock is free, if that
// host's own lock was seen here while it lived.
func TestOrphanOfAHostWhoseLocksAreSeen(t *testing.T) {
	here := storetest.TestStore(t)
	there := storetest.OpenAt(t, here.Dir(), fsstore.Options{})
	there.Hosts.Name, there.Hosts.Boot = "else/where", "0000000e"
	storetest.Must(t, there.Hosts.Meet())
	c := storetest.MustClaim(t, there, storetest.Add(t, here, storetest.CudaURL))
	storetest.Must(t, here.Hosts.Meet())
	storetest.Must(t, here.RecoverActive())
	if len(storetest.Ls(t, here, fsstore.Active)) != 1 {
		t.Fatal("a living host's job was taken")
	}
	storetest.Must(t, there.Hosts.Leave())
	c.Close() // it has died
	storetest.Must(t, here.RecoverActive())
	if len(storetest.Ls(t, here, fsstore.Queue)) != 1 {
		t.Error("a dead host's job was left, though its locks are seen here")
	}
	storetest.Must(t, here.Hosts.Leave())
	storetest.Run(t, here.Dir(), "! ls tmp/host-* 2>/dev/null")
}

// TestHostThatWasNotSeen: where another host's lock is never seen, as flock is local or it died
// before, a free lock of its job says nothing. A file that nobody has locked is no host.
func TestHostThatWasNotSeen(t *testing.T) {
	here := storetest.TestStore(t)
	there := storetest.OpenAt(t, here.Dir(), fsstore.Options{})
	there.Hosts.Name, there.Hosts.Boot = "elsewhere", "0000000e"
	storetest.MustClaim(t, there, storetest.Add(t, here, storetest.CudaURL)).Close()
	storetest.Run(t, here.Dir(), "touch tmp/host-elsewhere.0000000e")
	storetest.Must(t, here.Hosts.Meet())
	storetest.Must(t, here.RecoverActive())
	if len(storetest.Ls(t, here, fsstore.Active)) != 1 {
		t.Error("a job was taken of a host whose locks were never seen")
	}
}
