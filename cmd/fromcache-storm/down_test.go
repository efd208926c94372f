package storm

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// TestDown takes the cache-host from nodes that run the real shim, in the three ways in which it can be
// gone, and compares a script of many small downloads with the same one without a shim.
func TestDown(t *testing.T) {
	for _, way := range []struct {
		name string
		take func(s *site, h *host)
	}{
		{"killed", func(s *site, h *host) { h.Kill() }},
		{"stopped", func(s *site, h *host) { h.Signal(syscall.SIGSTOP) }},
		{"host gone", func(s *site, h *host) { s.in("cache", "ip link set eth0 down") }},
	} {
		t.Run(way.name, func(t *testing.T) { down(t, way.name, way.take) })
	}
}

func down(t *testing.T, name string, take func(*site, *host)) {
	const calls = 50
	s := newSite(t)
	h := s.serve(4096)
	var urls []string
	for i := range calls {
		urls = append(urls, fmt.Sprintf("%s/away-%d.bin", s.origin.url, i))
	}
	take(s, h)
	script := func(env ...string) time.Duration {
		m := s.shims(env...)
		m.start(0, urls)
		m.wait()
		return m.took[0]
	}
	var lost []time.Duration // of each time, by a node that has no stamp yet
	for range size(3, 9) {
		lost = append(lost, -script("FROMCACHE_SERVER=off")+script())
	}
	r := row{name: fmt.Sprintf("cache-host %s, %d calls", name, calls), calls: 2 * calls * len(lost)}
	r.p50, r.p99 = quantile(lost, 0.5), quantile(lost, 0.99)
	r.requests, r.sent = s.origin.requests.Load(), s.origin.bytes.Load()
	r.print()
	note("%s: P50 and P99 are what a node lost in all its calls together, limit 500ms: %v", r.name, lost)
	if r.requests != int64(r.calls) {
		t.Errorf("the origin was asked %d times by %d calls", r.requests, r.calls)
	}
}
