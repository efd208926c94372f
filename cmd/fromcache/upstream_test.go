package main

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// line is the way to an upstream: it notes what is asked, and does to the answers what a test says.
type line struct {
	*httptest.Server
	mu     sync.Mutex
	to     string
	asked  []string
	bytes  int64 // of bodies
	delay  time.Duration
	answer func(w http.ResponseWriter, r *http.Request, from *http.Response) // nil: as it comes
}

func newLine(t *testing.T, to string) *line {
	l := &line{to: to}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.asked = append(l.asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	to, answer, delay := l.to, l.answer, l.delay
	l.mu.Unlock()
	if r.Method == http.MethodGet {
		time.Sleep(delay)
	}
	target, _ := url.Parse(to + r.URL.RequestURI())
	out := &http.Request{Method: r.Method, URL: target, Header: r.Header.Clone()}
	from, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(out.WithContext(r.Context()))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer from.Body.Close()
	for k, v := range from.Header {
		w.Header()[k] = v
	}
	if answer != nil {
		answer(w, r, from)
		return
	}
	w.WriteHeader(from.StatusCode)
	n, err := io.Copy(w, from.Body)
	l.mu.Lock()
	if from.StatusCode < 300 && r.Method == http.MethodGet {
		l.bytes += n
	}
	l.mu.Unlock()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// sent is the number of bytes of artifacts that came through.
func (l *line) sent() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

func (l *line) set(answer func(http.ResponseWriter, *http.Request, *http.Response)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = answer
}

func (l *line) requests() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.asked, "\n")
}

// vendor is an origin with one file; it counts the GETs.
func vendor(t *testing.T, size int) (*origin, string, []byte) {
	t.Helper()
	dir := t.TempDir()
	content := []byte(strings.Repeat("fromcache ", size/10))
	if err := os.WriteFile(filepath.Join(dir, "tool.bin"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	o := newOrigin(dir)
	t.Cleanup(o.close)
	return o, o.server.URL + "/tool.bin", content
}

func (o *origin) requests() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.log)
}

// A top that was killed in the middle of a transfer and came back is asked for the rest, by digest.
func TestUpstreamKilledInATransfer(t *testing.T) {
	o, file, content := vendor(t, 8<<20)
	top, site := newProcess(t, ""), newProcess(t, "")
	top.start()
	port := top.url[strings.LastIndexByte(top.url, ':')+1:]
	top.fetch(file)
	l := newLine(t, top.url)
	half := make(chan bool)
	var once sync.Once
	l.set(func(w http.ResponseWriter, r *http.Request, from *http.Response) {
		w.WriteHeader(from.StatusCode)
		if from.ContentLength <= 4<<20 || r.Method != http.MethodGet {
			io.Copy(w, from.Body) //nolint:errcheck // it may have been killed
			return
		}
		io.CopyN(w, from.Body, 4<<20) //nolint:errcheck // as above
		w.(http.Flusher).Flush()
		once.Do(func() { close(half) })
		<-r.Context().Done()
	})
	site.start("--upstream", l.URL)
	site.run("add", file)
	<-half
	site.eventually("half of it is here", func() bool {
		parts, _ := filepath.Glob(site.data("tmp", "*.part"))
		if len(parts) == 0 {
			return false
		}
		part, err := os.Stat(parts[0])
		return err == nil && part.Size() >= 3<<20
	})
	top.end(syscall.SIGKILL) //nolint:errcheck // it was killed
	l.set(nil)
	l.CloseClientConnections()
	site.saysIn("queue/*tool*", "error upstream "+l.URL)
	top.start("--port", port)
	site.fetched(file)
	if got := site.text("blobs/*"); got != string(content) {
		t.Errorf("%d bytes that are not the origin's", len(got))
	}
	if n := o.requests(); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
	if s := site.text("done/*tool*"); !strings.Contains(s, " from ") {
		t.Errorf("it began anew:\n%s", s)
	}
	if s := l.requests(); !strings.Contains(s, "bytes=") || !strings.Contains(s, ".") {
		t.Errorf("the rest was not asked for by digest:\n%s", s)
	}
}

// Bytes that have not the digest that the upstream says are never held: the origin is asked.
func TestUpstreamThatLies(t *testing.T) {
	o, file, content := vendor(t, 100_000)
	top, site := newProcess(t, ""), newProcess(t, "")
	top.start()
	top.fetch(file)
	l := newLine(t, top.url)
	l.set(func(w http.ResponseWriter, r *http.Request, from *http.Response) {
		w.Header().Del("Repr-Digest") // it alone would give the lie away
		w.WriteHeader(from.StatusCode)
		b, _ := io.ReadAll(from.Body)
		if len(b) > 1000 {
			b[500] ^= 1
		}
		w.Write(b) //nolint:errcheck // the client may have gone
	})
	site.start("--upstream", l.URL)
	site.fetch(file)
	if site.text("blobs/*") != string(content) || o.requests() != 2 {
		t.Errorf("not what the origin has, after %d requests", o.requests())
	}
	site.saysIn("meta/*", "it sent bytes with the SHA-256")
}

