package access

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients bounds a limiter's memory. When it is full, a new client displaces
// another. Who owns that many addresses gets past a rate by client, so guessing has
// a rate in all as well.
const maxClients = 4096

// limiter holds a rate for each client.
type limiter struct {
	rate   rate.Limit
	burst  int
	mu     sync.Mutex
	client map[netip.Prefix]*rate.Limiter
}

func newLimiter(r rate.Limit, burst int) *limiter {
	return &limiter{rate: r, burst: burst, client: map[netip.Prefix]*rate.Limiter{}}
}

// allow takes one from the client's share, or returns how long until there is one.
func (l *limiter) allow(client netip.Prefix) (wait time.Duration, ok bool) {
	return take(l.of(client), l.rate)
}

func take(l *rate.Limiter, r rate.Limit) (wait time.Duration, ok bool) {
	if l.Allow() {
		return 0, true
	}
	return time.Duration((1 - l.Tokens()) / float64(r) * float64(time.Second)), false
}

func (l *limiter) of(client netip.Prefix) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.client[client]
	if c == nil {
		l.makeRoom() //guard:TestLimiterTable
		c = rate.NewLimiter(l.rate, l.burst)
		l.client[client] = c
	}
	return c
}

// makeRoom forgets clients with a full share, or else any.
func (l *limiter) makeRoom() {
	if len(l.client) < maxClients {
		return
	}
	for k, c := range l.client {
		if c.Tokens() >= float64(l.burst) {
			delete(l.client, k)
		}
	}
	for k := range l.client {
		if len(l.client) < maxClients {
			return
		}
		delete(l.client, k)
	}
}

// clientNet is the client for counting: an IPv6 host owns its whole /64.
func clientNet(r *http.Request) netip.Prefix {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	a := ap.Addr().Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
