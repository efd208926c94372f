package httpd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
)

// beside starts a second server on the store of a world.
func (w *world) beside(o Options) (addr string) {
	w.t.Helper()
	srv, err := New(w.store, o)
	w.must(err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, ln) }()
	w.t.Cleanup(func() {
		stop()
		w.must(<-ended)
	})
	return ln.Addr().String()
}

// TestFrontChangesNoAnswer sends the same bytes in the same pieces to a server with the front and to
// one without: pipelines, split heads, hostile heads, clients that end their side.
func TestFrontChangesNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{IdleTimeout: 5 * time.Second})
	plain := w.beside(Options{PlainHTTPServer: true, IdleTimeout: 5 * time.Second})
	s := newStreams(w)
	var work sync.WaitGroup
	defer work.Wait()
	const hands, each = 8, 90
	for hand := range hands {
		work.Go(func() {
			random := rand.New(rand.NewPCG(uint64(hand), 1))
			for range each {
				pieces := s.next(random)
				got, want := converse(t, w.addr, pieces), converse(t, plain, pieces)
				if got != want {
					t.Errorf("for %q\nthe front has\n%s\nand net/http\n%s", pieces, got, want)
					return
				}
			}
		})
	}
}

// streams makes streams of requests.
type streams struct{ targets, fields, whole []string }

func newStreams(w *world) *streams {
	w.hold("https://vendor.example/a.bin", []byte("a few bytes"), fsstore.Origin{
		Ranges: true, Header: map[string]string{"Content-Type": "text/x-a", "Last-Modified": "Tue, 03 Jun 2025 18:20:11 GMT"},
	})
	w.hold("https://vendor.example/empty", nil, noOrigin)
	w.hold("https://vendor.example/large.bin", bytes.Repeat([]byte("x"), 300<<10), noOrigin)
	w.hold("https://vendor.example/a.bin?v=2", []byte("bytes of a query"), noOrigin)
	_, err := w.store.Add(fsstore.Addition{URL: "https://vendor.example/queued.bin"}, operator)
	w.must(err)
	for _, raw := range []string{"https://vendor.example/missing", "https://vendor.example/missing?v=2"} {
		_, err = w.store.NoteMiss(raw, fsstore.Asker{Addr: "127.0.0.1"}) // so that both find it noted
		w.must(err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("a few bytes")))
	s := &streams{
		targets: []string{
			"/b/" + token("https://vendor.example/a.bin") + "/a.bin", "/b/" + token("https://vendor.example/a.bin"),
			"/b/" + token("https://vendor.example/empty") + "/", "/b/" + token("https://vendor.example/large.bin") + "/large.bin",
			"/b/" + token("https://vendor.example/missing") + "/missing", "/b/" + token("https://vendor.example/queued.bin"),
			"/b/" + token("https://vendor.example/a.bin?q=1") + "/a.bin", "/blob?url=https%3A%2F%2Fvendor.example%2Fa.bin",
			"/blob?url=https://vendor.example/missing", "/blob?url=https://vendor.example/a.bin&or=origin", "/blob?url=%zz", "/blob?url=",
			"/b/", "/b/!!!", "/b/" + token("ftp://x/") + "/x", "/b/" + token("https://vendor.example/a.bin") + "/..", "/healthz",
			"/b/" + token("https://vendor.example/a.bin") + "/a%20b", "/b/" + token("https://vendor.example/a.bin") + "?or=origin", "/none",
			"/b/" + token("https://vendor.example/a.bin?v=2") + "/a.bin", "/blob?url=https%3A%2F%2Fvendor.example%2Fa.bin%3Fv%3D2",
			"/b/" + token("https://vendor.example/missing?v=2"), "/blob?url=https://vendor.example/missing?v=2",
			"/by-hash/sha256/" + digest, "/by-hash/sha256/" + strings.ToUpper(digest), "/by-hash/sha256/" + digest + "?x", "/by-hash/sha256/" + digest[1:],
			"/by-hash/sha256/" + strings.Repeat("0", 64), "/by-hash/sha256/" + digest + ".json", "/by-hash/sha256/" + digest + "/", "/by-hash/sha256/",
		},
		fields: []string{
			"User-Agent: curl/8.5.0\r\n", "Accept: */*\r\n", "Accept-Encoding: gzip\r\n", "Connection: keep-alive\r\n", "Pragma: no-cache\r\n",
			"Cache-Control: only-if-cached\r\n", "Cache-Control: no-cache\r\n", "Connection: close\r\n", "Range: bytes=2-4\r\n",
			"If-None-Match: \"x\"\r\n", "Cookie: a=b\r\n", "Prefer: wait=0\r\n", "Via: 1.1 x\r\n", "X-Forwarded-For: 10.0.0.1\r\n",
			"Host: y\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n",
			"Accept : */*\r\n", " folded\r\n", "Accept: a\n", "User-Agent: \x80\r\n", "User-Agent:\tx \r\n", "connection: Keep-Alive\r\n",
		},
		whole: []string{
			"POST /admin/clear HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b", "GET / HTTP/1.1\r\n\r\n", "\r\n", "\n", "\x16\x03\x01",
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET http://x/b/x HTTP/1.1\r\nHost: x\r\n\r\n", "GET /b/x\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET  /b/x HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /b/x HTTP/9.9\r\nHost: x\r\n\r\n", "GET /b/x HTTP/1.1\r\nHost: x/y\r\n\r\n", "HEAD",
		},
	}
	return s
}

// next returns a stream of one to four requests in one to four pieces.
func (s *streams) next(random *rand.Rand) (pieces []string) {
	var all strings.Builder
	for range 1 + random.IntN(4) {
		if random.IntN(8) == 0 {
			all.WriteString(s.whole[random.IntN(len(s.whole))])
			continue
		}
		method, version := "GET", "1.1"
		if random.IntN(2) == 0 {
			method = "HEAD"
		}
		if random.IntN(6) == 0 {
			version = "1.0"
		}
		fmt.Fprintf(&all, "%s %s HTTP/%s\r\nHost: x\r\n", method, s.targets[random.IntN(len(s.targets))], version)
		for range random.IntN(3) {
			n := 7 // mostly plain
			if random.IntN(4) == 0 {
				n = len(s.fields)
			}
			all.WriteString(s.fields[random.IntN(n)])
		}
		all.WriteString("\r\n")
	}
	text := all.String()
	for range random.IntN(4) {
		n := random.IntN(len(text) + 1)
		pieces, text = append(pieces, text[:n]), text[n:]
	}
	return append(pieces, text)
}

var dateLine = regexp.MustCompile(`(?m)^Date: .*\r\n`)

// converse sends pieces, ends its side, and returns what comes until the connection ends, without dates.
func converse(t *testing.T, addr string, pieces []string) string {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(3 * time.Millisecond)
		}
		io.WriteString(c, piece) // may fail where the server has closed the connection
	}
	c.(*net.TCPConn).CloseWrite()
	b, _ := io.ReadAll(c) // may end in a reset
	return dateLine.ReplaceAllString(string(b), "")
}
