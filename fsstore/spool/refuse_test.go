package spool_test

import (
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"runtime"
	"testing"
)

// A giant job costs no memory: it is refused with a reason.
func TestGiantJobIsRefused(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > queue/x.job; truncate -s 10G queue/x.job; echo >> queue/x.job")
	storetest.Run(t, s.Dir(), "(echo "+storetest.CudaURL+"; yes '# a long story' | head -n 400000) > queue/y.job")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, name := range []string{"x.job", "y.job"} {
		c, err := s.Claim(storetest.WaitDue(t, s, name))
		if c != nil || err != nil {
			t.Fatalf("%s: %v, %v", name, c, err)
		}
	}
	runtime.ReadMemStats(&after)
	t.Logf("%d MiB of garbage", (after.TotalAlloc-before.TotalAlloc)>>20)
	if n := after.TotalAlloc - before.TotalAlloc; n > 200<<20 {
		t.Errorf("it took %d MiB", n>>20)
	}
	storetest.Want(t, s, fsstore.Queue)
	if list, _ := s.Jobs(fsstore.Failed); len(list) != 2 {
		t.Errorf("%+v", list)
	}
}
