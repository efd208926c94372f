package shim_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const vendorURL = "https://vendor.example/held/tool.run"

// A fake tool prints its own name, its arguments and, of its environment, what the shim may touch.
const fakeTool = `#!/bin/sh
printf '%s|' "${0##*/}" "$@"
printf 'no_proxy=%s NO_PROXY=%s\n' "$no_proxy" "$NO_PROXY"
`

// fake makes a directory with fake tools of the given names.
func fake(t testing.TB, names ...string) string {
	dir := t.TempDir()
	for _, n := range names {
		if err := os.WriteFile(dir+"/"+n, []byte(fakeTool), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// cacheOf starts a cache with a handler that also counts its requests.
func cacheOf(t testing.TB, h http.HandlerFunc) (url string, asked *atomic.Int32) {
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// aDigest is what a cache of a test says of the version that it holds.
var aDigest = strings.Repeat("0a", 32)

func holds(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Fromcache-Sha256", aDigest)
	w.Header().Set("Accept-Ranges", "bytes")
}

// shimRun runs a command with the shim first on PATH, fake tools behind it, and nothing else of the
// machine's but sh.
func shimRun(t testing.TB, command string, env ...string) result {
	return run(t, command, append([]string{"PATH=" + tools + ":" + fake(t, "curl", "wget") + ":/usr/bin:/bin",
		"HOME=/nonexistent", "TMPDIR=" + t.TempDir()}, env...)) // of two of a name the last one counts
}

// rawCache listens and gives each connection to serve, once something was read from it.
func rawCache(t testing.TB, serve func(net.Conn)) (addr string, asked *atomic.Int32) {
	return listening(t, func(c net.Conn) {
		c.Read(make([]byte, 4096))
		serve(c)
	})
}

// listening listens and gives each connection to serve, and counts them.
func listening(t testing.TB, serve func(net.Conn)) (addr string, accepted *atomic.Int32) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepted = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String(), accepted
}

// hang says nothing for as long as the client waits.
func hang(c net.Conn) { io.Copy(io.Discard, c) }

// inTime writes an answer at once, or later than the shim waits without Go's poller, or in pieces up
// to then and beyond it.
func inTime(c net.Conn, answer, when string) {
	pieces := 1
	switch when {
	case "late":
		time.Sleep(60 * time.Millisecond)
	case "in pieces":
		pieces = 8
	}
	for i := range pieces {
		c.Write([]byte(answer[len(answer)*i/pieces : len(answer)*(i+1)/pieces]))
		if i < pieces-1 {
			time.Sleep(7 * time.Millisecond)
		}
	}
}

// TestAnswers holds what a cache may say, and that nothing but a whole answer of 200 is a hit,
// whenever it comes. Each is waited for over the connection on which it was asked for.
func TestAnswers(t *testing.T) {
	proof := "X-Fromcache-Sha256: " + aDigest + "\r\n"
	for i, c := range []struct {
		answer string
		hit    bool
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + proof + "\r\n", true},
		{"HTTP/1.0 200 OK\r\n" + proof + "\r\n", true},
		{"HTTP/1.1 200\r\n" + proof + "\r\n", true},
		{"HTTP/1.1 200 OK\nx-fromcache-sha256:" + strings.ToUpper(aDigest) + "\n\n", true},
		{"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n" + proof + "\r\n", true},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nX-Fromcache-Sha256: " + aDigest[1:] + "\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nX-Fromcache-Sha256: " + aDigest + "0\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nX-Fromcache-Sha256: g" + aDigest[1:] + "\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nX-Fromcache-Sha256:\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nCache-Status: fromcache; hit\r\n\r\n", false},
		{"HTTP/1.1 404 Not Found\r\n\r\n", false},
		{"HTTP/1.1 404 Not Found\r\n" + proof + "\r\n", false},
		{"HTTP/1.1 204 No Content\r\n" + proof + "\r\n", false},
		{"HTTP/1.1 206 Partial Content\r\n" + proof + "\r\n", false},
		{"HTTP/1.1 301 Moved\r\n" + proof + "Location: http://127.0.0.1/\r\n\r\n", false},
		{"HTTP/1.1 302 Found\r\n" + proof + "Location: /login\r\n\r\n", false},
		{"HTTP/1.1 401 Unauthorized\r\n\r\n", false},
		{"HTTP/1.1 500 Oops\r\n\r\n", false},
		{"HTTP/1.1 503 Busy\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nContent-Le", false},
		{"HTTP/1.1 200 OK\r\n" + proof, false},
		{"HTTP/1.1 20", false},
		{"", false},
		{"\r\n\r\n", false},
		{"200 OK\r\n\r\n", false},
		{"HTTP/1.1 2000 OK\r\n\r\n", false},
		{"HTTP/1.1 -200 OK\r\n\r\n", false},
		{"HTTP/1.1\r\n\r\n", false},
		{"SSH-2.0-OpenSSH_9.2p1\r\n", false},
		{"<html>200 OK</html>\r\n\r\n", false},
		{"\x00\xff\x15\x03\x01\x00\x02\x02\x16" + strings.Repeat("\x00", 500), false},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20000) + "\r\n", false},
		{strings.Repeat("A", 1<<20), false},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for when, tool := range map[string]string{"at once": "curl", "late": "wget", "in pieces": "curl"} {
				addr, asked := rawCache(t, func(conn net.Conn) { inTime(conn, c.answer, when) })
				r := shimRun(t, tool+" -q "+vendorURL, "FROMCACHE_SERVER="+addr)
				if hit := strings.Contains(r.stdout, addr+"/b/"); hit != c.hit || r.stderr != "" || r.status != 0 {
					t.Errorf("%s, %s: %.60q: hit %v, stderr %q, status %d", tool, when, c.answer, hit, r.stderr, r.status)
				}
				if n := asked.Load(); n != 1 {
					t.Errorf("%s: %.60q: asked %d times", when, c.answer, n)
				}
			}
		})
	}
}

