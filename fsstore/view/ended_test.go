package view_test

import (
	"fmt"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// The jobs of done/ follow the shell: newest first, in a search, by name, and in number.
func TestEndedFollowsTheShell(t *testing.T) {
	s := storetest.TestStore(t)
	v := startView(t, s)
	changes, end := v.Subscribe()
	defer end()
	if list, n := v.Ended(0, 10); len(list)+n != 0 || v.Any(fsstore.Done) {
		t.Fatal(list, n)
	}
	names := make([]string, 4)
	for i := range names {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		names[i] = storetest.KeyOf(t, url) + ".job"
		storetest.Run(t, s.Dir(), fmt.Sprintf("printf '%s\\n2026-11-01T00:00:0%dZ done 5 -\\n' > tmp/x; mv tmp/x done/%s", url, i, names[i]))
		told(t, changes, "done", names[i])
	}
	check := func(when string, want ...string) {
		t.Helper()
		list, n := v.Ended(0, 10)
		found, _, total := v.FindEnded("example.com/", 10, 10)
		if len(list) != len(want) || n != len(want) || len(found) != len(want) || total != n || v.Count(fsstore.Done) != n {
			t.Fatalf("%s: %d jobs of %d, %d found of %d", when, len(list), n, len(found), total)
		}
		for i := range want {
			if list[i].Name != want[i] || found[i].Name != want[i] {
				t.Errorf("%s: %s and %s, not %s", when, list[i].Name, found[i].Name, want[i])
			}
		}
	}
	check("at first", names[3], names[2], names[1], names[0])
	if got := v.EndedAfter(names[1], 1); len(got) != 1 || got[0] != names[2] {
		t.Error("behind one:", got)
	}
	storetest.Run(t, s.Dir(), "mv done/"+names[3]+" queue/; rm done/"+names[1])
	told(t, changes, "done", names[1])
	check("after mv and rm", names[2], names[0])
	if _, _, reading := v.ReadingEnded(); reading || !v.Any(fsstore.Done) {
		t.Error("it still reads, or there is none")
	}
}
