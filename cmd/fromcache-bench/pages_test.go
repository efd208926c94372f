package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
	"fromcache/fsstore/key"
)

const (
	largeMisses = 10_000
	openPages   = 200
)

// The limits of the operator's window.
const (
	pageLimit   = 0.05 // seconds
	eventLimit  = time.Second
	paintLimit  = 100_000
	memoryLimit = 192 << 20
)

// BenchmarkPages is the operator's window on a large tree, with many of them open.
func BenchmarkPages(b *testing.B) {
	data := tree(b)
	misses := manyMisses(b, data, largeMisses)
	fmt.Printf("\npages: %d artifacts, %d misses, %d open pages\n", largeTree, largeMisses, openPages)
	w := newWindow(serve(b, data))
	w.first(b)
	w.open(b, openPages)
	w.times(b, data)
	w.events(b, data, misses)
	w.paint(b)
	w.resident(b)
}

// manyMisses writes n misses that nobody will fetch: each is put off for good. It returns their keys.
func manyMisses(b *testing.B, data string, n int) []string {
	keys, now := make([]string, n), time.Now().UTC() // old ones would go
	for i := range keys {
		u, err := key.Parse(fmt.Sprintf("https://host%d.vendor.example/wanted/%d/model-%d.safetensors", i%70, i%100, i), key.Auto)
		must(b, err)
		var text strings.Builder
		fmt.Fprintf(&text, "%s\nafter 2999-01-01T00:00:00Z\n", u)
		for k := range 1 + i%5 {
			at := now.Add(time.Duration(k-i*7) * time.Second).Format(time.RFC3339)
			fmt.Fprintf(&text, "%s miss x%d 10.0.%d.%d curl/7.88.1\n", at, i%37+1, i%200, k)
		}
		keys[i] = u.Key()
		must(b, os.WriteFile(filepath.Join(data, "misses", keys[i]), []byte(text.String()), 0o660))
	}
	return keys
}

// first is the page after a start, which waits for the first listing. It has no target.
func (w *window) first(b *testing.B) {
	body, took := w.get(b, "/")
	for _, want := range []string{"<b>100,000</b> artifacts", "<b>10,000</b> misses"} {
		if !bytes.Contains(body, []byte(want)) {
			b.Fatalf("the first page does not say %s", want)
		}
	}
	fmt.Printf("%-44s %14s   no target: it waits for the first listing\n", "first page after the start", seconds(took))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// largePages are all pages; the artifact's is found by its key.
func largePages() []string {
	u, _ := key.Parse(smallArtifact(77).url, key.Auto)
	return []string{
		"/", "/misses", "/misses?sort=asked", "/misses?sort=clients&group=1", "/misses?q=model-77", "/misses?page=50",
		"/downloads", "/downloads?state=queued", "/artifacts", "/artifacts?sort=hits", "/artifacts?sort=size&page=700",
		"/artifacts?q=package-0777", "/artifacts/" + u.Key(), "/add", "/stats",
	}
}

// times is the time of each page: as it is asked for again and again, and each time after an artifact and a miss have
// come, so that nothing that was kept is of use. The clock's time is the promise, and on a machine that does other things
// no measure: what the server computed is beside it, and has the verdict.
func (w *window) times(b *testing.B, data string) {
	n := 0
	for _, path := range largePages() {
		var kept, changed []cost
		for range choose(9, 5) {
			kept = append(kept, w.timed(b, path))
		}
		for range choose(5, 3) {
			n++
			w.change(b, data, n)
			changed = append(changed, w.timed(b, path))
		}
		again, after := middle(kept), middle(changed)
		figure("page "+short(path), again.String(), fmt.Sprintf("after a change %s; computed %.1f and %.1f ms, limit %.0f ms",
			after, again.cpu*1e3, after.cpu*1e3, pageLimit*1e3), max(again.cpu, after.cpu) <= pageLimit)
	}
}

func short(path string) string {
	if strings.HasPrefix(path, "/artifacts/") {
		return "/artifacts/KEY"
	}
	return path
}

// change makes an artifact and a miss, and waits until the pages know.
func (w *window) change(b *testing.B, data string, n int) {
	must(b, writeArtifact(data, smallArtifact(largeTree+n), key.Auto))
	late := fmt.Sprintf("late-%d.bin", n)
	w.s.verify(b, answer{testbed.TokenPath("https://new.example/" + late), http.StatusNotFound}, 0, "")
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if body, _ := w.get(b, "/misses?q="+late); bytes.Contains(body, []byte(late+"--")) {
			return
		}
	}
	b.Fatalf("no page ever shows %s", late)
}

var assets = regexp.MustCompile(`(?:(?:href|src)="|url\("?)(/static/[^")]+)`)

// paint is what comes over the wire before a page that was never seen is painted: itself, what it links to, and what
// that draws with.
func (w *window) paint(b *testing.B) {
	for _, path := range []string{"/", "/misses", "/downloads", "/artifacts", "/add", "/stats"} {
		begin, seen := w.wire.Load(), []string{path}
		for i := 0; i < len(seen); i++ {
			body, _ := w.get(b, seen[i])
			for _, m := range assets.FindAllSubmatch(body, -1) {
				if name := string(m[1]); !slices.Contains(seen, name) {
					seen = append(seen, name)
				}
			}
		}
		n := w.wire.Load() - begin
		figure("first paint of "+path, fmt.Sprintf("%.1f kB", float64(n)/1000),
			fmt.Sprintf("%d requests; limit %d kB", len(seen), paintLimit/1000), n <= paintLimit && len(seen) > 2)
	}
}

func (w *window) resident(b *testing.B) {
	now, most := w.s.memory(b)
	figure(fmt.Sprintf("resident with %d open pages", openPages), mib(now),
		fmt.Sprintf("greatest since the start %s; limit %s", mib(most), mib(memoryLimit)), now <= memoryLimit)
}

// events moves misses as mv does, one right after the hint at the other, and times until a stream hints at it. What is
// moved is put off for good, so no origin is asked.
func (w *window) events(b *testing.B, data string, misses []string) {
	said := bufio.NewReader(w.stream(b))
	var took []time.Duration
	for _, k := range misses[:choose(20, 8)] {
		begin := time.Now()
		must(b, os.Rename(filepath.Join(data, "misses", k), filepath.Join(data, "queue", k+".job")))
		for line := ""; line != "event: queue\n"; {
			var err error
			line, err = said.ReadString('\n')
			must(b, err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	most := took[len(took)-1]
	figure("from an mv to its event", seconds(took[len(took)/2]),
		fmt.Sprintf("at most %s of %d; limit %s", seconds(most), len(took), seconds(eventLimit)), most <= eventLimit)
}
