package httpd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
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
