package held_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
)

// Each artifact comes once, with its hits, by key where there are few, and one that is malformed
// among them.
func TestEachCounted(t *testing.T) {
	const n = 2500 // more than are read at once
	dir := t.TempDir() + "/data"
	storetest.Must(t, storetest.FillLarge(dir, n))
	s := storetest.OpenAt(t, dir, fsstore.Options{})
	broken := storetest.MustKey(storetest.LargeURL(7))
	storetest.Run(t, dir, "echo '{' > meta/"+broken+".json; echo x > meta/notes.txt")
	for _, sorted := range []int{0, n - 1, n} {
		var keys []string
		for a, err := range s.EachUpTo(sorted, nil) {
			if (err != nil) != (a.Key == broken) || err != nil && !errors.Is(err, held.ErrMalformed) {
				t.Fatal(a.Key, err)
			}
			if err == nil && a.Hits != int64(len(a.Key)) {
				t.Errorf("%s: %d hits", a.Key, a.Hits)
			}
			keys = append(keys, a.Key)
		}
		if sorted == n && !slices.IsSorted(keys) {
			t.Error("they are not sorted")
		}
		slices.Sort(keys)
		if want, err := s.Keys(); err != nil || !slices.Equal(keys, want) || len(keys) != n {
			t.Errorf("up to %d sorted: %d keys of %d, %v", sorted, len(keys), len(want), err)
		}
	}
	few := func(k string) bool { return strings.Contains(k, "package-12_") }
	got := 0
	for range s.EachUpTo(n, few) {
		got++
	}
	if got != 1 {
		t.Errorf("%d match", got)
	}
}

// A reader that stops early ends the walk, and leaves nothing running, which TestMain looks for.
func TestEachCountedStops(t *testing.T) {
	dir := t.TempDir() + "/data"
	storetest.Must(t, storetest.FillLarge(dir, 100))
	s := storetest.OpenAt(t, dir, fsstore.Options{})
	for _, sorted := range []int{0, 100} {
		got := 0
		for _, err := range s.EachUpTo(sorted, nil) {
			storetest.Must(t, err)
			if got++; got == 3 {
				break
			}
		}
		if got != 3 {
			t.Errorf("%d came", got)
		}
	}
}
