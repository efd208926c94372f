package view_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/view"
)

// flood fills a directory with files as one hostile network can make them: full,
// each line of another address.
func flood(t *testing.T, s *fsstore.Store, st fsstore.State, n int) {
	t.Helper()
	var lines strings.Builder
	for i := 0; lines.Len() < 48<<10; i++ {
		fmt.Fprintf(&lines, "2026-11-24T21:27:26Z miss 2001:db8::%x -\n", i)
	}
	for i := range n {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		if err := os.WriteFile(storetest.JobPath(s, st, storetest.KeyOf(t, url)), []byte(url+"\n"+lines.String()), 0o660); err != nil {
			t.Fatal(err)
		}
	}
}

// The hourly round takes no more memory for 300 full misses than for a few.
func TestPruneHoldsOneFileAtATime(t *testing.T) {
	if !storetest.Alone(t) { // HeapSys is the most that a process ever had
		return
	}
	s := storetest.TestStore(t)
	flood(t, s, fsstore.Misses, 300)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := s.Prune(time.Now()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if more := (int64(after.HeapSys) - int64(before.HeapSys)) >> 20; more > 32 { // it may be less, too: the heap lends to stacks
		t.Errorf("it took %d MiB", more)
	}
}

// The picture for the pages keeps little of each file, whatever strangers wrote
// into it, and its numbers are right.
func TestViewKeepsLittleOfAMiss(t *testing.T) {
	for _, st := range view.Viewed {
		s := storetest.TestStore(t)
		flood(t, s, st, 100)
		if st == fsstore.Active {
			storetest.Run(t, s.Dir(), `cd active; for k in *; do mv $k $k@0123456789abcdef.job; done`)
		}
		storetest.Run(t, s.Dir(), `cd `+string(st)+`; for k in *; do echo '2026-11-24T21:27:27Z cancelled web' >> $k; done`)
		v := s.NewView()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		list := v.Jobs(st)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / 100; len(list) != 100 || each > 10<<10 {
			t.Errorf("%s: %d files, %d bytes for each", st, len(list), each)
		}
		whole, err := s.JobFile(st, list[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := whole.Job.Misses()
		if a := list[0].Asked; a != nil && (a.N != n || n < 1000 || a.AddrCount != n || a.URLCount != 1 || !a.AtLeast ||
			!a.First.Equal(whole.Job.FirstAsked()) || !a.Last.Equal(whole.Job.LastAsked()) || len(a.Clients) != view.KeptClients) {
			t.Errorf("%s: %d misses are %+v", st, n, a)
		}
		runtime.KeepAlive(v)
	}
}
