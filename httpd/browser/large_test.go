package browser

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// seed writes a large tree: artifacts that no test asks for, and misses.
func (l *lab) seed(artifacts, misses int) {
	l.t.Helper()
	var wg sync.WaitGroup
	const hands = 8
	for h := range hands {
		wg.Go(func() {
			for i := h; i < artifacts; i += hands {
				u, _ := key.Parse(fmt.Sprintf("https://host%d.vendor.example/releases/%d/driver-package_%d.run", i%50, i%1000, i), key.Auto)
				b, _ := json.Marshal(fsstore.Meta{URL: u.String(), URLSum: u.Sum(), Size: int64(i) * 997, SHA256: u.Sum(), Fetched: time.Unix(1790000000+int64(i), 0).UTC(), Claim: "0123456789abcdef"})
				if err := os.WriteFile(filepath.Join(l.dir, "meta", u.Key()+".json"), b, 0o640); err != nil {
					l.t.Error(err)
				}
			}
			for i := h; i < misses; i += hands {
				u, _ := key.Parse(fmt.Sprintf("https://host%d.vendor.example/wanted/%d/model-%d.safetensors", i%70, i%100, i), key.Auto)
				text := u.String() + "\n" + time.Unix(1790000000+int64(i), 0).UTC().Format(time.RFC3339) + " miss x3 10.0.0.7 curl/8.5.0\n"
				if err := os.WriteFile(filepath.Join(l.dir, "misses", u.Key()), []byte(text), 0o660); err != nil {
					l.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// rss is the server's resident memory in MiB.
func (l *lab) rss() int {
	l.t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(l.server.Process.Pid) + "/status")
	l.must(err)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			kib, _ := strconv.Atoi(f[1])
			return kib >> 10
		}
	}
	return 0
}

// TestLargeTree: 100,000 artifacts, 10,000 misses and 200 open pages. How
// quick it is is printed; how large it is is a promise.
func TestLargeTree(t *testing.T) {
	if testing.Short() {
		t.Skip("a large tree")
	}
	l := newLab(t)
	l.stop()
	l.seed(100_000, 10_000)
	l.start()
	b := l.tab()
	b.open("/misses")
	b.until(`/hosts 1–\d+ of 70/.test(document.body.innerText)`)
	b.live()
	var told sync.WaitGroup
	for range 200 {
		resp, err := http.Get(l.url + "/events")
		l.must(err)
		told.Go(func() { io.Copy(io.Discard, resp.Body) })
		t.Cleanup(func() { resp.Body.Close() })
	}
	pages := []string{"/", "/misses", "/misses?sort=asked&group=1", "/misses?q=model-77", "/downloads", "/artifacts", "/artifacts?sort=size&page=900", "/artifacts?q=package_777", "/stats", "/stats?days=90", "/rules", "/search?q=package_777", "/search?q=10.0.0.7"}
	for _, page := range pages {
		var took []time.Duration
		var size int64
		for range 7 {
			began := time.Now()
			req, _ := http.NewRequest("GET", l.url+page, nil)
			req.Header.Set("Accept-Encoding", "gzip")
			resp, err := http.DefaultClient.Do(req)
			l.must(err)
			size, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		t.Logf("%-32s median %v, %d bytes", page, took[3].Round(100*time.Microsecond), size)
	}
	began := time.Now()
	l.sh("mv misses/*model-9999.* queue/")
	b.until(`!document.body.innerText.includes('model-9999.')`)
	t.Logf("an mv is on the page after %v", time.Since(began).Round(time.Millisecond))
	b.open("/artifacts")
	b.text("1–100 of 100,000")
	b.write("input[type=search]", "package_77777.")
	b.until(`document.querySelectorAll('#l-meta tr').length === 1`)
	t.Logf("resident with 200 streams: %d MiB", l.rss())
	if n := l.rss(); n > 192 {
		t.Errorf("resident memory: %d MiB", n)
	}
	b.quiet()
}

// TestFirstPaint: what a page needs to be seen is at most 100 KB.
func TestFirstPaint(t *testing.T) {
	l := newLab(t)
	l.stop()
	l.seed(1000, 1000)
	l.start()
	for _, page := range []string{"/", "/misses", "/artifacts", "/downloads", "/stats?days=90", "/rules", "/add", "/search?q=driver"} {
		b := l.tab()
		b.open(page)
		b.live()
		b.mu.Lock()
		sum := int64(0)
		for _, n := range b.loaded {
			sum += n
		}
		b.mu.Unlock()
		t.Logf("%s: %d bytes over the wire", page, sum)
		if sum > 100_000 || sum < 10_000 {
			t.Errorf("%s: %d bytes", page, sum)
		}
	}
}
