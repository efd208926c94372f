package counts_test

import (
	"maps"
	"math"
	"testing"

	"fromcache/fsstore/counts"
)

// What people and rsync may leave in the tree is any bytes under any name.

func FuzzHits(f *testing.F) {
	for _, seed := range []string{"", "0", "7\n", "-1", "9223372036854775807", "99999999999999999999", "1 2", "0x10"} {
		f.Add([]byte(seed), int64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, more int64) {
		n := counts.ParseHits(b)
		if n < 0 {
			t.Fatalf("%q counts as %d", b, n)
		}
		if more = max(more, 0); counts.AddCapped(n, more, math.MaxInt64) < max(n, more) {
			t.Fatalf("%q and %d more are %d", b, more, counts.AddCapped(n, more, math.MaxInt64))
		}
	})
}

// FuzzStats: no number of a day's file is negative, and none gets smaller by
// what is added, or other by being written.
func FuzzStats(f *testing.F) {
	for _, seed := range []string{"", "hits 7\nmisses 9\n", "hits 7\nhits 9", "hits -1\n", "hits 1 2\nhits", "hits 9223372036854775807\nhits 9\n",
		"hits 9007199254740992\n", "\xff 1\n\u2003x\u00a0+2\n"} {
		f.Add([]byte(seed), int64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, more int64) {
		n := counts.ParseStats(b)
		for name, v := range n {
			if v < 0 || v > counts.MaxDay || name == "" {
				t.Fatalf("%q: %q counts as %d", b, name, v)
			}
			if got := counts.AddCapped(v, max(more, 0), counts.MaxDay); got < v || got > counts.MaxDay {
				t.Fatalf("%d and %d more are %d", v, more, got)
			}
		}
		if again := counts.ParseStats(counts.StatLines(n)); !maps.Equal(n, again) {
			t.Fatalf("%q: %v became %v", b, n, again)
		}
	})
}
