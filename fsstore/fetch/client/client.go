package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"sync"
	"time"

	"fromcache/fsstore/fetch/address"
	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/fetch/origins"
)

const (
	maxRedirects = 10        // RFC 9110, 15.4 names no number; browsers follow 20
	maxHeader    = 256 << 10 // bytes of an answer's header; vendors send up to 16 KiB
	window       = 32 << 20  // HTTP/2 flow control, in bytes: enough for 1 GB/s at 30 ms
)

// Client requests URLs from origins. Its fields are set before the first request. Beside its own
// requests it keeps count of those under way to each host, so all users of one share the limits.
type Client struct {
	Policy    address.Policy
	Origins   origins.Dir
	UserAgent string
	Connect   time.Duration // to resolve and connect, and again for TLS
	Header    time.Duration // for an answer's header, see roundTrip

	// DeniedBy returns the name of the file in denied/ that forbids a URL, or "". nil: nothing is
	// denied.
	DeniedBy func(url string) string
	// Wanted reports whether other jobs wait for this one to end. nil: none.
	Wanted func() bool

	Proxy    func(*http.Request) (*url.URL, error)
	Resolver *net.Resolver // nil: the system's
	TLS      *tls.Config   // nil: the system's roots

	conns hostConns
}

// Request is a request to an origin.
type Request struct {
	Method    string // "": GET
	URL       string
	Fields    http.Header
	UserAgent string // User-Agent; "": Client.UserAgent

	http1   bool           // a host of this chain needs HTTP/1.1
	cookies http.CookieJar // of this chain alone

	AcceptHTTP, AcceptPrivate bool // the job's lines `accept http` and `accept private`
	NoRedirects               bool // an answer that redirects is returned as it is
}

// Ask requests a URL and follows redirects, each checked as the URL itself is. The caller closes
// the answer. The error is a *failure.Failure, a *HostFullError, or the cause for which ctx ended.
func (c *Client) Ask(ctx context.Context, q Request) (*Answer, error) {
	h, err := parseHop(q.URL)
	if err != nil {
		return nil, failure.Failf("%v", err)
	}
	hops := []hop{h}
	q.cookies, _ = cookiejar.New(nil) // no public suffix list, because the jar ends with the chain
	by := address.ByApproval
	if address.IsPublicName(h.host) && !q.AcceptPrivate { //guard:fsstore/fetch.TestOwnNetwork
		by = address.ByName
	}
	for {
		if name := c.deniedBy(h); name != "" { //guard:fsstore/fetch.TestDeniedRedirect
			return nil, denied(hops, name)
		}
		a, inside, err := c.request(ctx, q, h, by)
		if err != nil {
			return nil, err
		}
		a.hops = hops
		q.cookies.SetCookies(h.site(), a.Cookies())
		if q.NoRedirects || !isRedirect(a.StatusCode) {
			return a, nil
		}
		next, err := c.follow(a, q.AcceptHTTP)
		a.Close()
		if err != nil {
			return nil, err
		}
		if by = address.ByRedirect; inside { //guard:fsstore/fetch.TestInside
			by = address.ByApproval
		}
		h, hops = next, append(hops, next)
	}
}

