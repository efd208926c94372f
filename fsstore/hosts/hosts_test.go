package hosts_test

import (
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// TestTwoServersOfOneHost: the second takes the host's lock over when the first ends, and a file
// that somebody removed is made again.
func TestTwoServersOfOneHost(t *testing.T) {
	one := storetest.TestStore(t)
	two := storetest.OpenAt(t, one.Dir(), fsstore.Options{})
	for _, s := range []*fsstore.Store{one, two} {
		storetest.Must(t, s.Hosts.Meet())
	}
	if n := strings.Count(strings.Join(storetest.Ls(t, one, "tmp"), " "), "host-"); n != 1 {
		t.Errorf("%d files", n)
	}
	storetest.Must(t, one.Hosts.Leave())
	storetest.Must(t, two.Hosts.Meet())
	storetest.Run(t, one.Dir(), "rm tmp/host-*")
	storetest.Must(t, two.Hosts.Meet())
	storetest.Run(t, one.Dir(), "ls tmp/host-*")
	storetest.Must(t, two.Hosts.Leave())
	storetest.Want(t, one, "tmp")
}
