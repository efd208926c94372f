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

// hostFull: a host has as many connections as it may.
type hostFull struct{ host string }

func (e *hostFull) Error() string {
	return e.host + " has as many connections as the line `max-connections` of its file of --origins allows"
}

// hostConns are how many connections are open to each host, and which hosts may have no more.
type hostConns struct {
	mu   sync.Mutex
	n    map[string]int
	full map[string]string // key of a job that was put back to the host that was full
}

// acquire counts one more, if the host has fewer than limit; 0 is none.
func (c *hostConns) acquire(host string, limit int) bool {
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
func (c *hostConns) await(key, host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[host] > 0 { // else it has ended since
		c.full[key] = host
	}
}

func (c *hostConns) isWaiting(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full[key] != ""
}

func (c *hostConns) release(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[host]--; c.n[host] == 0 {
		delete(c.n, host)
	}
	maps.DeleteFunc(c.full, func(_, h string) bool { return h == host })
}

// maxHeaderTimeouts is how many times the pool's patience an origin gets that nobody else has to wait for.
const maxHeaderTimeouts = 10

// roundTrip sends a request, and gives it up when no header comes for the host's patience. Where its file says none it is the
// pool's, and longer while no other job waits for the worker: an archive that is made on demand takes minutes.
func (p *Pool) roundTrip(ctx context.Context, cancel context.CancelCauseFunc, t *http.Transport, req *http.Request, h hop, headerTimeout time.Duration) (*http.Response, error) {
	most := time.Duration(1)
	if headerTimeout == 0 {
		headerTimeout, most = p.o.Header, maxHeaderTimeouts
	}
	var over atomic.Bool // set before the timer is stopped, for it may be about to reset itself
	var timer *time.Timer
	times := time.Duration(0)
	timer = time.AfterFunc(time.Hour, func() {
		times++
		switch {
		case over.Load():
		case times >= most || p.wanted.Load():
			cancel(noHeader(h, times*headerTimeout))
		default:
			timer.Reset(headerTimeout)
		}
	})
	timer.Stop()
	defer timer.Stop()
	defer over.Store(true)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { timer.Reset(headerTimeout) }, // HTTP/2 may never let us write
		WroteRequest: func(httptrace.WroteRequestInfo) { timer.Reset(headerTimeout) },
	})
	return t.RoundTrip(req.WithContext(ctx))
}
