package shim_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted has a server count its connections.
func counted(s *httptest.Server) *atomic.Int32 {
	n := new(atomic.Int32)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			n.Add(1)
		}
	}
	return n
}

// TestOneConnection holds that a call makes one connection to a cache, beside those of the real
// tool, for all that it asks of it, over TLS too.
func TestOneConnection(t *testing.T) {
	held := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	v := &versioned{versions: [][]byte{held}}
	plain := httptest.NewUnstartedServer(v)
	secure := httptest.NewUnstartedServer(v)
	ca := newAuthority(t, nil)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{ca.sign(t, elliptic256(t), nil)}}
	counts := map[*httptest.Server]*atomic.Int32{plain: counted(plain), secure: counted(secure)}
	plain.Start()
	secure.StartTLS()
	defer plain.Close()
	defer secure.Close()
	for _, c := range []struct {
		command string
		least   int32 // connections with those of the tool
		more    int32 // where a busy machine does not let one question wait for the other
		asked   int
	}{
		{"curl -sSO https://v.example/a", 2, 0, 3},
		{"wget -q https://v.example/a", 2, 0, 3},
		{"head -c 200000 >a </dev/zero; curl -sS -C - -O https://v.example/a || true", 1, 0, 3},
		{"cp $HELD a; curl -sS -C - -O https://v.example/a", 2, 0, 5},
		{"cp $HELD a; wget -q -c https://v.example/a", 2, 0, 5},
		{"curl -sS --remote-name-all https://v.example/a https://v.example/b https://v.example/c https://v.example/d", 2, 3, 12},
	} {
		for s, count := range counts {
			dir := t.TempDir()
			os.WriteFile(dir+"/half", held[:200_000], 0o644)
			v.asked = nil
			count.Store(0)
			r := run(t, c.command, []string{"PATH=" + tools + ":" + realPath(), "HOME=" + dir, "TMPDIR=" + dir, "HELD=" + dir + "/half",
				"FROMCACHE_SERVER=" + s.URL, "FROMCACHE_CA_FILE=" + ca.file, "FROMCACHE_VERBOSE=1"})
			n := count.Load()
			if n < c.least || n > c.least+c.more || len(v.asked) != c.asked {
				t.Errorf("%s: %s: %d connections, asked %q\n%s", s.URL, c.command, n, v.asked, r.stderr)
			}
			if c.least > 1 && r.files["/a"] != string(held) {
				t.Errorf("%s: %s: %d bytes, %s", s.URL, c.command, len(r.files["/a"]), r.stderr)
			}
		}
	}
}

// TestLastRequestSaysSo holds which requests end the connection.
func TestLastRequestSaysSo(t *testing.T) {
	var mu sync.Mutex
	var said []string
	v := &versioned{versions: [][]byte{[]byte("version one")}}
	url, _ := cacheOf(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		said = append(said, r.Method+" "+r.Header.Get("Connection"))
		mu.Unlock()
		v.ServeHTTP(w, r)
	})
	for command, want := range map[string]string{
		"curl -O https://v.example/a":                       "[HEAD  HEAD close]",
		"echo version >a; curl -C - -O https://v.example/a": "[HEAD  HEAD  GET close]",
	} {
		said = nil
		if r := shimRun(t, command, "FROMCACHE_SERVER="+url); fmt.Sprint(said) != want {
			t.Errorf("%s: %v, want %s: %s", command, said, want, r.stdout)
		}
	}
}

// heldAnswer is what a cache-host says of what it holds.
var heldAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Fromcache-Sha256: " + aDigest + "\r\nCache-Status: fromcache; hit\r\n\r\n"

// answering is a server of a test's own: way gets each HEAD with its number on the connection, and
// reports whether to keep that.
func answering(t *testing.T, way func(c net.Conn, n int, answer string) bool) (addr string, accepted *atomic.Int32) {
	return listening(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for n := 0; ; n++ {
			r, err := http.ReadRequest(in)
			if err != nil || r.Method != "HEAD" || !way(c, n, heldAnswer) {
				return
			}
		}
	})
}

