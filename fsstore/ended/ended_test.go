package ended_test

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/ended"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

func jobsOf(t *testing.T, s *fsstore.Store) *ended.Jobs {
	t.Helper()
	return ended.New(tree.New(s.Dir(), slog.New(slog.DiscardHandler)), s.Spool)
}

func walked(t *testing.T, j *ended.Jobs) {
	t.Helper()
	storetest.Must(t, j.Walk(t.Context(), true, func(string) {}))
}

// write writes a job that ended so many seconds after midnight.
func write(t *testing.T, s *fsstore.Store, name, url string, second int, digest string) {
	t.Helper()
	text := fmt.Sprintf("%s\n2026-11-01T00:%02d:%02dZ done 5 %s\n2026-11-02T00:00:00Z miss 10.0.0.7 curl\n", url, second/60, second%60, digest)
	storetest.Must(t, os.WriteFile(storetest.Path(s, "done", name), []byte(text), 0o660))
}

var digest = strings.Repeat("0123456789abcdef", 4)

// Jobs come in the order in which they ended, and follow what a shell does.
func TestJobsFollowTheFiles(t *testing.T) {
	s := storetest.TestStore(t)
	var names []string
	for i := range 200 {
		url := fmt.Sprintf("https://example.com/some/where/Tool-%d.run?v=%d", i, i%2)
		if i%2 == 0 {
			url = fmt.Sprintf("https://example.com/tool-%d.run", i)
		}
		names = append(names, storetest.KeyOf(t, url)+".job")
		write(t, s, names[i], url, i, digest)
	}
	j := jobsOf(t, s)
	if got := j.Newest(0, 10); got != nil {
		t.Error("before a walk:", got)
	}
	walked(t, j)
	if got := j.Newest(0, 3); !slices.Equal(got, []string{names[199], names[198], names[197]}) || j.Len() != 200 {
		t.Errorf("%d jobs, and %v", j.Len(), got)
	}
	if got := j.Newest(198, 10); !slices.Equal(got, []string{names[1], names[0]}) {
		t.Error("the last page:", got)
	}
	old := strings.TrimSuffix(names[7], ".job") + ".2.job"
	storetest.Run(t, s.Dir(), "mv done/"+names[7]+" done/"+old+"; rm done/"+names[198]+"; echo notes > done/notes; mkdir done/dir")
	write(t, s, names[0], "https://example.com/tool-0.run", 500, digest)
	walked(t, j)
	if got := j.Newest(0, 3); !slices.Equal(got, []string{names[0], names[199], names[197]}) || j.Len() != 200 {
		t.Errorf("%d jobs, and %v", j.Len(), got)
	}
	sorted := append(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == names[7] || name == names[198] }), old, "notes")
	slices.Sort(sorted)
	if got := append(j.After("", 50), j.After(sorted[49], 500)...); !slices.Equal(got, sorted) {
		t.Errorf("by name: %v, not %v", got, sorted)
	}
	storetest.Run(t, s.Dir(), "rm done/notes")
	if !j.Refresh("notes") || j.Refresh("notes") || slices.Contains(j.After("n", 500), "notes") {
		t.Error("rm is one change")
	}
}

// A search finds what is in the URL in any case and across slashes, how digests begin, and parts of names;
// nothing in what no page shows of a URL.
func TestSearch(t *testing.T) {
	s := storetest.TestStore(t)
	url := "https://user:Secret1@example.com/A/Dir/Setup.EXE?v=1&token=Secret2"
	k := storetest.KeyOf(t, "https://example.com/A/Dir/Setup.EXE?v=1")
	write(t, s, k+".job", url, 1, digest)
	write(t, s, "mine.job", "https://example.com/a/other.zip", 2, strings.Repeat("f", 64))
	plain := storetest.KeyOf(t, "https://example.org/x/plain.zip")
	write(t, s, plain+".job", "https://example.org/x/plain.zip", 3, strings.Repeat("e", 64))
	j := jobsOf(t, s)
	walked(t, j)
	for text, want := range map[string]int{
		"setup.exe": 1, "a/dir/setup": 1, "example.com/a/": 2, "https://example": 3, "/": 3, "dir/": 1, "r/s": 1, "zip": 2,
		digest: 1, digest[:7]: 1, "fffffff": 1, "eeeeeee": 1, "000000": 0, "mine": 1, "example.org--plain.zip--": 1,
		plain: 1, plain[len(plain)-32:]: 1, plain[len(plain)-32 : len(plain)-20]: 1, strings.ToLower(k): 1, "secret1": 0, "secret2": 0, "nothing": 0, "v=1": 1,
		"10.0.0.7": 3, "10.0.0.": 0, "cur": 3,
	} {
		if names, total := j.Search(text, 10); total != want || len(names) != want {
			t.Errorf("%q: %d, %v, not %d", text, total, names, want)
		}
	}
	if names, _ := j.Search("10.0.0.7", 2); len(names) != 2 || !names[0].ByClient || !names[1].ByClient {
		t.Error("by a client:", names)
	}
	if names, total := j.Search("example", 1); total != 3 || !slices.Equal(names, []ended.Match{{Name: plain + ".job"}}) {
		t.Error("the newest of three:", names, total)
	}
}

// Many changes beside each other leave the rows that the directory has.
func TestJobsComeAndGo(t *testing.T) {
	s := storetest.TestStore(t)
	j := jobsOf(t, s)
	walked(t, j)
	long := strings.Repeat("x", 8000)
	var change sync.WaitGroup
	for hand := range 3 {
		change.Go(func() {
			for i := range 600 {
				name := fmt.Sprintf("k%d-%d.job", hand, i%50)
				if i%3 == 0 {
					os.Remove(storetest.Path(s, "done", name))
				} else {
					write(t, s, name, fmt.Sprintf("https://example.com/%s/%d", long, i), i, digest)
				}
				j.Refresh(name)
				if i%100 == 0 {
					j.Newest(0, 10)
					j.Search("example", 5)
					j.After("k", 7)
				}
			}
		})
	}
	change.Wait()
	newest, byName := j.Newest(0, 1000), j.After("", 1000)
	j.Reset()
	walked(t, j)
	if anew := j.Newest(0, 1000); !slices.Equal(slices.Sorted(slices.Values(newest)), byName) || len(anew) != len(newest) || j.Len() != len(anew) {
		t.Errorf("%d, %d by name, and anew %d", len(newest), len(byName), len(anew))
	}
	if again := j.After("", 1000); !slices.Equal(again, byName) {
		t.Error("by name, anew:", again)
	}
}
