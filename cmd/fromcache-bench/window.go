package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
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

// cost is what a page took: by the clock from the request to its last byte, and of the server's CPU, in seconds.
type cost struct{ clock, cpu float64 }

// timed gets a page and says what it took. The server does little else meanwhile.
func (w *window) timed(ctx context.Context, path string) (cost, error) {
	before, err := cpuTime(w.s.cmd.Process.Pid)
	if err != nil {
		return cost{}, err
	}
	_, took, err := w.get(ctx, path)
	if err != nil {
		return cost{}, err
	}
	after, err := cpuTime(w.s.cmd.Process.Pid)
	return cost{took.Seconds(), (after - before).Seconds()}, err
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
func (w *window) get(ctx context.Context, path string) ([]byte, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr(w.s.port)+path, nil)
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Encoding", "gzip")
	begin := time.Now()
	answer, err := w.client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	took := time.Since(begin)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", path, answer.Status)
	}
	if err == nil && answer.Header.Get("Content-Encoding") == "gzip" {
		body, err = unzip(body)
	}
	return body, took, err
}

func unzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// streams are the event streams of open pages, each on a connection of its own.
type streams []io.ReadCloser

func (st streams) close() {
	for _, body := range st {
		body.Close()
	}
}

// open opens streams that nobody listens to: what they say is read and forgotten.
func (w *window) open(ctx context.Context, n int) (streams, error) {
	var st streams
	for range n {
		body, err := w.stream(ctx)
		if err != nil {
			st.close()
			return nil, err
		}
		st = append(st, body)
		go io.Copy(io.Discard, body)
	}
	return st, nil
}

func (w *window) stream(ctx context.Context) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr(w.s.port)+"/events", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("/events answered %s", answer.Status)
	}
	return answer.Body, nil
}
