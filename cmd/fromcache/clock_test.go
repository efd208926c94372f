package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestClockSteps steps the wall clock of a running server by a day, while everything that looks at a clock is under way.
// The program is built anew for it, with a clock that can be stepped.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	program := steppedProgram(t)
	for name, by := range map[string]time.Duration{"back": -25 * time.Hour, "forward": 25 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock(t, program)
			c.begin()
			c.step(by)
			c.goOn(by)
			c.says("set " + name + " by 25h0m0s")
			c.must(c.end(syscall.SIGTERM))
			c.verb("fsck")
		})
	}
}

// stepFile is added to package time: time.Now adds to the wall clock, and to that alone, what a mapped file says.
const stepFile = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var stepped = func() *int64 {
	fd, err := syscall.Open(os("FROMCACHE_TEST_CLOCK"), syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	b, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&b[0]))
}()

func os(name string) string { v, _ := syscall.Getenv(name); return v }

func step() int64 { return atomic.LoadInt64(stepped) }
`

func steppedProgram(t *testing.T) string {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, src := t.TempDir(), filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	now, err := os.ReadFile(filepath.Join(src, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const call = "sec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(now), call) != 1 {
		t.Fatal("time.Now is written in another way: mend the test")
	}
	files := map[string]string{
		"time.go": strings.Replace(string(now), call, call+"\tsec += step()\n", 1),
		"step.go": stepFile,
	}
	replace := map[string]string{}
	for name, text := range files {
		replace[filepath.Join(src, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, _ := json.Marshal(map[string]any{"Replace": replace})
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", filepath.Join(dir, "fromcache"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "fromcache")
}

// clock is a server whose wall clock the test steps.
type clock struct {
	*process
	origin *httptest.Server
	well   atomic.Bool   // the origin is
	drip   chan struct{} // closed: the slow download may end
	client *http.Client
	events atomic.Int64 // bytes of the stream of changes
	slow   io.ReadCloser
	gone   string // a blob that gc has taken out
	orphan string
}

const bigSize = 32 << 20

func newClock(t *testing.T, program string) *clock {
	c := &clock{process: newProcess(t, program, "FROMCACHE_ADMIN_PASSWORD=open sesame"), drip: make(chan struct{})}
	c.env = append(c.env, "FROMCACHE_TEST_CLOCK="+filepath.Join(c.dir, "clock"))
	c.step(0)
	c.origin = httptest.NewServer(http.HandlerFunc(c.answer))
	t.Cleanup(c.origin.Close)
	jar, _ := cookiejar.New(nil)
	c.client = fresh(jar)
	c.start()
	return c
}

// step sets how far the wall clock is off.
func (c *clock) step(by time.Duration) {
	f, err := os.OpenFile(filepath.Join(c.dir, "clock"), os.O_RDWR|os.O_CREATE, 0o600)
	c.must(err)
	defer f.Close()
	_, err = f.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(int64(by/time.Second))), 0)
	c.must(err)
}

func (c *clock) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v"`)
	switch r.URL.Path {
	case "/big.bin":
		w.Write(make([]byte, bigSize))
	case "/later.bin":
		if !c.well.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "at last")
	case "/drip.bin":
		const size = 100
		w.Header().Set("Content-Length", fmt.Sprint(size))
		for n := range size {
			w.Write([]byte("a"))
			w.(http.Flusher).Flush()
			select {
			case <-c.drip:
				w.Write(make([]byte, size-n-1))
				return
			case <-time.After(20 * time.Second): // one that says nothing for a minute is cut
			case <-r.Context().Done():
				return
			}
		}
	default:
		fmt.Fprint(w, "the bytes of ", r.URL.Path)
	}
}

