package edge

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// part is one promise about an edge. The last may kill the cache-host.
type part struct {
	name string
	test func(*site, *testing.T)
}

func (s *site) parts(all []part) {
	for _, p := range all {
		s.t.Run(p.name, func(t *testing.T) { p.test(s, t) })
	}
}

// day is all parts, for an edge that keeps every promise; hits are what counted wants.
func (s *site) day(hits string) {
	s.parts([]part{
		{"hits", readSome},
		{"one copy for all", oneCopy},
		{"an answer is the cache-host's", sameAnswers},
		{"a rangeless artifact", rangeless},
		{"a new version in the midst of a GET", replacedMidway},
		{"many GETs over new versions", replacedOften},
		{"a miss", missed},
		{"a busy cache-host", busy},
		{"an evict", evicted},
		{"hits are counted", counted(hits)},
		{"the cache-host is killed", killed},
	})
}

// oneCopy holds that eight clients at once cost the cache-host one copy, and later ones none.
func oneCopy(s *site, t *testing.T) {
	want, at := s.put(large, size), s.at(large)
	before := s.line.back.Load()
	for _, a := range atOnce(8, func() answer { return get(at) }) {
		if a.status != http.StatusOK || a.digest != want {
			t.Errorf("a client got %d, %q", a.status, a.digest)
		}
	}
	cold := s.line.back.Load() - before
	if cold > size/100*101 {
		t.Errorf("%d bytes came from the cache-host for one copy of %d", cold, size)
	}
	before = s.line.back.Load()
	atOnce(8, func() answer { return get(at) })
	if warm := s.line.back.Load() - before; warm > 64<<10 {
		t.Errorf("%d bytes came from the cache-host for what is kept", warm)
	}
	t.Logf("%.4f copies came from the cache-host", float64(cold)/size)
}

// kept are the fields that an edge passes on as they are.
var kept = []string{"Cache-Control", "Content-Disposition", "Content-Length", "Content-Range", "Content-Security-Policy", "Content-Type",
	"Etag", "Last-Modified", "Repr-Digest", "X-Content-Type-Options", "X-Fromcache-Sha256"}

// sameAnswers compares what an edge answers with what the cache-host does.
func sameAnswers(s *site, t *testing.T) {
	at, direct := s.at(large), s.direct(large)
	digest := get(direct).digest
	pinned := func(address string) string { return strings.Replace(address, "/large.run", "."+digest+"/large.run", 1) }
	etag := `"` + digest + `"`
	for _, r := range []struct {
		method string
		pinned bool
		fields []string
	}{
		{http.MethodGet, false, nil},
		{http.MethodHead, false, nil},
		{http.MethodGet, true, nil},
		{http.MethodHead, true, nil},
		{http.MethodGet, false, []string{"Range", "bytes=0-99"}},
		{http.MethodGet, false, []string{"Range", "bytes=16777000-16778000"}}, // over the seam of two slices
		{http.MethodGet, true, []string{"Range", "bytes=20000000-"}},
		{http.MethodGet, false, []string{"Range", "bytes=-10"}},
		{http.MethodGet, false, []string{"Range", "bytes=99999999-"}},
		{http.MethodGet, false, []string{"Range", "bytes=5-9", "If-Range", etag}},
		{http.MethodGet, false, []string{"Range", "bytes=5-9", "If-Range", `"other"`}},
		{http.MethodGet, false, []string{"If-None-Match", etag}},
		{http.MethodHead, false, []string{"If-None-Match", etag}},
		{http.MethodGet, false, []string{"If-Match", `"other"`}},
	} {
		from, to := direct, at
		if r.pinned {
			from, to = pinned(direct), pinned(at)
		}
		want, got := ask(r.method, from, r.fields...), ask(r.method, to, r.fields...)
		if want.status == http.StatusRequestedRangeNotSatisfiable && got.status == http.StatusOK && got.digest == digest {
			continue // RFC 9110, 14.2: Range may be ignored
		}
		if got.status != want.status || got.status < 300 && got.digest != want.digest {
			t.Errorf("%s %v: %d %s, the cache-host %d %s", r.method, r.fields, got.status, got.digest, want.status, want.digest)
		}
		if got.status > 300 {
			continue
		}
		for _, field := range kept {
			if got, want := got.header.Get(field), want.header.Get(field); got != want {
				t.Errorf("%s %v: %s: %q, the cache-host's %q", r.method, r.fields, field, got, want)
			}
		}
		if a, b := got.header.Get("Accept-Ranges"), want.header.Get("Accept-Ranges"); a != b && got.status == http.StatusOK {
			t.Errorf("%s %v: Accept-Ranges: %q, the cache-host's %q", r.method, r.fields, a, b)
		}
	}
	several := ask(http.MethodGet, at, "Range", "bytes=0-0,5-6")
	if several.status != http.StatusPartialContent && (several.status != http.StatusOK || several.digest != digest) {
		t.Errorf("several ranges are answered %d %s", several.status, several.digest)
	}
	if status := get(s.edge + "/").status; status != http.StatusForbidden {
		t.Errorf("the pages are answered %d", status)
	}
	if status := ask(http.MethodPost, at).status; status != http.StatusMethodNotAllowed && status != http.StatusForbidden {
		t.Errorf("a POST is answered %d", status)
	}
}

