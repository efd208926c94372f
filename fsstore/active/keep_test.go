package active_test

import (
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// TestAPartIsKeptWhileItIsWritten: another host, which may not trust what this one had not fsynced,
// goes on from the newest kept line of a worker that was killed.
func TestAPartIsKeptWhileItIsWritten(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, err := c.Part(t.Context(), false)
	storetest.Must(t, err)
	storetest.Must(t, c.Start(fsstore.Started{Size: -1, ETag: `"x"`}))
	mib := make([]byte, 1<<20)
	for range 70 {
		_, err := p.Write(mib)
		storetest.Must(t, err)
	}
	c.Close() // it has died
	s.Hosts.Boot = "0000000e"
	storetest.Must(t, s.Recover())
	c = storetest.MustClaim(t, s, c.Key+".job")
	p, err = c.Part(t.Context(), true)
	storetest.Must(t, err)
	if p.Size() != 64<<20 {
		t.Errorf("it goes on from %d", p.Size())
	}
}
