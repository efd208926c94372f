package httpd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// seed makes a large tree by writing its files: artifacts that share one blob,
// and misses.
func seed(t testing.TB, dir string, artifacts, misses int) {
	t.Helper()
	var wg sync.WaitGroup
	const hands = 8
	for h := range hands {
		wg.Go(func() {
			for i := h; i < artifacts; i += hands {
				seedArtifact(t, dir, i)
			}
			for i := h; i < misses; i += hands {
				seedMiss(t, dir, i)
			}
		})
	}
	wg.Wait()
}

func seedArtifact(t testing.TB, dir string, i int) {
	u, err := key.Parse(fmt.Sprintf("https://host%d.vendor.example/releases/%d/driver-package_%d.run", i%50, i%1000, i), key.Auto)
	if err != nil {
		t.Error(err)
		return
	}
	m := fsstore.Meta{URL: u.String(), URLSum: u.Sum(), Size: int64(i) * 997, SHA256: u.Sum(), Fetched: time.Unix(1790000000+int64(i), 0).UTC(), Claim: "0123456789abcdef"}
	b, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "meta", u.Key()+".json"), b, 0o640)
	}
	if err == nil && i%10 == 0 {
		err = os.WriteFile(filepath.Join(dir, "hits", u.Key()), fmt.Appendln(nil, i%977+1), 0o640)
	}
	if err != nil {
		t.Error(err)
	}
}

func seedMiss(t testing.TB, dir string, i int) {
	u, err := key.Parse(fmt.Sprintf("https://host%d.vendor.example/wanted/%d/model-%d.safetensors", i%70, i%100, i), key.Auto)
	if err != nil {
		t.Error(err)
		return
	}
	var b strings.Builder
	b.WriteString(u.String() + "\n")
	for n := range 1 + i%5 {
		fmt.Fprintf(&b, "%s miss x%d 10.0.%d.%d curl/7.88.1\n", time.Unix(1790000000+int64(i*60+n), 0).UTC().Format(time.RFC3339), i%37+1, i%200, n)
	}
	if err := os.WriteFile(filepath.Join(dir, "misses", u.Key()), []byte(b.String()), 0o660); err != nil {
		t.Error(err)
	}
}

var largePages = []string{
	"/", "/misses", "/misses?page=5", "/misses?sort=last", "/misses?sort=clients&group=1", "/misses?host=host7.vendor.example", "/misses?q=model-77", "/misses?page=50", "/downloads", "/artifacts", "/artifacts?sort=hits",
	"/artifacts?sort=size&page=700", "/artifacts?q=package_777", "/artifacts/host7.vendor.example--driver-package_7.run--", "/add", "/stats",
}

// BenchmarkPage is the server's time for each page with 100,000 artifacts and
// 10,000 misses, as it is asked for again and again.
func BenchmarkPage(b *testing.B) {
	w := newWorld(b, Options{})
	seed(b, w.dir, 100_000, 10_000)
	r := func(path string) *http.Request { return httptest.NewRequest("GET", "http://127.0.0.1"+path, nil) }
	w.srv.ServeHTTP(httptest.NewRecorder(), r("/")) // the first listing, which no page of a server that runs waits for
	u, _ := key.Parse("https://host7.vendor.example/releases/7/driver-package_7.run", key.Auto)
	for _, path := range largePages {
		if strings.HasPrefix(path, "/artifacts/") {
			path = "/artifacts/" + u.Key()
		}
		b.Run("kept"+path, func(b *testing.B) {
			began := cpu()
			for b.Loop() {
				w.page(r(path))
			}
			b.ReportMetric(float64((cpu()-began).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpu is what the process has used: on a machine that does other things it says
// more than the clock.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (w *world) page(r *http.Request) {
	rec := httptest.NewRecorder()
	w.srv.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("%s: %d", r.URL, rec.Code)
	}
}

// TestLarge: a page of a large tree is whole, and its numbers are right.
func TestLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	seed(t, w.dir, 3000, 1000)
	b := w.browser()
	for path, want := range map[string][]string{
		"/":                                 {"<b>3,000</b> artifacts", "<b>1,000</b> misses"},
		"/misses?sort=asked":                {"1–100 of 1,000"},
		"/misses":                           {"hosts 1–6 of 70", `<section class="group"`},
		"/misses?host=host7.vendor.example": {"model-77."},
		"/misses?q=model-77":                {"All 11 that match", "model-770"},
		"/misses?q=10.0.7.0":                {"All 5 that match"},
		"/artifacts?q=driver-PACKAGE_2999":  {"driver-package_2999.run"},
		"/artifacts?sort=size":              {"driver-package_2999.run", "1–100 of 3,000"},
		"/artifacts?sort=hits&page=30":      {"2,901–3,000 of 3,000"},
	} {
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) { // the view hears of 4,300 files
			_, body := b.get(path)
			missing := slices.DeleteFunc(slices.Clone(want), func(text string) bool { return strings.Contains(body, text) })
			if len(missing) == 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s lacks %q", path, missing)
			}
		}
	}
	_, _ = b.post("/admin/deny", "all", "1", "q", "model-77", "until", itoa(time.Now().Unix()))
	if n := w.files("denied"); n != 11 || w.files("misses") != 989 {
		t.Errorf("denied %d, left %d", n, w.files("misses"))
	}
	if resp, _ := b.post("/admin/approve", "all", "1", "q", "model-1", "until", "17"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("all that were there in 1970: %d", resp.StatusCode)
	}
	if resp, _ := b.post("/admin/approve", "all", "1"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("all, with no time: %d", resp.StatusCode)
	}
}

// TestStreamEnds: at once when the server drains, and when its reader leaves.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{DrainTimeout: 20 * time.Second})
	ctx, leave := context.WithCancel(context.Background())
	for _, c := range []context.Context{ctx, context.Background()} {
		req, err := http.NewRequestWithContext(c, "GET", w.url("/events"), nil)
		w.must(err)
		resp, err := http.DefaultClient.Do(req)
		w.must(err)
		defer resp.Body.Close()
		if resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Errorf("%v", resp.Header)
		}
	}
	eventually(t, "two streams", func() bool { return w.srv.pages.Streams() == 2 })
	leave()
	eventually(t, "one stream", func() bool { return w.srv.pages.Streams() == 1 })
	began := time.Now()
	w.stop()
	w.must(<-w.ended)
	w.ended <- nil
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("the drain waited %v for a stream", d)
	}
}