// TestKeptByOddServers holds that a connection which does not do for another request costs no hit
// of a certain version, and that nothing else is taken for the answer to it.
func TestKeptByOddServers(t *testing.T) {
	other := "HTTP/1.1 404 Not Found\r\nCache-Status: fromcache; fwd=uri-miss\r\nContent-Length: 0\r\n\r\n"
	for name, c := range map[string]struct {
		way         func(c net.Conn, n int, answer string) bool
		connections int32
	}{
		"keeps it": {func(c net.Conn, n int, answer string) bool { io.WriteString(c, answer); return true }, 1},
		"ends it":  {func(c net.Conn, n int, answer string) bool { io.WriteString(c, answer); return false }, 2},
		"ends it at the next": {func(c net.Conn, n int, answer string) bool {
			if n == 0 {
				io.WriteString(c, answer)
			}
			return n == 0
		}, 2},
		"breaks it at the next": {func(c net.Conn, n int, answer string) bool {
			if n == 0 {
				io.WriteString(c, answer)
			} else {
				c.(*net.TCPConn).SetLinger(0)
			}
			return n == 0
		}, 2},
		"says close, and keeps it": {func(c net.Conn, n int, answer string) bool {
			if n > 0 {
				answer = other
			}
			io.WriteString(c, strings.Replace(answer, "\r\n", "\r\nConnection: Close\r\n", 1))
			return true
		}, 2},
		"is of HTTP/1.0": {func(c net.Conn, n int, answer string) bool {
			if n > 0 {
				answer = other
			}
			io.WriteString(c, strings.Replace(answer, "HTTP/1.1", "HTTP/1.0", 1))
			return true
		}, 2},
		"sends a body to HEAD": {func(c net.Conn, n int, answer string) bool { io.WriteString(c, answer+other); return true }, 2},
		"sends a body to HEAD a moment later": {func(c net.Conn, n int, answer string) bool {
			io.WriteString(c, answer)
			time.Sleep(time.Millisecond)
			io.WriteString(c, "hello")
			return true
		}, 2},
		"sends chunks to HEAD": {func(c net.Conn, n int, answer string) bool {
			io.WriteString(c, strings.Replace(answer, "Content-Length: 5", "Transfer-Encoding: chunked", 1)+"0\r\n\r\n")
			return true
		}, 2},
		"says nothing to the next": {func(c net.Conn, n int, answer string) bool {
			if n == 0 {
				io.WriteString(c, answer)
			}
			return true
		}, 2},
		"cuts the next answer": {func(c net.Conn, n int, answer string) bool {
			if n == 1 {
				answer = answer[:len(answer)-30]
			}
			io.WriteString(c, answer)
			return n == 0
		}, 2},
		"answers the next with what is no HTTP": {func(c net.Conn, n int, answer string) bool {
			if n == 1 {
				answer = "\x00\x01\r\n\r\n"
			}
			io.WriteString(c, answer)
			return true
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, connections := answering(t, c.way)
			r := shimRun(t, "curl "+vendorURL, "FROMCACHE_SERVER="+addr, "FROMCACHE_VERBOSE=1", "FROMCACHE_TIMEOUT=6")
			if !strings.Contains(r.stdout, addr+"/b/") || !strings.Contains(r.stdout, "."+aDigest+"/") {
				t.Errorf("%s%s", r.stdout, r.stderr)
			}
			if n := connections.Load(); n != c.connections {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestKeptByProxy holds that a proxy which ends its connections costs no hit in a call of several
// URLs, and makes none.
func TestKeptByProxy(t *testing.T) {
	v := &versioned{versions: [][]byte{[]byte("version one")}}
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/none") {
			w.Header().Set("Cache-Status", "fromcache; fwd=uri-miss")
			http.NotFound(w, r)
			return
		}
		v.ServeHTTP(w, r)
	}))
	defer cache.Close()
	for most := range 4 { // answers on a connection
		proxy, accepted := listening(t, func(c net.Conn) {
			out, err := net.Dial("tcp", cache.Listener.Addr().String())
			if err != nil {
				return
			}
			defer out.Close()
			in, answers := bufio.NewReader(c), bufio.NewReader(out)
			for range most + 1 {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				r.Write(out)
				answer, err := http.ReadResponse(answers, r)
				if err != nil {
					return
				}
				answer.Close = false
				answer.Write(c)
			}
		})
		r := shimRun(t, "curl --remote-name-all https://v.example/a https://v.example/none https://v.example/b https://v.example/c", "FROMCACHE_SERVER="+proxy)
		if n := strings.Count(r.stdout, "."+sumOf(v.versions[0])+"/"); n != 3 || !strings.Contains(r.stdout, "https://v.example/none|") {
			t.Errorf("%d answers a connection, %d connections: %s", most+1, accepted.Load(), r.stdout)
		}
	}
}
