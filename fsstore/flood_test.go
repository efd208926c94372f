package fsstore

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// flood fills a directory with files as one hostile network can make them: full,
// each line of another address.
func flood(t *testing.T, s *Store, st State, n int) {
	t.Helper()
	var lines strings.Builder
	for i := 0; lines.Len() < 48<<10; i++ {
		fmt.Fprintf(&lines, "2026-11-24T21:27:26Z miss 2001:db8::%x -\n", i)
	}
	for i := range n {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		if err := os.WriteFile(s.job(st, keyOf(t, url)), []byte(url+"\n"+lines.String()), 0o660); err != nil {
			t.Fatal(err)
		}
	}
}

// The hourly round takes no more memory for 300 full misses than for a few.
func TestPruneHoldsOneFileAtATime(t *testing.T) {
	if !alone(t) { // HeapSys is the most that a process ever had
		return
	}
	s := testStore(t)
	flood(t, s, Misses, 300)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := s.prune(time.Now()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if more := (after.HeapSys - before.HeapSys) >> 20; more > 32 {
		t.Errorf("it took %d MiB", more)
	}
}
