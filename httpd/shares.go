package httpd

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
)

// shares gathers in memory what was served of which artifact to which network, because the store
// takes a lock for each number. It hands them over once a second.
type shares struct {
	mu sync.Mutex
	n  map[share]served
}

// share is an artifact, and a network of clients.
type share struct {
	key string
	net netip.Prefix
}

type served struct{ hits, bytes int64 }

// add counts an answer of the read path.
func (t *shares) add(r request, o answer.Outcome) {
	if o.Key == "" || r.method != http.MethodGet || o.Result != answer.Hit && o.Bytes == 0 {
		return
	}
	of := share{o.Key, networkOf(r.client)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[share]served{}
	}
	n := t.n[of]
	n.bytes += o.Bytes
	if o.Result == answer.Hit {
		n.hits++
	}
	t.n[of] = n
}

// networkOf returns the /24 of an IPv4 address, or the /64 of an IPv6 address, because that is what
// a lab mostly gives to one room or one cluster.
func networkOf(client string) netip.Prefix {
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	p, _ := addr.Prefix(bits)
	return p
}

func (t *shares) run(ctx context.Context, s *fsstore.Store) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.flush(s)
		}
	}
}

func (t *shares) flush(s *fsstore.Store) {
	t.mu.Lock()
	gathered := t.n
	t.n = nil
	t.mu.Unlock()
	for of, n := range gathered {
		network := fsstore.StatsOfOthers
		if of.net.IsValid() {
			network = of.net.String()
		}
		host := hostOf(s, of.key)
		for name, more := range map[string]int64{fsstore.StatHits: n.hits, fsstore.StatServedBytes: n.bytes} {
			if more > 0 {
				s.StatOf(fsstore.StatsByArtifact, of.key, name, more)
				s.StatOf(fsstore.StatsByHost, host, name, more)
				s.StatOf(fsstore.StatsByNetwork, network, name, more)
			}
		}
	}
}

// hostOf returns the host of an artifact, or StatsOfOthers where that was evicted a moment ago.
func hostOf(s *fsstore.Store, k string) string {
	a, err := s.Artifact(k)
	if err != nil {
		return fsstore.StatsOfOthers
	}
	u, err := key.Parse(a.URL, key.Auto)
	if err != nil {
		return fsstore.StatsOfOthers
	}
	return u.Host()
}
