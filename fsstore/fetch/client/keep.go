package client

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"fromcache/fsstore/fetch/address"
	"fromcache/fsstore/fetch/failure"
)

// Kept asks one host for headers, many times over connections that stay open, under the rules of
// Ask. It follows no redirect. Any number of goroutines may use it.
type Kept struct {
	Client *Client

	mu   sync.Mutex
	t    *http.Transport
	made time.Time
}

// keptFor is how long a Kept goes by the certificates that it has read.
const keptFor = time.Minute

// Head requests the header of a URL of the host. The answer's body is closed.
func (k *Kept) Head(ctx context.Context, q Request) (*http.Response, error) {
	h, err := parseHop(q.URL)
	if err != nil {
		return nil, failure.Failf("%v", err)
	}
	site, proxy, err := k.Client.route(h, address.ByApproval)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	if k.t == nil || time.Since(k.made) > keptFor {
		t, _, err := k.Client.transport(h, site, proxy, address.ByApproval)
		if err != nil {
			k.mu.Unlock()
			return nil, err
		}
		k.closeIdle()
		t.DisableKeepAlives, t.MaxConnsPerHost, t.IdleConnTimeout = false, keptConns, keptFor
		t.ResponseHeaderTimeout = k.Client.Header
		k.t, k.made = t, time.Now()
	}
	t := k.t
	k.mu.Unlock()
	q.Method = http.MethodHead
	r, err := t.RoundTrip(newRequest(q, h, site, k.Client.UserAgent, proxy != nil).WithContext(ctx))
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
			return nil, cause
		}
		return nil, requestFailure(err, h, proxy)
	}
	r.Body.Close()
	return r, nil
}

// keptConns is the number of connections that stay open.
const keptConns = 4

// Close closes the connections.
func (k *Kept) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closeIdle()
}

func (k *Kept) closeIdle() {
	if k.t != nil {
		k.t.CloseIdleConnections()
	}
}
