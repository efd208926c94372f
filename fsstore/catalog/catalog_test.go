package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/catalog"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// catalogOf returns a catalog of a store's directory, and what it takes its files from.
func catalogOf(t *testing.T, s *fsstore.Store) (*catalog.Catalog, *held.Cache) {
	t.Helper()
	dir := tree.New(s.Dir(), slog.New(slog.DiscardHandler))
	h, err := health.New(dir, 0, nil)
	storetest.Must(t, err)
	c := held.New(dir, h, queries.New(dir, h, key.Auto))
	return catalog.New(dir, h, counts.New(dir), c), c
}

func walked(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	storetest.Must(t, c.Walk(t.Context(), true, func(string) {}))
}

func urlsOf(rows []catalog.Row) (urls []string) {
	for _, r := range rows {
		urls = append(urls, strings.TrimPrefix(r.URL, "https://example.com/"))
	}
	return urls
}

// While meta/ is being read there is what has been read so far, and how much that is; a question by
// digest is answered from blobs/.
func TestBeforeAllIsRead(t *testing.T) {
	s := storetest.TestStore(t)
	var last *fsstore.Artifact
	for i := range 50 {
		last = storetest.Hold(t, s, fmt.Sprintf("https://example.com/%d.run", i), fmt.Sprint("bytes ", i))
	}
	c, store := catalogOf(t, s)
	c.Keep(true)
	reads, goOn := make(chan bool), make(chan bool)
	var once sync.Once
	var walk sync.WaitGroup
	walk.Go(func() {
		c.Walk(context.Background(), true, func(string) { once.Do(func() { reads <- true; <-goOn }) })
	})
	<-reads
	for _, all := c.Progress(); all != 50; _, all = c.Progress() { // they are counted meanwhile
		time.Sleep(time.Millisecond)
	}
	n, _ := c.Held()
	rows, total := c.Search("", "new", 0, 100)
	if read, all := c.Progress(); c.IsLoaded() || n == 0 || n >= 50 || len(rows) != n || total != n || read >= 50 || all != 50 {
		t.Errorf("%d rows of %d, %d read of %d, loaded: %v", len(rows), n, read, all, c.IsLoaded())
	}
	b, f, err := catalog.OpenFromBlobs(c, last.SHA256)
	if err != nil || b.Size != last.Size {
		t.Fatal(b, err)
	}
	text, _ := io.ReadAll(f)
	f.Close()
	if string(text) != "bytes 49" {
		t.Errorf("%q", text)
	}
	store.Withhold(last.SHA256, true)
	for _, d := range []string{last.SHA256, strings.Repeat("0", 64)} {
		if _, _, err := catalog.OpenFromBlobs(c, d); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", d, err)
		}
	}
	store.Withhold(last.SHA256, false)
	early := make(chan error)
	go func() {
		_, f, err := c.OpenDigest(last.SHA256)
		if err == nil {
			f.Close()
		}
		early <- err
	}()
	close(goOn)
	if err := <-early; err != nil {
		t.Error("who asked early:", err)
	}
	walk.Wait()
	if n, _ := c.Held(); !c.IsLoaded() || n != 50 {
		t.Errorf("%d, loaded: %v", n, c.IsLoaded())
	}
	if b, f, err := c.OpenDigest(last.SHA256); err != nil || b.Key != last.Key {
		t.Error(b, err)
	} else {
		f.Close()
	}
	storetest.Run(t, s.Dir(), "rm meta/"+last.Key+".json")
	if _, _, err := c.OpenDigest(last.SHA256); !errors.Is(err, fs.ErrNotExist) {
		t.Error("after rm:", err)
	}
}

