package fetch

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// lying is an origin that says on the wire whatever it is told to.
type lying struct {
	t     *testing.T
	ln    net.Listener
	url   string // without a path
	serve func(w *wire)

	mu   sync.Mutex
	seen []*http.Request
	done sync.WaitGroup
	open map[net.Conn]bool
}

// wire is one request, and the connection to answer on.
type wire struct {
	net.Conn
	req *http.Request
	n   int // how many came before it
}

func newLying(t *testing.T, serve func(*wire)) *lying { return lyingAt(t, "127.0.0.1:0", nil, serve) }

func newLyingTLS(t *testing.T, serve func(*wire)) *lying {
	return lyingAt(t, "127.0.0.1:0", testTLS(), serve)
}

// testTLS is httptest's certificate: for 127.0.0.1, ::1 and example.com.
func testTLS() *tls.Config {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
}

func testRoots() *tls.Config {
	pool := x509.NewCertPool()
	c, _ := x509.ParseCertificate(testTLS().Certificates[0].Certificate[0])
	pool.AddCert(c)
	return &tls.Config{RootCAs: pool}
}

func lyingAt(t *testing.T, addr string, conf *tls.Config, serve func(*wire)) *lying {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skip(err)
	}
	scheme := "http"
	if conf != nil {
		ln, scheme = tls.NewListener(ln, conf), "https"
	}
	o := &lying{t: t, ln: ln, url: scheme + "://" + ln.Addr().String(), serve: serve, open: map[net.Conn]bool{}}
	o.done.Add(1)
	go o.accept()
	t.Cleanup(o.close)
	return o
}

func (o *lying) close() {
	o.ln.Close()
	o.mu.Lock()
	for c := range o.open {
		c.Close()
	}
	o.mu.Unlock()
	o.done.Wait()
}

func (o *lying) accept() {
	defer o.done.Done()
	for {
		c, err := o.ln.Accept()
		if err != nil {
			return
		}
		o.mu.Lock()
		o.open[c] = true
		o.mu.Unlock()
		o.done.Add(1)
		go o.handle(c)
	}
}

func (o *lying) handle(c net.Conn) {
	defer o.done.Done()
	defer func() {
		o.mu.Lock()
		delete(o.open, c)
		o.mu.Unlock()
		c.Close()
	}()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		return
	}
	o.mu.Lock()
	n := len(o.seen)
	o.seen = append(o.seen, r)
	o.mu.Unlock()
	o.serve(&wire{Conn: c, req: r, n: n})
}

func (o *lying) requests() []*http.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]*http.Request(nil), o.seen...)
}

// say writes a whole answer: status line, fields, body.
func (w *wire) say(status string, fields []string, body []byte) {
	fmt.Fprintf(w, "HTTP/1.1 %s\r\n%s\r\n\r\n", status, strings.Join(append(fields, "Connection: close"), "\r\n"))
	w.Write(body)
}

func (w *wire) ok(body []byte, fields ...string) {
	w.say("200 OK", append(fields, fmt.Sprintf("Content-Length: %d", len(body))), body)
}

// from is where the request's range begins, or -1.
func (w *wire) from() int64 {
	var n int64
	if _, err := fmt.Sscanf(w.req.Header.Get("Range"), "bytes=%d-", &n); err != nil {
		return -1
	}
	return n
}

// honest serves body as RFC 9110 has it, but breaks the connection after cut bytes; cut < 0: never.
func (w *wire) honest(body []byte, etag string, cut int, fields ...string) {
	if etag != "" {
		fields = append(fields, "ETag: "+etag)
	}
	if etag != "" && w.req.Header.Get("If-None-Match") == etag {
		w.say("304 Not Modified", fields, nil)
		return
	}
	from, status, size := w.from(), "200 OK", int64(len(body))
	switch {
	case from >= 0 && w.req.Header.Get("If-Range") == etag && from < size:
		status = "206 Partial Content"
		fields = append(fields, fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, size-1, size))
		body = body[from:]
	case from >= size && w.req.Header.Get("If-Range") == etag:
		w.say("416 Range Not Satisfiable", append(fields, fmt.Sprintf("Content-Range: bytes */%d", size), "Content-Length: 0"), nil)
		return
	}
	fields = append(fields, fmt.Sprintf("Content-Length: %d", len(body)))
	if cut >= 0 && cut < len(body) {
		body = body[:cut]
	}
	w.say(status, fields, body)
}

// noise is n bytes that look like nothing.
func noise(seed uint64, n int) []byte {
	var s [32]byte
	s[0], s[1], s[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	b := make([]byte, n)
	rand.NewChaCha8(s).Read(b)
	return b
}
