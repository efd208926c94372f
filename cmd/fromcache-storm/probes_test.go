package storm

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
)

const (
	bulkDownloads = 16
	callsOfNode   = 2
	bulkSize      = 64 << 20
	patience      = 2 * time.Second // of the shim, FROMCACHE_TIMEOUT
	mostMemory    = 256 << 10       // KiB
)

// TestProbes has all nodes ask for what is held in the same moment, beside bulk downloads, with the
// queue of a well-tuned machine and with that of an untouched one.
func TestProbes(t *testing.T) {
	for _, somaxconn := range []int{32768, 4096} {
		t.Run(fmt.Sprint("somaxconn=", somaxconn), func(t *testing.T) { probes(t, somaxconn, size(1000, 10_000)) })
	}
}

func probes(t *testing.T, somaxconn, nodes int) {
	s := newSite(t)
	urls := s.hold("small", 100, 1000)
	large := s.hold("large", 1, bulkSize)[0]
	h := s.serve(somaxconn)
	load := s.download(bulkDownloads, cacheHost, large)
	c := s.crowd(cacheHost, urls)
	before, r := h.since().cpu, row{name: fmt.Sprintf("%d probes, somaxconn %d", nodes, somaxconn)}
	machine, began := h.usage(), time.Now()
	real := s.shims("FROMCACHE_VERBOSE=1")
	asking := s.shims("FROMCACHE_VERBOSE=1", "REAL_CURL=true") // these take what the shim takes, and download nothing
	r.fill(s, h, c, func() {
		var waves sync.WaitGroup
		waves.Go(func() { must(t, s.run(c, nodes)) })
		for i := range size(5, 50) {
			real.start(i, urls[i%90:][:callsOfNode])
			asking.start(i, urls[i%90:][:1])
			time.Sleep(20 * time.Millisecond)
		}
		waves.Wait()
		real.wait()
		asking.wait()
	})
	took := time.Since(began)
	r.cpu = (h.since().cpu - before) / time.Duration(max(1, c.seen.calls))
	must(t, load.end())
	r.print()
	note("%s: connected within %v, all within %v, %d retransmitted, bulk %.0f MB/s; a node's own delay p99 %v; other programs had %.0f %% of the machine", r.name, ms(c.seen.burst), ms(took), c.seen.retransmit,
		float64(load.bytes.Load())/1e6/took.Seconds(), ms(quantile(c.seen.lag, 0.99)), 100*machine.others(h.usage()))
	note("%s: the real shims' calls came to %v; %d calls of a node, with the downloads, took %v at most", r.name, real.came, callsOfNode, ms(quantile(real.took, 1)))
	note("%s: the real shims that only asked came to %v; %v at most, median %v, where their limit is %v", r.name, asking.came, ms(quantile(asking.took, 1)), ms(quantile(asking.took, 0.5)), patience)
	if n := c.seen.status[200]; n != c.seen.calls {
		t.Logf("%d of %d calls were hits: %v, %d refused, %d without an answer", n, c.seen.calls, c.seen.status, c.seen.refused, c.seen.silent)
	}
	if somaxconn > nodes && r.lost > 0 {
		t.Errorf("%d connections were lost, where the queue has room for all nodes", r.lost)
	}
	if r.memory > mostMemory {
		t.Errorf("%d KiB resident, where %d are the limit", r.memory, mostMemory)
	}
}

// crowd is nodes that ask a host for URLs.
func (s *site) crowd(host string, urls []string) *crowd {
	s.t.Helper()
	paths := make([]string, len(urls))
	for i, url := range urls {
		paths[i] = testbed.TokenPath(url)
	}
	c, err := newCrowd(host, paths)
	must(s.t, err)
	return c
}

// run plays a crowd in the nodes' namespace.
func (s *site) run(c *crowd, n int) (err error) {
	if entered := s.enter("nodes", func() { err = c.run(n) }); entered != nil {
		return entered
	}
	return err
}

// fill counts while do runs.
func (r *row) fill(s *site, h *host, c *crowd, do func()) {
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { h.watch(stop) })
	do()
	close(stop)
	watching.Wait()
	r.calls, r.refused = c.seen.calls, c.seen.refused
	r.p50, r.p99, r.slow = quantile(c.seen.took, 0.5), quantile(c.seen.took, 0.99), over(c.seen.took, patience)+c.seen.silent
	r.late = c.late(max(patience, c.wait))
	r.lost = h.since().drops
	r.memory, r.descriptors = h.Memory("VmHWM"), int(h.descriptors.Load())
	r.requests, r.sent = s.origin.requests.Load(), s.origin.bytes.Load()
}

// pinned is the address of one version of an artifact.
func pinned(path, digest string) string {
	at := strings.LastIndex(path, "/")
	return path[:at] + "." + digest + path[at:]
}
