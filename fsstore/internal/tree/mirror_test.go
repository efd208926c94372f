package tree_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// TestRescan: a rescan finds what came, went and changed, of more files than it reads one after the
// other; a rescan of names what came and went.
func TestRescan(t *testing.T) {
	files := tree.New(storetest.TestStore(t).Dir(), nil)
	write := func(name, text string) {
		storetest.Must(t, os.WriteFile(files.Path("hits", name), []byte(text), 0o600))
	}
	m := &tree.Mirror[string]{
		Dir: files.Path("hits", ""), Ours: tree.Plain,
		Load: func(name string) (string, error) {
			time.Sleep(200 * time.Microsecond) // as behind a network
			b, err := tree.ReadFile(files.Path("hits", name), 99)
			return string(b), err
		},
	}
	rescan := func(do func([]string) []string, want ...string) {
		t.Helper()
		names, err := files.Names("hits")
		storetest.Must(t, err)
		changed := do(names)
		if slices.Sort(changed); !slices.Equal(changed, want) || m.Len() != len(names) {
			t.Errorf("%q changed, want %q; %d of %d rows", changed, want, m.Len(), len(names))
		}
	}
	var all []string
	for i := range 500 {
		all = append(all, fmt.Sprintf("%03d", i))
		write(all[i], "1")
	}
	rescan(m.Rescan, all...)
	write("100", "12")
	write("new", "1")
	storetest.Must(t, os.Remove(files.Path("hits", "200")))
	rescan(m.RescanNames, "200", "new")
	rescan(m.Rescan, "100")
	rescan(m.Rescan)
	if v, _ := m.Value("100"); v != "12" {
		t.Errorf("it is %q", v)
	}
}

// TestNamesMayDiffer: a directory in which nothing happens need not be listed, after some seconds in
// which its times could not tell.
func TestNamesMayDiffer(t *testing.T) {
	files := tree.New(storetest.TestStore(t).Dir(), nil)
	var seen tree.DirSeen
	ask := func() bool {
		t.Helper()
		differ, err := seen.NamesMayDiffer(files, "hits")
		storetest.Must(t, err)
		return differ
	}
	for range 2 {
		if !ask() {
			t.Error("a directory that has just changed need not be listed")
		}
	}
	for end := time.Now().Add(time.Minute); ask(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is listed for ever")
		}
	}
	storetest.Must(t, os.WriteFile(files.Path("hits", "new"), nil, 0o600))
	if !ask() {
		t.Error("a new name is not seen")
	}
}
