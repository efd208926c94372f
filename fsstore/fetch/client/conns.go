package client

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// HostFullError says that a host has as many connections as its file of --origins allows.
type HostFullError struct{ Host string }

func (e *HostFullError) Error() string {
	return e.Host + " has as many connections as the line `max-connections` of its file of " +
		"--origins allows"
}

// hostConns counts the open connections to each host and notes the jobs that wait for one to end.
type hostConns struct {
	mu   sync.Mutex
	n    map[string]int
	full map[string]string // key of a job that was put back, to the host it waits for
}

// acquire counts one more connection and returns true if the host has fewer than limit; limit 0 is
// no limit.
func (c *hostConns) acquire(host string, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit > 0 && c.n[host] >= limit { //guard:fsstore/fetch.TestOriginsConnections
		return false
	}
	if c.n == nil {
		c.n, c.full = map[string]int{}, map[string]string{}
	}
	c.n[host]++
	return true
}

// await notes that a job can't go on until a connection to host ends. It does nothing where none
// is open any more.
func (c *hostConns) await(key, host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[host] > 0 {
		c.full[key] = host
	}
}

// isWaiting reports whether a job waits for a connection to end.
func (c *hostConns) isWaiting(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full[key] != ""
}

// release counts one connection less, and lets the jobs that wait for the host go on.
func (c *hostConns) release(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[host]--; c.n[host] == 0 {
		delete(c.n, host)
	}
	maps.DeleteFunc(c.full, func(_, h string) bool { return h == host })
}

// Await notes that the job of key can't go on until a connection to host ends. It does nothing
// where none is open any more.
func (c *Client) Await(key, host string) { c.conns.await(key, host) }

// IsWaiting reports whether the job of key waits for a connection to end.
func (c *Client) IsWaiting(key string) bool { return c.conns.isWaiting(key) }

// isWanted reports whether another job waits.
func (c *Client) isWanted() bool { return c.Wanted != nil && c.Wanted() }

// maxHeaderTimeouts is how many times Client.Header an origin may take while no other job waits.
const maxHeaderTimeouts = 10

// roundTrip sends a request and gives up when no header comes within headerTimeout. With 0 it is
// Client.Header, up to maxHeaderTimeouts times while no other job waits for the worker, because
// an archive that is made on demand takes minutes.
func (c *Client) roundTrip(ctx context.Context, cancel context.CancelCauseFunc, t *http.Transport,
	req *http.Request, h hop, headerTimeout time.Duration) (*http.Response, error) {
	most := time.Duration(1)
	if headerTimeout == 0 {
		headerTimeout, most = c.Header, maxHeaderTimeouts
	}
	var over atomic.Bool // set before the timer is stopped, because it may be resetting itself
	var timer *time.Timer
	times := time.Duration(0)
	timer = time.AfterFunc(time.Hour, func() {
		times++
		switch {
		case over.Load():
		case times >= most || c.isWanted():
			cancel(noHeader(h, times*headerTimeout))
		default:
			timer.Reset(headerTimeout)
		}
	})
	timer.Stop()
	defer timer.Stop()
	defer over.Store(true)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// GotConn as well, because an HTTP/2 origin may never let us write.
		GotConn:      func(httptrace.GotConnInfo) { timer.Reset(headerTimeout) },
		WroteRequest: func(httptrace.WroteRequestInfo) { timer.Reset(headerTimeout) },
	})
	return t.RoundTrip(req.WithContext(ctx))
}