// isRedirect reports whether a status has a Location that is followed.
func isRedirect(code int) bool {
	switch code {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// follow returns the hop that an answer redirects to.
func (c *Client) follow(a *Answer, acceptHTTP bool) (hop, error) {
	from := a.final()
	if len(a.hops) > maxRedirects {
		return hop{}, failure.Failf("more than %d redirects, the last at %s: a loop, most likely; check "+
			"the URL, or find the final one and approve that", maxRedirects, from.host)
	}
	next, err := from.redirect(a.Header.Get("Location"))
	if err != nil {
		return hop{}, failure.Failf("%s redirects (%d), but %v", from.host, a.StatusCode, err)
	}
	if from.https && !next.https && !acceptHTTP { //guard:fsstore/fetch.TestRedirectScheme
		return hop{}, failure.Failf("%s redirects from https to http (http://%s), where anyone on the "+
			"way could change the bytes: if that is acceptable, add the line `accept http` to "+
			"the job and retry", from.host, next.authority)
	}
	return next, nil
}

// denied says that denied/ forbids the last hop.
func denied(hops []hop, name string) error {
	last, how := hops[len(hops)-1], ""
	if len(hops) > 1 {
		how = hops[len(hops)-2].host + " redirects to " + last.host + ": "
	}
	return failure.Failf("%sdenied/%s denies this URL: remove that file to have it fetched, and "+
		"retry", how, name)
}

// deniedBy returns the name of the file in denied/ that forbids h, or "".
func (c *Client) deniedBy(h hop) string {
	if c.DeniedBy == nil {
		return ""
	}
	return c.DeniedBy(h.raw)
}

// request requests one hop, and reports whether the chain has not left the inside up to here: the
// dialled address is not public, and the hop was not reached by a public host's redirect. A
// redirect from there to a private address is allowed.
func (c *Client) request(ctx context.Context, q Request, h hop, by address.Basis) (
	*Answer, bool, error) {
	site, proxy, err := c.route(h, by)
	if err != nil {
		return nil, false, err
	}
	site.HTTP1 = site.HTTP1 || q.http1
	t, dialled, err := c.transport(h, site, proxy, by)
	if err != nil {
		return nil, false, &failure.Failure{Text: err.Error(), End: failure.Defer}
	}
	if !c.conns.acquire(h.host, site.Connections) {
		return nil, false, &HostFullError{h.host}
	}
	rctx, cancel := context.WithCancelCause(ctx)
	a := &Answer{
		withheld: site.Withholds(h.https),
		release:  sync.OnceFunc(func() { c.conns.release(h.host) }),
		cause:    func() error { return context.Cause(rctx) },
		cancel:   cancel, transport: t,
	}
	if !h.https {
		a.proxy = proxy
	}
	req := newRequest(q, h, site, c.UserAgent, proxy != nil)
	a.Response, err = c.roundTrip(rctx, cancel, t, req, h, site.HeaderTimeout)
	if err == nil {
		a.certAsked = dialled.certs.Load()
		return a, proxy == nil && by != address.ByRedirect && c.Policy.IsInside(dialled.addr), nil
	}
	err = cmp.Or(context.Cause(rctx), err)
	if context.Cause(ctx) == nil {
		err = requestFailure(err, h, proxy)
	}
	a.Stop(err)
	a.release()
	if q.http1 = h.https && !site.HTTP1 && wantsHTTP1(err); q.http1 {
		return c.request(ctx, q, h, by)
	}
	return nil, false, err
}

// wantsHTTP1 reports whether an origin said so (RFC 9113, 7), or ended the connection before
// net/http could ask over HTTP/2, which hides the reason, such as a TLS alert. Over HTTP/1.1
// net/http tells it.
func wantsHTTP1(err error) bool {
	return containsAny(err.Error(), "HTTP_1_1_REQUIRED", "unexpected EOF",
		"http2: client conn could not be established")
}

// route returns what the host's file of --origins says and the proxy to it, nil for none.
func (c *Client) route(h hop, by address.Basis) (site origins.Host, proxy *url.URL, err error) {
	written := (&url.URL{Host: h.authority}).Hostname()
	if address.IsAmbiguousNumber(written) { //guard:fsstore/fetch.TestProxy
		return site, nil, failure.Failf("the host %s is a number that may mean any address: write it as "+
			"four decimal numbers", h.host)
	}
	if site, err = c.Origins.Of(h.host); err != nil {
		return site, nil, &failure.Failure{Text: err.Error(), End: failure.Defer}
	}
	if proxy, err = c.proxyFor(h); err == nil && proxy != nil {
		err = c.Policy.CheckHost(h.host, by) //guard:fsstore/fetch.TestProxy
	}
	if err != nil {
		return site, nil, requestFailure(err, h, nil)
	}
	return site, proxy, nil
}

// newRequest returns a request without body. Fields of the host's file replace ours.
func newRequest(q Request, h hop, site origins.Host, agent string, proxied bool) *http.Request {
	header := http.Header{}
	maps.Copy(header, q.Fields)
	header.Set("User-Agent", cmp.Or(q.UserAgent, agent))
	header.Set("Accept", "*/*")
	header.Set("Accept-Encoding", "identity") //guard:fsstore/fetch.TestProvenance
	for name, values := range site.Lines(h.https) {
		header[name] = slices.Clone(values)
	}
	req := &http.Request{Method: cmp.Or(q.Method, http.MethodGet), URL: h.url(proxied),
		Host: h.authority, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if q.cookies != nil {
		for _, c := range q.cookies.Cookies(h.site()) {
			req.AddCookie(c)
		}
	}
	return req
}