// No redirect of an upstream is followed, and credentials go nowhere else.
func TestUpstreamThatRedirects(t *testing.T) {
	o, file, _ := vendor(t, 10_000)
	site := newProcess(t, "")
	elsewhere := newLine(t, "http://127.0.0.1:1")
	l := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/b/x", http.StatusFound))
	t.Cleanup(l.Close)
	site.start("--upstream", l.URL)
	site.fetch(file)
	if o.requests() != 1 || elsewhere.requests() != "" {
		t.Errorf("%d requests at the origin, elsewhere %q", o.requests(), elsewhere.requests())
	}
	site.saysIn("meta/*", "it redirects (302 Found), which is not followed")
}

// A server that is its own upstream hears 508, and says what is wrong.
func TestUpstreamOfItself(t *testing.T) {
	_, file, _ := vendor(t, 10_000)
	p := newRing(t, 1)[0]
	p.fetch(file)
	p.saysIn("meta/*", "a loop (508)")
	if p.there("misses/*") {
		t.Error("its own question is a miss")
	}
}

// head asks as a shim does, and returns the status.
func head(t *testing.T, server, origin string) int {
	t.Helper()
	answer, err := fresh(nil).Head(server + "/blob?url=" + url.QueryEscape(origin))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// What a client of a leaf asks for is a wish at the top; approved there, it comes down by itself.
// What is denied on the way does not.
func TestFollow(t *testing.T) {
	o, file, _ := vendor(t, 100_000)
	top, mid, leaf := newProcess(t, ""), newProcess(t, ""), newProcess(t, "")
	top.start()
	mid.start("--upstream", top.url, "--follow", "--upstream-only")
	leaf.start("--upstream", mid.url, "--follow", "--upstream-only")
	began := time.Now()
	for range 20 {
		head(t, leaf.url, file)
	}
	top.eventually("the wish is seen", func() bool { return top.there("misses/*tool*") })
	seen := time.Since(began)
	if s := top.text("misses/*"); strings.Count(s, "miss") != 1 || !strings.Contains(s, "+fromcache-site") {
		t.Errorf("not one wish of a site:\n%s", s)
	}
	began = time.Now()
	top.run("approve", "*tool*")
	leaf.eventually("a hit", func() bool { return head(t, leaf.url, file) == http.StatusOK })
	t.Logf("the wish was seen after %v, the hit after %v", seen, time.Since(began))
	leaf.saysIn("done/*tool*", "approve upstream "+strings.TrimPrefix(mid.url, "http://"))
	if n := o.requests(); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
	if s := leaf.run("why", file); !strings.Contains(s, "fromcache "+mid.url) || !strings.Contains(s, "fromcache "+top.url) || !strings.Contains(s, "approved there") {
		t.Errorf("why does not tell the way:\n%s", s)
	}
	other := o.server.URL + "/other.bin"
	if err := os.WriteFile(filepath.Join(o.dir, "other.bin"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	head(t, leaf.url, other)
	leaf.run("deny", "*other*")
	top.fetch(other)
	mid.fetch(other)
	if head(t, leaf.url, other) != http.StatusNotFound {
		t.Error("what is denied here is held")
	}
	time.Sleep(2 * time.Second) // a follower would have approved it by now
	if leaf.there("queue/*other*") || leaf.there("done/*other*") {
		t.Error("what is denied here was fetched, because it is held above")
	}
}

// tiers is a tree of servers below one origin: a top, sites that follow it, and leaves that follow
// those.
type tiers struct {
	top    *process
	toTop  *line
	sites  []*process
	leaves []*process
}

func newTiers(t *testing.T, sites, leaves int) *tiers {
	s := &tiers{top: newProcess(t, "")}
	s.top.start()
	s.toTop = newLine(t, s.top.url)
	for range sites {
		site := newProcess(t, "")
		site.start("--upstream", s.toTop.URL, "--follow", "--upstream-only", "--workers", "4")
		s.sites = append(s.sites, site)
		for range leaves {
			leaf := newProcess(t, "")
			leaf.start("--upstream", site.url, "--follow", "--upstream-only", "--workers", "4")
			s.leaves = append(s.leaves, leaf)
		}
	}
	return s
}

// Seven servers in three tiers ask the origin once for each artifact, and the top for each twice,
// although it is killed meanwhile.
func TestThreeTiers(t *testing.T) {
	if testing.Short() {
		t.Skip("seven servers")
	}
	const n, size = 40, 256 << 10
	o, _, _ := vendor(t, 10)
	var files []string
	for i := range n {
		name := fmt.Sprintf("file%d.bin", i)
		if err := os.WriteFile(filepath.Join(o.dir, name), []byte(strings.Repeat(fmt.Sprintf("%07d\n", i), size/8)), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, o.server.URL+"/"+name)
	}
	s := newTiers(t, 2, 2)
	port := s.top.url[strings.LastIndexByte(s.top.url, ':')+1:]
	for _, leaf := range s.leaves {
		for _, f := range files {
			head(t, leaf.url, f)
		}
	}
	done := func(p *process) int {
		found, _ := filepath.Glob(p.data("meta/*.json"))
		return len(found)
	}
	s.top.eventually("all wishes are seen", func() bool {
		found, _ := filepath.Glob(s.top.data("misses/*"))
		return len(found) == n
	})
	s.toTop.mu.Lock()
	s.toTop.delay = 300 * time.Millisecond // so that the top is killed before all have come down
	s.toTop.mu.Unlock()
	s.top.run("approve", "*")
	s.top.eventually("the top holds all", func() bool { return done(s.top) == n })
	s.sites[0].eventually("some have come down", func() bool { return done(s.sites[0]) >= 5 })
	s.top.end(syscall.SIGKILL) //nolint:errcheck // it was killed
	s.top.start("--port", port)
	for _, p := range append(s.sites, s.leaves...) {
		p.eventually("all are held", func() bool { return done(p) == n })
	}
	if got := o.requests(); got != n {
		t.Errorf("the origin had %d requests for %d artifacts", got, n)
	}
	sent := float64(s.toTop.sent()) / (n * size)
	t.Logf("the top has sent %.2f times the bytes", sent)
	if sent < 2 || sent > 2.2 {
		t.Errorf("the top has sent %.2f times the bytes to two sites", sent)
	}
}

// A rule that requires a digest wants the origin's, over several tiers as well, and has the bytes
// checked by it. Where an upstream has none, or a wrong one, the origin is asked.
func TestUpstreamAndARequiredDigest(t *testing.T) {
	o, file, content := vendor(t, 100_000)
	sum := md5.Sum(content)
	announced := base64.StdEncoding.EncodeToString(sum[:])
	files := []string{file}
	for _, name := range []string{"/plain.bin", "/wrong.bin"} {
		if err := os.WriteFile(o.dir+name, content, 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, o.server.URL+name)
	}
	for _, path := range []string{"/tool.bin", "/wrong.bin"} {
		announces, err := parseRule([]string{"field=Content-Md5:" + announced})
		if err != nil {
			t.Fatal(err)
		}
		o.set(path, announces)
	}
	top, middle, site := newProcess(t, ""), newProcess(t, ""), newProcess(t, "")
	top.start()
	middle.start("--upstream", top.url)
	for _, p := range []*process{top, middle} {
		p.run(append([]string{"add"}, files...)...)
		p.eventually("all are held", func() bool {
			return p.there("done/*tool*") && p.there("done/*plain*") && p.there("done/*wrong*")
		})
	}
	l := newLine(t, middle.url)
	l.set(func(w http.ResponseWriter, r *http.Request, from *http.Response) {
		if strings.Contains(r.URL.Path, "wrong") {
			w.Header().Set("X-Fromcache-Origin-Digest", "md5=:"+base64.StdEncoding.EncodeToString(make([]byte, 16))+":")
		}
		w.WriteHeader(from.StatusCode)
		io.Copy(w, from.Body) //nolint:errcheck // the client may have gone
	})
	site.start("--upstream", l.URL)
	site.run("rules", "add", "127.0.0.1", "digest required")
	for _, f := range files {
		site.get(site.url + "/blob?url=" + url.QueryEscape(f))
	}
	site.eventually("each job has ended", func() bool {
		return site.there("done/*tool*") && site.there("failed/*plain*") && site.there("done/*wrong*")
	})
	site.saysIn("meta/*tool*", `"origin_digest": "md5=:`+announced+`:"`)
	site.saysIn("meta/*tool*", `"via": [`)
	site.saysIn("failed/*plain*", "requires a digest, and the origin names none")
	site.saysIn("meta/*wrong*", "the origin's X-Fromcache-Origin-Digest says md5 0000")
	if n := o.requests(); n != 3+2 {
		t.Errorf("the origin was asked %d times", n)
	}
}
