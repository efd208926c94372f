package tree_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"fromcache/fsstore/internal/tree"
)

// LoadAll returns what load returns, in the order of the names, however many are loaded together.
func TestLoadAll(t *testing.T) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	for _, atOnce := range []int{1, 3, 32, 2000} {
		for i, got := range tree.LoadAll(atOnce, names, func(name string) string { return "<" + name + ">" }) {
			if want := "<" + names[i] + ">"; got != want {
				t.Fatalf("%d at once: %q in the place of %q", atOnce, got, want)
			}
		}
	}
	if got := tree.LoadAll(2, nil, func(string) int { return 1 }); len(got) != 0 {
		t.Error(got)
	}
}

// A listing that has just changed may change again without another time. One of before is the same
// until a name comes.
func TestListing(t *testing.T) {
	root := t.TempDir()
	files := tree.New(root, nil)
	if err := os.Mkdir(root+"/meta", 0o700); err != nil {
		t.Fatal(err)
	}
	if l := files.ListingOf("meta"); l.Same(l) {
		t.Error("it passes for settled when it has just been made")
	}
	time.Sleep(3100 * time.Millisecond) // more than a clock's step, and a second that is cut off
	before := files.ListingOf("meta")
	if !before.Same(files.ListingOf("meta")) {
		t.Error("nothing came, and it differs")
	}
	if err := os.WriteFile(root+"/meta/x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if before.Same(files.ListingOf("meta")) {
		t.Error("a name came, and it is the same")
	}
}