// rangeless holds that what an origin gave no ranges of has none at the edge, and is whole.
func rangeless(s *site, t *testing.T) {
	const url = "https://vendor.example/rangeless.run"
	want := s.put(url, size)
	metas, _ := filepath.Glob(filepath.Join(s.data, "meta", "*rangeless*"))
	if len(metas) != 1 {
		t.Fatal(metas)
	}
	b, err := os.ReadFile(metas[0])
	if err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(string(b), `"ranges": true`, `"ranges": false`, 1)
	if without == string(b) {
		t.Fatalf("%s says nothing of ranges", b)
	}
	os.Remove(metas[0])
	if err := os.WriteFile(metas[0], []byte(without), 0o644); err != nil {
		t.Fatal(err)
	}
	s.eventually("no ranges", func() bool { return ask(http.MethodHead, s.direct(url)).header.Get("Accept-Ranges") == "" })
	for _, fields := range [][]string{nil, {"Range", "bytes=18000000-"}, nil} {
		for _, a := range atOnce(3, func() answer { return ask(http.MethodGet, s.at(url), fields...) }) {
			if a.status != http.StatusOK || a.digest != want || a.header.Get("Accept-Ranges") != "" {
				t.Errorf("%v: %d %s %s", fields, a.status, a.digest, a.header)
			}
		}
	}
}

// replacedMidway puts new versions while a GET has read its first bytes, and no other slice is kept.
func replacedMidway(s *site, t *testing.T) {
	const url = "https://vendor.example/midway.run"
	first := s.put(url, 2*size)
	r, err := open(http.MethodGet, s.at(url))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	second := s.put(url, size)
	time.Sleep(s.asksAfter)
	if a := get(s.at(url)); a.digest != second {
		t.Errorf("two seconds after a new version a GET brought %d, %s", a.status, a.digest)
	}
	s.run("gc")
	if got := read(r); got.digest != first {
		t.Errorf("a GET over a new version: %d, %q, not the version that it began with", got.status, got.digest)
	}
}

// replacedOften makes new versions while clients read: each gets one of them, whole.
func replacedOften(s *site, t *testing.T) {
	gets, versions := 40, 4
	if os.Getenv("FROMCACHE_LONG") != "" {
		gets, versions = 1000, 20
	}
	s.put(large, size)
	at := s.at(large)
	var begun, whole atomic.Int64
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for begun.Add(1) <= int64(gets) {
				a := get(at)
				if _, ok := s.versions.Load(a.digest); a.status != http.StatusOK || !ok {
					t.Errorf("a GET over a new version: %d, %q", a.status, a.digest)
					continue
				}
				whole.Add(1)
			}
		})
	}
	for v := range versions {
		for begun.Load() < int64(gets*v/versions) {
			time.Sleep(10 * time.Millisecond)
		}
		s.put(large, size)
	}
	readers.Wait()
	t.Logf("%d of %d GETs were whole over %d new versions", whole.Load(), gets, versions)
}

// missed holds that misses are recorded with their client's address, and do not wait for each other.
func missed(s *site, t *testing.T) {
	at, direct := s.at("https://vendor.example/missing.run"), s.direct("https://vendor.example/missing.run")
	for _, a := range append(atOnce(20, func() answer { return get(at) }), ask(http.MethodHead, at)) {
		if a.status != http.StatusNotFound || !strings.Contains(a.header.Get("Cache-Status"), "detail=") {
			t.Errorf("a miss is answered %d, %s", a.status, a.header)
		}
	}
	from := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext}}
	r, err := from.Head(s.at("https://vendor.example/of-another.run"))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	notes, _ := filepath.Glob(filepath.Join(s.data, "misses", "*of-another*"))
	if len(notes) != 1 {
		t.Fatal("the miss was not recorded: ", notes)
	}
	if b, _ := os.ReadFile(notes[0]); !strings.Contains(string(b), "127.0.0.2") {
		t.Errorf("a miss does not name its client: %s", b)
	}
	var ratios []float64
	before := s.line.dialled.Load()
	for range missRounds {
		near := p99OfMisses(t, direct)
		ratios = append(ratios, float64(p99OfMisses(t, at))/float64(near))
	}
	slices.Sort(ratios)
	opened := s.line.dialled.Load() - before
	t.Logf("200 HEADs of a miss at once, p99: the edge's is %.2f times the cache-host's (median of %d rounds); the edge opened %d connections",
		ratios[missRounds/2], missRounds, opened)
	if s.keepsConnections && opened > 2*200 {
		t.Errorf("the edge opened %d connections for %d questions", opened, missRounds*200)
	}
}