func (c *clock) get(path string) int {
	resp, err := c.client.Get(c.url + path)
	c.must(err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	c.must(err)
	return resp.StatusCode
}

func (c *clock) ask(name string) int {
	return c.get("/b/" + base64.RawURLEncoding.EncodeToString([]byte(c.origin.URL+name)))
}

func (c *clock) post(path string, form url.Values) int {
	resp, err := c.client.PostForm(c.url+path, form)
	c.must(err)
	resp.Body.Close()
	return resp.StatusCode
}

func (c *clock) verb(args ...string) string {
	out, err := c.program(args...).CombinedOutput()
	if err != nil {
		c.t.Errorf("fromcache %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (c *clock) lines(pattern, of string) int {
	found, _ := filepath.Glob(c.data(pattern))
	if len(found) != 1 {
		return 0
	}
	b, _ := os.ReadFile(found[0])
	return strings.Count(string(b), of)
}

func (c *clock) signIn() {
	if code := c.post("/ui/login", url.Values{"password": {"open sesame"}}); code != http.StatusSeeOther {
		c.t.Fatalf("no sign-in: %d", code)
	}
}

// begin has everything under way that looks at a clock.
func (c *clock) begin() {
	c.signIn()
	for _, name := range []string{"/held.bin", "/big.bin", "/gone.bin", "/drip.bin", "/later.bin"} {
		c.verb("add", c.origin.URL+name)
	}
	c.eventually("three are held, one waits, one runs", func() bool {
		return c.there("meta/*held.bin*") && c.there("meta/*big.bin*") && c.there("meta/*gone.bin*") && c.lines("queue/*later.bin*", " error ") == 1 && c.lines("active/*drip.bin*", " start ") == 1
	})
	c.well.Store(true)
	c.verb("evict", "*gone.bin*")
	c.verb("gc")
	if found, _ := filepath.Glob(c.data("tmp", "*.gone")); len(found) == 1 {
		c.gone = filepath.Base(found[0])
	} else {
		c.t.Fatal("gc took nothing out")
	}
	c.orphan = "127.0.0.1--orphan.bin--0123456789abcdef@0123456789abcdef.job"
	c.must(os.WriteFile(c.data("active", c.orphan), []byte(c.origin.URL+"/orphan.bin\n2026-11-22T21:31:00Z approve cli x\n2026-11-22T21:31:00Z claim another-host 4711\n"), 0o660))
	c.eventually("a miss is gathered", func() bool { // one that is young has a line for each asking
		before := c.noted()
		c.ask("/missed.bin")
		return before > 0 && c.noted() == before
	})
	resp, err := c.client.Get(c.url + "/b/" + base64.RawURLEncoding.EncodeToString([]byte(c.origin.URL+"/big.bin")))
	c.must(err)
	c.slow = resp.Body
	c.t.Cleanup(func() { c.slow.Close() })
	stream, err := c.client.Get(c.url + "/events")
	c.must(err)
	c.t.Cleanup(func() { stream.Body.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := stream.Body.Read(b)
			if c.events.Add(int64(n)); err != nil {
				return
			}
		}
	}()
}

func (c *clock) noted() int { return c.lines("misses/*missed.bin*", " miss ") }

// guesses tries so many wrong passwords, and says how many were looked at.
func (c *clock) guesses(n int) (looked int) {
	for range n {
		if c.post("/ui/login", url.Values{"password": {"guess"}}) == http.StatusUnauthorized {
			looked++
		}
	}
	return looked
}

// says: /healthz and the page name the step, until the clock is right again.
func (c *clock) says(what string) {
	said := func(path string) bool { return strings.Contains(c.text(path), what) }
	c.eventually("/healthz and the page say so", func() bool { return said("/healthz") && said("/misses") })
	c.step(0)
	c.eventually("and say no more of it", func() bool { return c.text("/healthz") == "ok\n" })
}

func (c *clock) text(path string) string {
	resp, err := c.client.Get(c.url + path)
	c.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	c.must(err)
	return string(b)
}

// goOn: after the step all of it goes on as if nothing had been.
func (c *clock) goOn(by time.Duration) {
	t, told, noted := c.t, c.events.Load(), c.noted()
	for range 5 {
		c.ask("/missed.bin")
	}
	if n := c.noted() - noted; n > 1 { // the minute itself may be over
		t.Errorf("%d lines of a miss that is gathered", n)
	}
	if c.get("/misses") != http.StatusOK || c.get("/healthz") != http.StatusOK || c.ask("/held.bin") != http.StatusOK || c.ask("/new.bin") != http.StatusNotFound {
		t.Error("the server does not answer as before")
	}
	c.verb("approve", "*new.bin*")
	c.eventually("what is approved now is fetched now", func() bool { return c.there("meta/*new.bin*") && c.there("done/*new.bin*") })
	c.eventually("the pages hear of it", func() bool { return c.events.Load() > told })
	c.limited(by)
	c.flushed()
	close(c.drip)
	c.eventually("the download that was under way is done", func() bool { return c.there("done/*drip.bin*") })
	if n := c.lines("done/*drip.bin*", " error "); n != 0 {
		t.Errorf("it was cut %d times", n)
	}
	if n, err := io.Copy(io.Discard, c.slow); n != bigSize || err != nil {
		t.Errorf("the answer that was under way has %d bytes: %v", n, err)
	}
	if !c.there("active/" + c.orphan) {
		t.Error("another host's job is an orphan by the wall clock")
	}
	c.must(os.Remove(c.data("active", c.orphan)))
	c.due()
	c.verb("gc")
	if gone := !c.there("tmp/" + c.gone); gone != (by > 0) {
		t.Errorf("what was taken out a moment ago is gone: %v", gone)
	}
	c.eventually("what happens today is counted today", func() bool { // a day may end before it is written
		c.ask("/held.bin")
		return c.there("stats/" + time.Now().Add(by).UTC().Format("2006-01-02"))
	})
	c.step(8 * 24 * time.Hour)
	if code := c.get("/misses"); code != http.StatusSeeOther {
		t.Errorf("a session of more than a week: %d", code)
	}
	c.step(by)
}

// limited: a step forward gives back no guesses.
func (c *clock) limited(by time.Duration) {
	began := time.Now()
	c.guesses(6)
	c.step(2 * by)
	looked := c.guesses(6)
	if most := int(time.Since(began)/(5*time.Second)) + 1; looked > most {
		c.t.Errorf("%d guesses were looked at after the step, and %d may be", looked, most)
	}
	c.step(by)
}

// flushed: hits reach the disk, twice.
func (c *clock) flushed() {
	for range 2 {
		before := c.hits()
		c.ask("/held.bin")
		c.eventually("hits are written", func() bool { return c.hits() > before })
	}
}

func (c *clock) hits() int {
	n := 0
	if found, _ := filepath.Glob(c.data("hits", "*held.bin*")); len(found) == 1 {
		b, _ := os.ReadFile(found[0])
		fmt.Sscan(string(b), &n)
	}
	return n
}

// due: what waits for a time that is past now, or was told in one that is to come, waits no more.
func (c *clock) due() {
	c.eventually("what waited is fetched", func() bool { return c.there("done/*later.bin*") })
}
