package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestSoak loads a server with everything at once, and compares what it holds afterwards with what a server holds that has
// done each thing once: descriptors, goroutines, memory.
func TestSoak(t *testing.T) {
	t.Parallel()
	long := 3 * time.Second
	if os.Getenv("FROMCACHE_LONG") != "" {
		long = 10 * time.Minute
	}
	s := newSoak(t)
	s.load(time.Second) // each thing once, and the heap as large as it gets
	s.still()
	files, memory := s.descriptors(), s.resident()
	half := s.halfway(long)
	for tries := 0; s.light() && tries < 30; tries++ { // on a machine that does much else
		s.load(time.Second)
	}
	s.still()
	s.eventually("no descriptor is left open", func() bool { return s.descriptors() <= files })
	now := s.resident()
	t.Logf("%v: %d requests, %d fetched, %d evicted; %d descriptors before and %d after; resident %d MiB before, %d half-way, %d after",
		long, s.requests.Load(), s.fetched.Load(), s.evicted.Load(), files, s.descriptors(), memory>>20, half>>20, now>>20)
	if long >= time.Minute && now > half+half/4+32<<20 {
		t.Errorf("resident memory grew from %d to %d MiB in the second half", half>>20, now>>20)
	}
	if s.light() {
		t.Error("that was no load")
	}
	if out := s.verb("fsck"); !strings.Contains(out, ": 0 problems") {
		t.Errorf("fsck: %s", out)
	}
	s.goroutines()
}

// soak is a server, an origin that is honest, slow, broken or lost by turns, and their load.
type soak struct {
	*process
	origin                     *httptest.Server
	jar                        http.CookieJar
	requests, fetched, evicted atomic.Int64
	n                          atomic.Int64 // of URLs
}

func newSoak(t *testing.T) *soak {
	s := &soak{process: newProcess(t, "", "FROMCACHE_ADMIN_PASSWORD=open sesame")}
	s.origin = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(func() { s.origin.CloseClientConnections(); s.origin.Close() })
	s.jar, _ = cookiejar.New(nil)
	s.start("--workers", "4", "--max-misses", "2000")
	if code := s.post("/ui/login", "password", "open sesame"); code != http.StatusSeeOther {
		t.Fatalf("no sign-in: %d", code)
	}
	return s
}