// Rows follow what a shell does, in every order, and the sums with them.
func TestRowsFollowTheFiles(t *testing.T) {
	s := storetest.TestStore(t)
	for i, body := range []string{"1", "22", "22", "4444", "55555"} {
		a := storetest.Hold(t, s, fmt.Sprintf("https://example.com/%d/Tool.run", i), body)
		storetest.Run(t, s.Dir(), fmt.Sprintf("echo %d > hits/%s; sed -i 's/\"misses\": 0/\"misses\": %d/' meta/%[4]s.json; sed -i 's/\"fetched_at\": \"[^\"]*/\"fetched_at\": \"2026-01-01T00:00:00Z/' meta/%[4]s.json", 10*i%30, a.Key, 7*i%5, a.Key))
	}
	c, _ := catalogOf(t, s)
	check := func(when string, order string, want ...string) {
		t.Helper()
		rows := c.List(order, 0, 10)
		if got := urlsOf(rows); !slices.Equal(got, want) {
			t.Errorf("%s, by %s: %v, not %v", when, order, got, want)
		}
	}
	walked(t, c)
	storetest.Must(t, c.WalkHits(t.Context()))
	if n, bytes := c.Held(); n != 5 || bytes != 12 || c.Hits() != 40 {
		t.Errorf("%d artifacts of %d bytes, %d hits", n, bytes, c.Hits())
	}
	check("at first", "name", "0/Tool.run", "1/Tool.run", "2/Tool.run", "3/Tool.run", "4/Tool.run")
	check("at first", "hits", "2/Tool.run", "1/Tool.run", "4/Tool.run", "0/Tool.run", "3/Tool.run")
	check("at first", "saved", "4/Tool.run", "2/Tool.run", "1/Tool.run", "0/Tool.run", "3/Tool.run")
	check("at first", "misses", "2/Tool.run", "4/Tool.run", "1/Tool.run", "3/Tool.run", "0/Tool.run")
	size := urlsOf(c.List("size", 0, 2))
	if !slices.Equal(size, []string{"4/Tool.run", "3/Tool.run"}) {
		t.Error(size)
	}
	two := storetest.KeyOf(t, "https://example.com/2/Tool.run")
	storetest.Run(t, s.Dir(), "rm meta/"+two+".json; echo 40 > hits/"+storetest.KeyOf(t, "https://example.com/0/Tool.run"))
	walked(t, c)
	storetest.Must(t, c.WalkHits(t.Context()))
	check("after rm", "hits", "0/Tool.run", "1/Tool.run", "4/Tool.run", "3/Tool.run")
	if n, bytes := c.Held(); n != 4 || bytes != 12 || c.Hits() != 80 {
		t.Errorf("after rm: %d artifacts of %d bytes, %d hits", n, bytes, c.Hits())
	}
	storetest.Run(t, s.Dir(), "echo garbage > meta/"+two+".json")
	if !c.Refresh(two + ".json") {
		t.Error("a new file is no change")
	}
	if r, ok := c.Get(two); !ok || r.SHA256 != "" || r.Key != two || r.Hits != 20 {
		t.Errorf("one that can't be read: %+v, %v", r, ok)
	}
}

// TestSearch: words in any case, a digest's beginning, a part of a key, and pages of many.
func TestSearch(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.FillMeta(t, s, 1500)
	a := storetest.Hold(t, s, "https://example.com/A/%C3%9C/Setup.EXE?v=1", "setup")
	c, _ := catalogOf(t, s)
	walked(t, c)
	for q, want := range map[string]int{
		"": 1501, "setup.exe": 1, "SETUP EXAMPLE": 1, "setup nowhere": 0, a.SHA256[:7]: 1, a.SHA256: 1,
		"example.com--": 1, a.Key: 1, strings.ToUpper(a.Key): 1, a.Key[len(a.Key)-32:]: 1, a.Key[len(a.Key)-32:][:9]: 1, "package-": 1500, "package-77": 1 + 10, "nothing": 0,
	} {
		rows, total := c.Search(q, "name", 0, 20)
		if total != want || len(rows) != min(want, 20) {
			t.Errorf("%q: %d of %d, not %d", q, len(rows), total, want)
		}
		if want == 1 && (rows[0].URL != a.URL || rows[0].Key != a.Key || rows[0].SHA256 != a.SHA256 || !rows[0].Fetched.Equal(a.Fetched)) {
			t.Errorf("%q: %+v", q, rows[0])
		}
	}
	all, _ := c.Search("", "name", 0, 1501)
	for _, q := range []string{"/", "ackage-1", "0", "11", "ee", "pp", "//", "https", "package-7", "7", "e?v=1", "age-14999"} {
		want := 0
		for _, r := range all {
			if strings.Contains(strings.ToLower(r.URL), q) {
				want++
			}
		}
		if _, total := c.Search(q, "name", 0, 20); total != want {
			t.Errorf("%q: %d, not %d", q, total, want)
		}
	}
	for _, q := range []string{"--", "--package-7", "e--package-14", "-77.", "--0", "--a7", "--ab", "example--", "-1.deb--", "b--f"} {
		want := 0
		for _, r := range all {
			if strings.Contains(strings.ToLower(r.Key), q) || strings.Contains(strings.ToLower(r.URL), q) {
				want++
			}
		}
		if _, total := c.Search(q, "name", 0, 20); total != want {
			t.Errorf("%q in keys: %d, not %d", q, total, want)
		}
	}
	first, _ := c.Search("package-", "name", 0, 1500)
	for from := 0; from < 1500; from += 100 {
		rows, _ := c.Search("package-", "name", from, 100)
		if !slices.Equal(urlsOf(rows), urlsOf(first[from:from+100])) {
			t.Fatalf("from %d", from)
		}
	}
}