// TestStranger holds that a web server that answers 200 to all is to the shim a cache that is down:
// the origin's bytes come, and for half a minute it is not asked again.
func TestStranger(t *testing.T) {
	w := newWorld(t)
	stranger, asked := cacheOf(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<!DOCTYPE html><h1>It works!</h1>") })
	home := t.TempDir()
	for i, command := range []string{"curl -fsSO {{o}}/a.run", "wget -q {{o}}/a.run", "curl -4sS {{o}}/a.run"} {
		r := run(t, strings.ReplaceAll(command, "{{o}}", w.origin.URL+"/x"), w.env(home, tools+":"+realPath(), "FROMCACHE_SERVER="+stranger))
		if got := r.files["/a.run"] + r.stdout; got != string(content("/a.run")) || r.status != 0 {
			t.Errorf("%s: status %d, %.80q", command, r.status, got)
		}
		if asked.Load() != 1 {
			t.Errorf("asked %d times by %d calls", asked.Load(), i+1)
		}
	}
}

// TestIPv6 runs commands for an address in brackets, which curl takes for no pattern.
func TestIPv6(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 on this machine: ", err)
	}
	s := &http.Server{Handler: w.origin.Config.Handler}
	go s.Serve(l)
	defer s.Close()
	for i, line := range []string{"hit curl -sSO {{o}}/a.run; ls", "hit curl -sS -o x {{o}}/a.run", "hit wget -q {{o}}/a.run; ls", "hit curl -sSg {{o}}/a.run",
		"pass curl -sS {{o}}/{a,b}.run", "pass curl -sS {{o}}/[1-2].run"} {
		want, command, _ := strings.Cut(line, " ")
		w.compare(t, fmt.Sprintf("six%d", i), want, strings.ReplaceAll(command, "{{o}}", "'http://"+l.Addr().String()+fmt.Sprintf("/six%d'", i)))
	}
}

// TestDecidingFields holds Accept-Ranges and X-Fromcache-Redirected.
func TestDecidingFields(t *testing.T) {
	saying := func(name, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Fromcache-Sha256", aDigest)
			w.Header().Set(name, value)
		}
	}
	ranges, none, plain := saying("Accept-Ranges", "bytes"), saying("Accept-Ranges", "none"), saying("X-Other", "x")
	moved := saying("X-Fromcache-Redirected", "1")
	for _, c := range []struct {
		command string
		cache   http.HandlerFunc
		hit     bool
	}{
		{"curl -C - -O", ranges, true}, {"curl -C - -O", none, false}, {"curl -C - -O", plain, false}, {"curl -O", plain, true},
		{"wget -c", ranges, true}, {"wget -c", plain, false}, {"wget", plain, true},
		{"curl", moved, false}, {"curl -L", moved, true}, {"curl --location", moved, true}, {"curl -L --no-location", moved, false},
		{"curl -L --max-redirs 0", moved, false}, {"curl -L --max-redirs 3", moved, false}, {"curl -L --max-redirs 10", moved, true},
		{"curl -L --max-redirs -1", moved, true}, {"curl -L --proto-redir =https", moved, true}, {"curl -L --proto-redir =http", moved, false}, {"curl -L --proto-redir -https --proto-redir +http", moved, false},
		{"wget", moved, true}, {"wget --max-redirect=3", moved, false}, {"wget --max-redirect=20", moved, true},
	} {
		url, asked := cacheOf(t, c.cache)
		r := shimRun(t, c.command+" "+vendorURL, "FROMCACHE_SERVER="+url)
		if hit := strings.Contains(r.stdout, url); hit != c.hit || asked.Load() != 1 {
			t.Errorf("%s: hit %v, asked %d", c.command, hit, asked.Load())
		}
	}
}

