package fetch

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// crowded: a host has as many connections as it may.
type crowded struct{ host string }

func (e *crowded) Error() string {
	return e.host + " has as many connections as the line `max-connections` of its file of --origins allows"
}

// counts are how many connections are open to each host, and which hosts may have no more.
type counts struct {
	mu   sync.Mutex
	n    map[string]int
	full map[string]string // key of a job that was put back to the host that was full
}

// enter counts one more, if the host has fewer than limit; 0 is none.
func (c *counts) enter(host string, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit > 0 && c.n[host] >= limit { //guard:TestOriginsConnections
		return false
	}
	if c.n == nil {
		c.n, c.full = map[string]int{}, map[string]string{}
	}
	c.n[host]++
	return true
}

// wait notes that a job can't go on until a connection to host ends.
func (c *counts) wait(key, host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[host] > 0 { // else it has ended since
		c.full[key] = host
	}
}

func (c *counts) waits(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full[key] != ""
}

func (c *counts) leave(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[host]--; c.n[host] == 0 {
		delete(c.n, host)
	}
	maps.DeleteFunc(c.full, func(_, h string) bool { return h == host })
}

// mostPatience is how many times the pool's patience an origin gets that nobody else has to wait for.
const mostPatience = 10

// answered sends a request, and gives it up when no header comes for the host's patience. Where its file says none it is the
// pool's, and longer while no other job waits for the worker: an archive that is made on demand takes minutes.
func (p *Pool) answered(ctx context.Context, cancel context.CancelCauseFunc, t *http.Transport, req *http.Request, h hop, patience time.Duration) (*http.Response, error) {
	most := time.Duration(1)
	if patience == 0 {
		patience, most = p.o.Header, mostPatience
	}
	var over atomic.Bool // set before the timer is stopped, for it may be about to reset itself
	var timer *time.Timer
	times := time.Duration(0)
	timer = time.AfterFunc(time.Hour, func() {
		times++
		switch {
		case over.Load():
		case times >= most || p.wanted.Load():
			cancel(tooSlow(h, times*patience))
		default:
			timer.Reset(patience)
		}
	})
	timer.Stop()
	defer timer.Stop()
	defer over.Store(true)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { timer.Reset(patience) }, // HTTP/2 may never let us write
		WroteRequest: func(httptrace.WroteRequestInfo) { timer.Reset(patience) },
	})
	return t.RoundTrip(req.WithContext(ctx))
}