// Many changes one after the other leave the rows that the directory has.
func TestRowsComeAndGo(t *testing.T) {
	s := storetest.TestStore(t)
	c, _ := catalogOf(t, s)
	text := strings.Replace(meta, "tool.run", strings.Repeat("T", 15_900)+".run", 1)
	for i := range 400 {
		name := fmt.Sprintf("k%d.json", i%7)
		path := storetest.Path(s, "meta", name)
		if i%3 == 0 {
			os.Remove(path)
		} else {
			storetest.Must(t, os.WriteFile(path, []byte(text), 0o660))
			storetest.Must(t, os.Chtimes(path, time.Unix(int64(i), 0), time.Unix(int64(i), 0)))
		}
		c.Refresh(name)
	}
	before := c.List("name", 0, 10)
	n, bytes := c.Held()
	c.Reset()
	walked(t, c)
	again, bytesAgain := c.Held()
	if n != again || bytes != bytesAgain || len(before) != n {
		t.Errorf("%d of %d bytes, and anew %d of %d", n, bytes, again, bytesAgain)
	}
	for _, r := range before {
		if got, ok := c.Get(r.Key); !ok || got != r || !strings.Contains(r.URL, "TTTT") {
			t.Errorf("%.50s: %v", r.Key, ok)
		}
	}
}

// An order that is made while rows come and go has those that there are at the end.
// Names are in order whenever the artifacts were fetched, at once and after more have come.
func TestNamesAreInOrder(t *testing.T) {
	s := storetest.TestStore(t)
	hold := func(name string, day int) string {
		a := storetest.Hold(t, s, "https://example.com/"+name, name)
		storetest.Run(t, s.Dir(), fmt.Sprintf("sed -i 's/\"fetched_at\": \"[^\"]*/\"fetched_at\": \"2026-01-%02dT00:00:00Z/' meta/%s.json", day, a.Key))
		return a.Key + ".json"
	}
	hold("b", 3)
	hold("d", 9)
	hold("a", 1)
	c, _ := catalogOf(t, s)
	walked(t, c)
	if got := urlsOf(c.List("name", 0, 10)); !slices.Equal(got, []string{"a", "b", "d"}) {
		t.Errorf("%v", got)
	}
	c.Refresh(hold("c", 5))
	if got := urlsOf(c.List("name", 0, 10)); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("%v with one more", got)
	}
}

func TestOrdersAreMadeBesideChanges(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.FillMeta(t, s, 3000)
	c, _ := catalogOf(t, s)
	walked(t, c)
	var change sync.WaitGroup
	for hand := range 2 {
		change.Go(func() {
			for i := range 300 {
				name := fmt.Sprintf("k%d-%d.json", hand, i%40)
				text := strings.Replace(meta, `"size": 5`, fmt.Sprintf(`"size": %d`, i), 1)
				storetest.Must(t, os.WriteFile(storetest.Path(s, "meta", name), []byte(text), 0o660))
				c.Refresh(name)
				if i%5 == 0 {
					os.Remove(storetest.Path(s, "meta", name))
					c.Refresh(name)
				}
			}
		})
	}
	for range 3 {
		for _, order := range catalog.Sorts {
			c.List(order, 0, 10)
		}
	}
	change.Wait()
	kept := map[string][]string{}
	for _, order := range catalog.Sorts {
		kept[order] = urlsOf(c.List(order, 0, 5000))
	}
	c.Reset()
	walked(t, c)
	for _, order := range catalog.Sorts {
		if anew := urlsOf(c.List(order, 0, 5000)); !slices.Equal(kept[order], anew) || len(anew) < 3000 {
			t.Errorf("by %s: %d rows, and anew %d", order, len(kept[order]), len(anew))
		}
	}
}

const meta = `{"url": "https://example.com/tool.run", "url_sha256": "0000000000000000000000000000000000000000000000000000000000000001",
"size": 5, "sha256": "0000000000000000000000000000000000000000000000000000000000000003", "fetched_at": "2026-11-24T21:27:26Z", "misses": 1, "claim": ""}`
