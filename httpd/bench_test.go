package httpd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rawClient sends one request again and again on one connection, and reads
// answers of a known length: lighter than the server that it measures.
type rawClient struct {
	c       net.Conn
	r       *bufio.Reader
	request []byte
	body    int
}

func newRawClient(b *testing.B, w *world, method, path string, body int) *rawClient {
	c, err := net.Dial("tcp", w.addr)
	w.must(err)
	b.Cleanup(func() { c.Close() })
	return &rawClient{c, bufio.NewReaderSize(c, 128<<10), fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, path), body}
}

func (rc *rawClient) once(want string) error {
	if _, err := rc.c.Write(rc.request); err != nil {
		return err
	}
	line, err := rc.r.ReadSlice('\n')
	if err != nil || !bytes.Contains(line, []byte(want)) {
		return fmt.Errorf("%q: %w", line, err)
	}
	for len(line) > 2 {
		if line, err = rc.r.ReadSlice('\n'); err != nil {
			return err
		}
	}
	_, err = rc.r.Discard(rc.body)
	return err
}

func benchServer(b *testing.B, method, url, want string, body int) {
	w := newWorld(b, Options{})
	w.hold("https://vendor.example/64k.bin", []byte(strings.Repeat("x", 64<<10)), noOrigin)
	path := "/b/" + token(url) + "/64k.bin"
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		rc := newRawClient(b, w, method, path, body)
		for p.Next() {
			if err := rc.once(want); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

func BenchmarkHeadHit(b *testing.B) {
	benchServer(b, "HEAD", "https://vendor.example/64k.bin", " 200 ", 0)
}

// BenchmarkNewConnection is a HEAD on a connection of its own, as shims ask, beside a bare http.Server
// that answers as much: what we can't be below. The time is client and server together; cpu-µs/op is the
// processor's.
func BenchmarkNewConnection(b *testing.B) {
	w := newWorld(b, Options{BusyAt: 1 << 30})
	w.hold("https://vendor.example/64k.bin", []byte(strings.Repeat("x", 64<<10)), noOrigin)
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	length := []string{"65536"}
	hs := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header()["Content-Length"] = length
	})}
	go hs.Serve(bare)
	b.Cleanup(func() { hs.Close() })
	request := fmt.Appendf(nil, "HEAD /b/%s/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", token("https://vendor.example/64k.bin"))
	for name, addr := range map[string]string{"fromcache": w.addr, "net-http": bare.Addr().String()} {
		b.Run(name, func(b *testing.B) {
			before := cpuTime()
			b.SetParallelism(16)
			b.RunParallel(func(p *testing.PB) {
				answer := make([]byte, 4<<10)
				for p.Next() {
					c, err := net.Dial("tcp", addr)
					if err != nil {
						b.Error(err)
						return
					}
					c.Write(request)
					if n, err := c.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200 ")) {
						b.Errorf("%q %v", answer[:n], err)
					}
					c.Close()
				}
			})
			b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpuTime is what this process has had of the processors.
func cpuTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkGet64K(b *testing.B) {
	benchServer(b, "GET", "https://vendor.example/64k.bin", " 200 ", 64<<10)
}

func BenchmarkRepeatedMiss(b *testing.B) {
	benchServer(b, "GET", "https://vendor.example/missing.bin", " 404 ", len("not held; noted for the operator\n"))
}

// BenchmarkHeadHandler is the handler alone, without net/http's connection.
func BenchmarkHeadHandler(b *testing.B) {
	w := newWorld(b, Options{})
	w.hold("https://vendor.example/64k.bin", []byte("x"), noOrigin)
	r := httptest.NewRequest("HEAD", "/b/"+token("https://vendor.example/64k.bin")+"/64k.bin", nil)
	rec := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		w.srv.ServeHTTP(rec, r)
	}
}

func BenchmarkMissHandler(b *testing.B) {
	w := newWorld(b, Options{})
	r := httptest.NewRequest("GET", "/b/"+token("https://vendor.example/missing.bin")+"/64k.bin", nil)
	rec := httptest.NewRecorder()
	rec.Body = nil
	b.ReportAllocs()
	for b.Loop() {
		w.srv.ServeHTTP(rec, r)
	}
}

// BenchmarkFirstPage is the page with everything on it, with 100 artifacts.
func BenchmarkFirstPage(b *testing.B) {
	w := newWorld(b, Options{})
	for i := range 100 {
		w.hold(fmt.Sprintf("https://vendor.example/%d.bin", i), []byte("x"), noOrigin)
	}
	r := httptest.NewRequest("GET", "http://127.0.0.1/", nil)
	for b.Loop() {
		rec := httptest.NewRecorder()
		w.srv.ServeHTTP(rec, r)
		io.Discard.Write(rec.Body.Bytes())
	}
}
