package storm

import (
	"fmt"
	"testing"
	"time"
)

// TestWait has nodes wait that all want what an operator has just approved, some of them with the real
// shim: the origin is asked once for each, and nobody else goes there.
func TestWait(t *testing.T) {
	const jobs = 5
	nodes := size(1000, 10_000)
	s := newSite(t)
	s.origin.slow = 3 * time.Second
	h := s.serve(32768, "--workers", "2")
	var urls []string
	for i := range jobs {
		urls = append(urls, fmt.Sprintf("%s/wanted-%d.bin", s.origin.url, i))
	}
	s.add(urls)
	c := s.crowd(cacheHost, urls)
	c.wait = 10 * time.Minute
	before, r := h.since().cpu, row{name: fmt.Sprintf("%d nodes wait for %d jobs", nodes, jobs)}
	began := time.Now()
	real := s.shims("FROMCACHE_WAIT=10m", "FROMCACHE_ON_TIMEOUT=fail")
	r.fill(s, h, c, func() {
		for i := range size(5, 50) {
			real.start(i, urls[i%jobs:][:1])
		}
		must(t, s.run(c, nodes))
		real.wait()
	})
	r.cpu = (h.since().cpu - before) / time.Duration(max(1, c.seen.calls))
	r.print()
	var took []time.Duration
	for _, n := range c.nodes {
		took = append(took, n.took)
	}
	note("%s: a node waited p50 %v, p99 %v; all had it after %v, answers %v", r.name, ms(quantile(took, 0.5)), ms(quantile(took, 0.99)),
		ms(time.Since(began)), c.seen.status)
	if r.requests != jobs {
		t.Errorf("the origin was asked %d times, where %d are right", r.requests, jobs)
	}
	if r.late > 0 {
		t.Errorf("%d of %d nodes gave up: %v, %d refused, %d without an answer", r.late, nodes, c.seen.turned, c.seen.refused, c.seen.silent)
	}
}