// TestRequest holds what a probe tells a cache: the method, the path, and nothing of the user's.
func TestRequest(t *testing.T) {
	var got string
	url, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.RequestURI + " " + r.Proto + fmt.Sprint(r.Header, r.Host)
	})
	shimRun(t, "curl -A secret -e secret -o secret https://vendor.example:443/a/../held/tool%20x.run?sig=a#f", "FROMCACHE_SERVER="+url+"/pre/")
	want := "HEAD /pre/b/aHR0cHM6Ly92ZW5kb3IuZXhhbXBsZS9oZWxkL3Rvb2wlMjB4LnJ1bj9zaWc9YQ/tool%20x.run HTTP/1.1map[Accept:[*/*]" +
		" User-Agent:[curl+fromcache-shim]]" + strings.TrimPrefix(url, "http://")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestSeveralServers holds that the first 200 wins, in whatever order, and that a dead or slow one
// does not matter for a hit.
func TestSeveralServers(t *testing.T) {
	held, _ := cacheOf(t, holds)
	missing, asked := cacheOf(t, http.NotFound)
	hanging, _ := rawCache(t, hang)
	late, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) { time.Sleep(300 * time.Millisecond); holds(w, r) })
	stranger, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {})
	for _, c := range []struct {
		list, hit string
	}{
		{missing + "," + held, held},
		{held + " " + missing, held},
		{"127.0.0.1:1 " + strings.TrimPrefix(held, "http://"), held},
		{hanging + ",," + held + ",", held},
		{"ftp://x.example " + held, held},
		{"http://user:pw@x.example\t" + held, held},
		{missing + " " + late, late},
		{stranger + " " + late, late},
		{stranger, ""},
		{missing, ""},
		{"127.0.0.1:1\n" + missing, ""},
		{missing + " " + hanging, ""},
	} {
		timeout := "1h" // a hit that waited for another cache would be waited for in vain
		if c.list == missing+" "+hanging {
			timeout = "0.3"
		}
		r := shimRun(t, "curl "+vendorURL, "FROMCACHE_SERVER="+c.list, "FROMCACHE_TIMEOUT="+timeout)
		if c.hit != "" && !strings.Contains(r.stdout, c.hit+"/b/") || c.hit == "" && !strings.Contains(r.stdout, vendorURL) {
			t.Errorf("%s: %s", c.list, r.stdout)
		}
	}
	if asked.Load() == 0 {
		t.Error("the first was never asked")
	}
}

// TestTimeouts holds that a cache that hangs or drips costs its time-out and no more, and what is
// settable.
func TestTimeouts(t *testing.T) {
	hanging, asked := rawCache(t, hang)
	dripping, _ := rawCache(t, func(c net.Conn) {
		for {
			if _, err := c.Write([]byte("H")); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	for _, c := range []struct {
		server, timeout string
		least           time.Duration
	}{
		{hanging, "", 1900 * time.Millisecond},
		{hanging, "0.3", 250 * time.Millisecond},
		{hanging, "300ms", 250 * time.Millisecond},
		{dripping, "0.5s", 450 * time.Millisecond},
	} {
		start := time.Now()
		r := shimRun(t, "curl "+vendorURL, "FROMCACHE_SERVER="+c.server, "FROMCACHE_TIMEOUT="+c.timeout)
		if took := time.Since(start); took < c.least || !strings.Contains(r.stdout, vendorURL) {
			t.Errorf("%s: %v, %s", c.timeout, took, r.stdout)
		}
	}
	if n := asked.Load(); n < 3 || n > 9 { // each call asks three times if it is not starved of time
		t.Errorf("asked %d times", asked.Load())
	}
}

// TestSilentCache holds that a cache that takes connections but says nothing to a whole call, though
// it is asked again, costs one call its time-out, and not every call; and that one which said
// anything to any URL of a call is asked by the next.
func TestSilentCache(t *testing.T) {
	t.Parallel()
	drip := func(c net.Conn) { c.Write([]byte("HTTP/1.1 ")); hang(c) }
	hanging, asked := rawCache(t, hang)
	dripping, dripped := rawCache(t, drip)
	partly, part := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/silent") {
			<-r.Context().Done()
		}
		http.NotFound(w, r)
	})
	for _, c := range []struct {
		server, args string
		asked        *atomic.Int32
		once         bool
	}{
		{hanging, vendorURL, asked, true},
		{hanging, vendorURL + " " + vendorURL + "2", asked, true},
		{hanging, "-4 " + vendorURL, asked, true},
		{dripping, vendorURL, dripped, false},
		{partly, vendorURL + " https://vendor.example/silent", part, false},
	} {
		scratch, first := t.TempDir(), int32(0)
		c.asked.Store(0)
		for i := range 3 {
			r := shimRun(t, "curl "+c.args, "FROMCACHE_SERVER="+c.server, "FROMCACHE_TIMEOUT=3", "TMPDIR="+scratch)
			if !strings.Contains(r.stdout, vendorURL) || strings.Contains(r.stdout, "/b/") {
				t.Errorf("%s, call %d: %s", c.args, i, r.stdout)
			}
			if i == 0 {
				first = c.asked.Load()
			}
			freshen(t, scratch)
		}
		if n := c.asked.Load(); first < 2 || c.once != (n == first) {
			t.Errorf("%s: asked %d times by the first of three calls, %d by all", c.args, first, n)
		}
	}
}

