package counts_test

import (
	"errors"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"sync"
	"testing"
	"time"
)

func TestHitsAreAdded(t *testing.T) {
	dir := t.TempDir() + "/data"
	k := storetest.KeyOf(t, storetest.CudaURL)
	var wg sync.WaitGroup
	for range 4 {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		wg.Go(func() {
			for range 100 {
				s.Hit(k)
				s.Hit(k)
				storetest.Flushed(t, s.FlushHits)
			}
		})
	}
	wg.Wait()
	s := storetest.OpenAt(t, dir, fsstore.Options{})
	if n := s.Hits(k); n != 800 {
		t.Errorf("%d hits of 800", n)
	}
	storetest.Run(t, dir, "test $(cat hits/*) = 800")
	storetest.Run(t, dir, "echo garbage > hits/"+k+"; ln -s /etc/passwd hits/linked")
	s.Hit(k)
	s.FlushHits()
	if n := s.Hits(k); n != 1 {
		t.Errorf("%d hits after garbage", n)
	}
}

// What a link among the numbers leads to is neither made, nor written, nor given
// another mode.
func TestNumbersFollowNoLink(t *testing.T) {
	storetest.LongDay()
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), ": > ../empty; chmod 604 ../empty; ln -s ../../empty hits/x; ln -s ../../new hits/y; ln -s ../../day stats/"+tree.Now().Format(time.DateOnly))
	s.Hit("x")
	s.Hit("y")
	s.Stat(fsstore.StatHits, 2)
	if err := errors.Join(s.FlushHits(), s.FlushStats()); err == nil {
		t.Error("nobody is told")
	}
	storetest.Run(t, s.Dir(), `test ! -s ../empty; test "$(stat -c %a ../empty)" = 604; test ! -e ../new; test ! -e ../day`)
}
