package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// window asks for pages as a browser does, and counts what comes over the wire. Streams have connections of their own.
type window struct {
	s      *server
	client *http.Client
	wire   atomic.Int64
}

func newWindow(s *server) *window {
	w := &window{s: s}
	w.client = &http.Client{Transport: &http.Transport{
		DisableCompression:  true, // Accept-Encoding is ours to say
		MaxIdleConnsPerHost: 4,
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, to)
			return countingConn{c, &w.wire}, err
		},
	}}
	return w
}

type countingConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// cost is what a page took: by the clock from the request to its last byte, and of the server's CPU, in
// seconds.
type cost struct{ clock, cpu float64 }

// timed gets a page and says what it took. The server does little else meanwhile.
func (w *window) timed(b *testing.B, path string) cost {
	pid := w.s.cmd.Process.Pid
	before := cpuTime(b, pid)
	_, took := w.get(b, path)
	return cost{took.Seconds(), (cpuTime(b, pid) - before).Seconds()}
}

func middle(costs []cost) cost {
	var clock, cpu []float64
	for _, c := range costs {
		clock, cpu = append(clock, c.clock), append(cpu, c.cpu)
	}
	return cost{spreadOf(clock).median, spreadOf(cpu).median}
}

func (c cost) String() string { return fmt.Sprintf("%.1f ms", c.clock*1e3) }

// get returns the body, and the time from the request to its last byte.
func (w *window) get(b *testing.B, path string) ([]byte, time.Duration) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+w.s.addr+path, nil)
	must(b, err)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Encoding", "gzip")
	begin := time.Now()
	answer, err := w.client.Do(r)
	must(b, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	took := time.Since(begin)
	must(b, err)
	if answer.StatusCode != http.StatusOK {
		b.Fatalf("%s answered %s", path, answer.Status)
	}
	if answer.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		must(b, err)
		body, err = io.ReadAll(z)
		must(b, err)
	}
	return body, took
}

// open opens streams, each on a connection of its own, that nobody listens to: what they say is read and
// forgotten.
func (w *window) open(b *testing.B, n int) {
	for range n {
		body := w.stream(b)
		go io.Copy(io.Discard, body)
	}
}

// stream is the event stream of an open page, until the benchmark ends.
func (w *window) stream(b *testing.B) io.Reader {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+w.s.addr+"/events", nil)
	must(b, err)
	answer, err := http.DefaultClient.Do(r)
	must(b, err)
	b.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		b.Fatalf("/events answered %s", answer.Status)
	}
	return answer.Body
}
