package httpd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowd opens connections whose requests never come whole, more than a mark of 5 allows in any second,
// until the test ends or leave is called.
func (w *world) crowd() (leave func()) {
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		var open []net.Conn
		for more := true; more; {
			c, err := net.Dial("tcp", w.addr)
			if err == nil {
				io.WriteString(c, "GET")
				open = append(open, c)
			}
			select {
			case <-stop:
				more = false
			case <-time.After(20 * time.Millisecond):
			}
		}
		for _, c := range open {
			c.Close()
		}
	})
	var once sync.Once
	leave = func() { once.Do(func() { close(stop); all.Wait() }) }
	w.t.Cleanup(leave)
	return leave
}

// untilStatus asks until the answer has a status.
func untilStatus(t *testing.T, status int, ask func() (*http.Response, error)) *http.Response {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, err := ask()
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == status {
				return resp
			}
		}
		if time.Now().After(end) {
			t.Fatalf("no %d: %v %v", status, resp, err)
		}
	}
}

// While more clients wait than the mark says probes are told to come again, over new connections, old
// ones and TLS. Bytes, pages and /healthz are answered as always, and so is a probe when they have
// left.
func TestProbesComeAgainWhileTheServerIsBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{BusyAt: 5})
	w.putIn(coming, "bytes")
	path := "/b/" + token(coming) + "/x"
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	old, err := net.Dial("tcp", w.addr)
	w.must(err)
	defer old.Close()
	oldReader := bufio.NewReader(old)
	onOld := func() (*http.Response, error) {
		if _, err := fmt.Fprintf(old, "HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
			return nil, err
		}
		return http.ReadResponse(oldReader, &http.Request{Method: http.MethodHead})
	}
	untilStatus(t, 200, onOld)
	leave := w.crowd()
	for name, ask := range map[string]func() (*http.Response, error){
		"new":   func() (*http.Response, error) { return fresh.Head(w.url(path)) },
		"query": func() (*http.Response, error) { return fresh.Head(w.url("/blob?url=" + coming)) },
		"old":   onOld,
	} {
		resp := untilStatus(t, 503, ask)
		if resp.Header.Get("Retry-After") != "1" || resp.Header.Get("Cache-Status") != "fromcache; detail=busy" ||
			resp.Header.Get("Cache-Control") != "no-store" || resp.Close != (name != "old") {
			t.Errorf("%s: %v, closed %v", name, resp.Header, resp.Close)
		}
	}
	for range 10 {
		for _, path := range []string{path, "/healthz", "/"} {
			resp, err := fresh.Get(w.url(path))
			w.must(err)
			if resp.Body.Close(); resp.StatusCode != http.StatusOK {
				t.Errorf("GET %s: %s", path, resp.Status)
			}
		}
		waits, err := http.NewRequest(http.MethodHead, w.url(path), nil)
		w.must(err)
		waits.Header.Set("Prefer", "wait=5")
		if resp, err := fresh.Do(waits); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("one that waits: %v, %v", resp, err)
		}
	}
	if m := w.scrape(); strings.Contains(m, `fromcache_requests_total{method="HEAD",result="busy"} 0`) ||
		!strings.Contains(m, `fromcache_requests_total{method="HEAD",result="busy"} `) {
		t.Error("it was not counted")
	}
	leave()
	untilStatus(t, 200, func() (*http.Response, error) { return fresh.Head(w.url(path)) })
}

func TestProbesOverTLSComeAgain(t *testing.T) {
	t.Parallel()
	w, client := newTLSWorld(t, Options{BusyAt: 5})
	w.putIn(coming, "bytes")
	leave := w.crowd()
	ask := func() (*http.Response, error) { return client.Head("https://" + w.addr + "/b/" + token(coming) + "/x") }
	if resp := untilStatus(t, 503, ask); resp.Header.Get("Retry-After") != "1" {
		t.Errorf("%v", resp.Header)
	}
	leave()
	untilStatus(t, 200, ask)
}

// Connections count while they are new, until they are answered or have left.
func TestArrivals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a arrivals
		want := func(n int) {
			t.Helper()
			if got := a.count(time.Now()); got != n {
				t.Errorf("%d wait, want %d", got, n)
			}
		}
		first := time.Now()
		for range 10 {
			a.add(1, first)
		}
		a.add(-1, first)
		want(9)
		time.Sleep(time.Second)
		second := time.Now()
		a.add(1, second)
		a.add(-1, first)
		want(9)
		time.Sleep(time.Second)
		a.add(-1, first) // it counts no more
		want(1)
		a.add(-1, second)
		want(0)
		time.Sleep(time.Hour)
		a.add(-1, second)
		want(0)
		a.add(1, time.Now())
		want(1)
	})
}
