package active_test

import (
	"errors"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"math"
	"testing"
	"time"
)

func TestSpaceIsReserved(t *testing.T) {
	s := storetest.TestStore(t)
	free, _, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	s.MinFree = free / 2
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Reserve(free); !errors.Is(err, fsstore.ErrNoSpace) {
		t.Errorf("reserve of all there is: %v", err)
	}
	if err := c.Reserve(free / 3); err != nil {
		t.Errorf("reserve of a third: %v", err)
	}
	c2 := storetest.MustClaim(t, s, storetest.Add(t, s, "https://example.com/other.run"))
	if err := c2.Reserve(free / 3); !errors.Is(err, fsstore.ErrNoSpace) {
		t.Errorf("two thirds, promised to two: %v", err)
	}
	if err := c2.Reserve(math.MaxInt64); !errors.Is(err, fsstore.ErrNoSpace) {
		t.Errorf("all that a header can promise: %v", err)
	}
	if err := c.Defer("no room", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := c2.Reserve(free / 3); err != nil {
		t.Errorf("after the first gave up: %v", err)
	}
}