const missRounds = 9

// p99OfMisses returns how long all but one of 100 wait when 200 clients ask at once. Each has its
// own connection.
func p99OfMisses(t *testing.T, address string) time.Duration {
	t.Helper()
	took := atOnce(200, func() time.Duration {
		began := time.Now()
		if a := ask(http.MethodHead, address, "Connection", "close"); a.status != http.StatusNotFound {
			t.Errorf("a miss is answered %d", a.status)
		}
		return time.Since(began)
	})
	slices.Sort(took)
	return took[len(took)*99/100]
}

// busy holds that a cache-host that is too busy for questions has clients come again later, and not
// go to the origin. What is kept may be answered as ever.
func busy(s *site, t *testing.T) {
	const url = "https://vendor.example/busy.run"
	s.put(url, 1000)
	get(s.at(url))
	s.line.answerAll("HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\n" +
		"Cache-Status: fromcache; detail=busy\r\nConnection: close\r\nRetry-After: 7\r\n\r\n")
	defer s.line.answerAll("")
	for _, at := range []string{s.at("https://vendor.example/unknown.run"), s.at(url)} {
		a := ask(http.MethodHead, at)
		told := a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "7" &&
			strings.Contains(a.header.Get("Cache-Status"), "fromcache; detail=busy")
		if !told && (a.status != http.StatusOK || strings.Contains(at, "unknown")) {
			t.Errorf("a HEAD is answered %d, %s", a.status, a.header)
		}
	}
}

// readSome makes five hits of an artifact, a part from byte 0, and two answers that are no hits.
func readSome(s *site, _ *testing.T) {
	s.put(someRead, 1000)
	at := s.at(someRead)
	atOnce(5, func() answer { return get(at) })
	ask(http.MethodGet, at, "Range", "bytes=100-200")
	ask(http.MethodHead, at)
	ask(http.MethodGet, at, "Range", "bytes=0-200")
}

const someRead = "https://vendor.example/some-read.run"

// counted holds that each GET is one hit, whether the edge had the bytes or not. It comes long after
// readSome, because hits are written every few seconds.
func counted(want string) func(*site, *testing.T) {
	return func(s *site, t *testing.T) {
		var got string
		hits := func() bool {
			files, _ := filepath.Glob(filepath.Join(s.data, "hits", "*some-read*"))
			if len(files) == 1 {
				b, _ := os.ReadFile(files[0])
				got = strings.TrimSpace(string(b))
			}
			return got == want
		}
		for end := time.Now().Add(patience); !hits(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%q hits are counted, not %s", got, want)
			}
		}
	}
}

// evicted holds that an evict is seen within two seconds.
func evicted(s *site, t *testing.T) {
	const url = "https://vendor.example/evicted.run"
	s.put(url, 1000)
	get(s.at(url))
	s.run("evict", url)
	time.Sleep(s.asksAfter)
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		for _, a := range atOnce(20, func() answer { return ask(method, s.at(url)) }) {
			if a.status != http.StatusNotFound {
				t.Errorf("two seconds after an evict a %s is answered %d", method, a.status)
			}
		}
	}
}

// killed holds that what is kept at the edge is served when the cache-host is dead, and nothing
// else is said to be held.
func killed(s *site, t *testing.T) {
	const url, asked = "https://vendor.example/kept.run", "https://vendor.example/asked.run"
	want := s.put(url, size)
	get(s.at(url))
	s.put(asked, 1000)
	if a := ask(http.MethodHead, s.at(asked)); a.status != http.StatusOK {
		t.Fatal(a.status)
	}
	s.host.signal(syscall.SIGKILL)
	time.Sleep(s.asksAfter)
	at, size := s.at(url), fmt.Sprint(size)
	for range 20 {
		if a := get(at); a.status != http.StatusOK || a.digest != want {
			t.Errorf("a GET is answered %d, %q", a.status, a.digest)
		}
		if a := ask(http.MethodHead, at); a.status != http.StatusOK || a.header.Get("Content-Length") != size {
			t.Errorf("a HEAD is answered %d, %s", a.status, a.header)
		}
	}
	for _, url := range []string{asked, "https://vendor.example/unknown.run"} {
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			if a := ask(method, s.at(url)); a.status < 500 {
				t.Errorf("%s of %s, which is not kept, is answered %d", method, url, a.status)
			}
		}
	}
}