func (s *soak) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v"`)
	switch kind := r.URL.Path[1]; kind {
	case 'm': // moved
		http.Redirect(w, r, "/f"+r.URL.Path[2:], http.StatusFound)
	case 'g': // gone
		http.NotFound(w, r)
	case 'c': // cut
		w.Header().Set("Content-Length", "200000")
		w.Write(make([]byte, 100_000))
		panic(http.ErrAbortHandler)
	case 's': // slow
		w.Header().Set("Content-Length", "1000")
		for range 10 {
			w.Write(make([]byte, 100))
			w.(http.Flusher).Flush()
			select {
			case <-time.After(50 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	default:
		w.Write(make([]byte, 100_000))
	}
}

// load is everything at once, for a while.
func (s *soak) load(long time.Duration) {
	ctx, end := context.WithTimeout(context.Background(), long)
	defer end()
	var all sync.WaitGroup
	for _, what := range []func(context.Context){s.hit, s.hit, s.leave, s.miss, s.miss, s.operate, s.operate, s.look, s.stream, s.stream, s.guess, s.garbage} {
		all.Go(func() {
			for ctx.Err() == nil {
				what(ctx)
			}
		})
	}
	all.Wait()
}

// light: that was no load yet.
func (s *soak) light() bool {
	return s.requests.Load() < 100 || s.fetched.Load() < 3 || s.evicted.Load() < 3
}

// halfway loads, and returns the resident memory in the middle.
func (s *soak) halfway(long time.Duration) int64 {
	s.load(long / 2)
	half := s.resident()
	s.load(long - long/2)
	return half
}

func (s *soak) do(ctx context.Context, method, path string, form url.Values) (int, string) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(form.Encode()))
	s.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := fresh(s.jar).Do(r)
	s.requests.Add(1)
	if err != nil {
		return 0, "" // the time is over
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func (s *soak) post(path string, kv ...string) int {
	form := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		form.Add(kv[i], kv[i+1])
	}
	code, _ := s.do(context.Background(), http.MethodPost, path, form)
	return code
}

func (s *soak) verb(args ...string) string {
	out, err := s.program(args...).CombinedOutput()
	if err != nil {
		s.t.Errorf("fromcache %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *soak) address(path string) string {
	return "/b/" + base64.RawURLEncoding.EncodeToString([]byte(s.origin.URL+path))
}

// path is a new URL of one of the origin's kinds.
func (s *soak) path() string { return fmt.Sprintf("/%c%d.bin", "ffffmgcs"[rand.IntN(8)], s.n.Add(1)) }

func (s *soak) any(dir string) string {
	list, _ := os.ReadDir(s.data(dir))
	if len(list) == 0 {
		return ""
	}
	return list[rand.IntN(len(list))].Name()
}

func (s *soak) hit(ctx context.Context) {
	s.do(ctx, http.MethodGet, s.address(fmt.Sprintf("/f%d.bin", rand.IntN(int(s.n.Load())+1))), nil)
}

// leave takes a part of an answer, and goes.
func (s *soak) leave(ctx context.Context) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", s.address("/f1.bin"))
	if rand.IntN(2) == 0 {
		fmt.Fprint(c, "\r\n")
		io.ReadFull(c, make([]byte, rand.IntN(5000)))
	}
	s.requests.Add(1)
}

func (s *soak) miss(ctx context.Context) { s.do(ctx, http.MethodGet, s.address(s.path()), nil) }

// operate does what an operator does: approve, add, cancel, retry, evict, ask, clear.
func (s *soak) operate(context.Context) {
	switch rand.IntN(8) {
	case 0, 1, 2:
		s.post("/admin/approve", "key", s.any("misses"))
	case 3:
		s.post("/admin/fetch", "url", s.origin.URL+s.path())
	case 4:
		s.post("/admin/cancel", "id", s.any("active"))
		s.post("/admin/retry", "id", s.any("failed"))
	case 5:
		if s.post("/admin/evict", "key", strings.TrimSuffix(s.any("meta"), ".json")) == http.StatusSeeOther {
			s.evicted.Add(1)
		}
	case 6:
		s.post("/admin/ask", "key", s.any("misses"))
	case 7:
		s.fetched.Add(int64(s.count("done")))
		s.post("/admin/clear")
	}
}

func (s *soak) count(dir string) int {
	list, _ := os.ReadDir(s.data(dir))
	return len(list)
}

func (s *soak) look(ctx context.Context) {
	for _, path := range []string{"/", "/misses", "/downloads", "/artifacts", "/stats", "/healthz", "/artifacts/" + strings.TrimSuffix(s.any("meta"), ".json")} {
		if code, _ := s.do(ctx, http.MethodGet, path, nil); code >= 500 {
			s.t.Errorf("%s: %d", path, code)
		}
	}
}

// stream opens a page's stream, and leaves it.
func (s *soak) stream(ctx context.Context) {
	ctx, leave := context.WithTimeout(ctx, time.Duration(rand.IntN(300))*time.Millisecond)
	defer leave()
	s.do(ctx, http.MethodGet, "/events", nil)
}

func (s *soak) guess(ctx context.Context) {
	s.do(ctx, http.MethodPost, "/ui/login", url.Values{"password": {"guess"}})
	time.Sleep(100 * time.Millisecond)
}

// garbage is what nobody means: half requests, junk in the tree.
func (s *soak) garbage(ctx context.Context) {
	if c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		fmt.Fprint(c, "GET / HTT")
		c.Close()
	}
	os.WriteFile(s.data("queue", fmt.Sprintf("junk%d.job", rand.IntN(20))), []byte("junk\n"), 0o660) //nolint:errcheck // it may be in the way
	time.Sleep(50 * time.Millisecond)
}

// still waits until no job runs and none is due.
func (s *soak) still() {
	s.eventually("nothing runs", func() bool {
		for _, line := range strings.Split(s.verb("ls", "queue", "--json"), "\n") {
			if strings.Contains(line, `"state"`) && !strings.Contains(line, `"due"`) {
				return false
			}
		}
		return s.count("active") == 0
	})
}

func (s *soak) proc(name string) string {
	return filepath.Join("/proc", fmt.Sprint(s.cmd.Process.Pid), name)
}

func (s *soak) descriptors() int {
	list, err := os.ReadDir(s.proc("fd"))
	s.must(err)
	return len(list)
}

func (s *soak) resident() int64 {
	b, err := os.ReadFile(s.proc("status"))
	s.must(err)
	var kb int64
	if m := regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(b); m != nil {
		fmt.Sscan(string(m[1]), &kb)
	}
	return kb << 10
}

// goroutines ends the server by SIGQUIT, at which Go prints each one: what is left is what a server begins with, and no
// connection's.
func (s *soak) goroutines() {
	_ = s.end(syscall.SIGQUIT) // the exit status of that is 2
	_, dump, _ := strings.Cut(s.log(), "SIGQUIT")
	n := strings.Count(dump, "\ngoroutine ")
	s.t.Logf("%d goroutines", n)
	if n < 5 || n > 40 || strings.Contains(dump, "net/http.(*conn).serve") || strings.Contains(dump, "fromcache/httpd/answer.HungUp") {
		s.t.Errorf("%d goroutines are left:\n%s", n, dump)
	}
}