// TestSilentTLSCache holds the same for a cache that the real tool asks.
func TestSilentTLSCache(t *testing.T) {
	t.Parallel()
	log, scratch, first := t.TempDir()+"/log", t.TempDir(), 0
	for _, tool := range []string{"curl", "wget"} {
		dir := place(t, tool, script("#!/bin/sh\ncase \"$*\" in *+fromcache-shim*) echo >>"+log+"; exec sleep 60;; esac\necho \"$@\"\n"))
		for i := range 3 {
			run(t, tool+" -q "+vendorURL, []string{"PATH=" + tools + ":" + dir + ":/usr/bin:/bin", "TMPDIR=" + scratch, "FROMCACHE_SERVER=https://" + tool + ".example",
				"FROMCACHE_TIMEOUT=3", "HOME=/nonexistent"})
			if data, _ := os.ReadFile(log); i == 0 {
				first = len(data)
			} else if len(data) != first {
				t.Errorf("asked %d times by the first call, %d by %d", first, len(data), i+1)
			}
			freshen(t, scratch)
		}
	}
}

// TestStamp holds that a cache that was down is asked again only after thirty seconds, and whose
// stamps are believed.
func TestStamp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	runtime := t.TempDir()
	os.Chmod(runtime, 0o700)
	env := []string{"FROMCACHE_SERVER=" + addr, "FROMCACHE_VERBOSE=1", "XDG_RUNTIME_DIR=" + runtime}
	hit := func() bool { return strings.Contains(shimRun(t, "curl "+vendorURL, env...).stdout, addr) }
	hit()
	stamps, _ := filepath.Glob(runtime + "/*")
	if len(stamps) != 1 {
		t.Fatalf("stamps %v", stamps)
	}
	l, err = net.Listen("tcp", addr)
	if err != nil {
		t.Skip(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(holds)}}
	s.Start()
	defer s.Close()
	if hit() {
		t.Error("asked a cache that was down a moment ago")
	}
	age := func(d time.Duration) { os.Chtimes(stamps[0], time.Now().Add(-d), time.Now().Add(-d)) }
	if age(15 * time.Second); hit() {
		t.Error("asked after 15 s")
	}
	if age(31 * time.Second); !hit() {
		t.Error("not asked after 31 s")
	}
	if age(-time.Hour); !hit() {
		t.Error("a stamp from the future was believed")
	}
	age(0)
	if os.Chmod(runtime, 0o777); !hit() {
		t.Error("believed a stamp where anyone may write")
	}
}

// TestStampPlaces holds where a stamp goes: not into a directory of somebody else's or through a
// link.
func TestStampPlaces(t *testing.T) {
	t.Parallel()
	dead := "FROMCACHE_SERVER=127.0.0.1:1"
	tmp := t.TempDir()
	own := fmt.Sprintf("%s/fromcache-%d", tmp, os.Geteuid())
	shimRun(t, "curl "+vendorURL, dead, "TMPDIR="+tmp)
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
	for what, prepare := range map[string]func(tmp, own string){
		"a link":       func(tmp, own string) { os.Mkdir(tmp+"/else", 0o700); os.Symlink(tmp+"/else", own) },
		"a file":       func(tmp, own string) { os.WriteFile(own, nil, 0o600) },
		"open for all": func(tmp, own string) { os.Mkdir(own, 0o700); os.Chmod(own, 0o777) },
	} {
		tmp := t.TempDir()
		own := fmt.Sprintf("%s/fromcache-%d", tmp, os.Geteuid())
		prepare(tmp, own)
		r := shimRun(t, "curl "+vendorURL, dead, "TMPDIR="+tmp)
		found := 0
		filepath.Walk(tmp, func(p string, info os.FileInfo, err error) error {
			if strings.Contains(p, "fromcache-down") {
				found++
			}
			return nil
		})
		if found != 0 || !strings.Contains(r.stdout, vendorURL) || r.stderr != "" {
			t.Errorf("%s: %d stamps, %q %q", what, found, r.stdout, r.stderr)
		}
	}
}
