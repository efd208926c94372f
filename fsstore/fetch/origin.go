package fetch

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"time"
)

const (
	maxRedirects = 10        // what RFC 9110, 15.4 leaves open and browsers double
	maxHeader    = 256 << 10 // bytes of an answer's header; the longest seen of a vendor is 16 KiB
)

// answer is a response that is no redirect, and the way to it.
type answer struct {
	*http.Response
	hops  []hop        // the first is the URL as asked, the last the one that answered
	stop  func(error)  // ends the request, and a Read of the body with it
	cause func() error // why it ended, or nil
	notes []string     // for meta
}

func (a *answer) final() hop { return a.hops[len(a.hops)-1] }

// close ends the connection; nothing else goes over it.
func (a *answer) close() {
	a.stop(nil) // first, for Close waits for a Read
	a.Body.Close()
}

// question is what an origin is asked.
type question struct {
	method string // "": GET
	url    string
	fields http.Header
	tool   string // to say as User-Agent; "": our own

	cookies http.CookieJar // what the origins of this chain have set; nobody else ever sees them

	acceptHTTP, acceptPrivate bool // what the job says
}

// ask requests the URL and follows redirects, each of which is judged as the URL itself is. The answer must be closed. An
// error is a *failure, or the cause for which ctx ended.
func (p *Pool) ask(ctx context.Context, q question) (*answer, error) {
	h, err := parseHop(q.url)
	if err != nil {
		return nil, failed("%v", err)
	}
	hops := []hop{h}
	q.cookies, _ = cookiejar.New(nil) // that a host may set one for all of .com does no harm to who forgets it at once
	by, own := byApproval, true
	if isPublicName(h.host) && !q.acceptPrivate {
		by = byName
	}
	for {
		a, inside, err := p.request(ctx, q, h, by, own)
		if err != nil {
			return nil, err
		}
		a.hops = hops
		q.cookies.SetCookies(h.site(), a.Cookies())
		if !isRedirect(a.StatusCode) {
			return a, nil
		}
		next, err := p.follow(a, q.acceptHTTP)
		a.close()
		if err != nil {
			return nil, err
		}
		if by = byRedirect; inside {
			by = byApproval
		}
		own = own && h.sameOrigin(next)
		h, hops = next, append(hops, next)
	}
}

func isRedirect(code int) bool {
	switch code {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// follow returns where an answer redirects to.
func (p *Pool) follow(a *answer, acceptHTTP bool) (hop, error) {
	from := a.final()
	if len(a.hops) > maxRedirects {
		return hop{}, failed("more than %d redirects, the last at %s: a loop, most likely; check the URL, or find the final one and approve that", maxRedirects, from.host)
	}
	next, err := from.redirect(a.Header.Get("Location"))
	if err != nil {
		return hop{}, failed("%s redirects (%d), but %v", from.host, a.StatusCode, err)
	}
	if name := p.deniedBy(next); name != "" {
		return hop{}, failed("%s redirects to %s, for which denied/%s speaks: remove that file to have it fetched, and retry", from.host, next.host, name)
	}
	if from.https && !next.https && !acceptHTTP {
		return hop{}, failed("%s redirects from https to http (http://%s), where anyone on the way could change the bytes: if that is acceptable, add the line `accept http` to the job and retry", from.host, next.authority)
	}
	return next, nil
}

func (p *Pool) deniedBy(h hop) string {
	if p.store == nil {
		return ""
	}
	return p.store.DeniedBy(h.raw)
}

// request asks for one URL of a chain. inside says that all of it up to here is: the address that was dialled is a private
// one, or one that --allow-origin names and that is not public. Then a redirect to a private address leads from the inside to
// the inside.
func (p *Pool) request(ctx context.Context, q question, h hop, by lead, own bool) (_ *answer, inside bool, err error) {
	if oddNumber((&url.URL{Host: h.authority}).Hostname()) {
		return nil, false, failed("the host %s is a number that may mean any address: write it as four decimal numbers", h.host)
	}
	req, err := p.newRequest(q, h, own)
	if err != nil {
		return nil, false, err
	}
	proxy, err := p.proxyFor(h)
	if err == nil && proxy != nil {
		req.URL = h.url(true)
		err = p.addr.judgeName(h.host, by)
	}
	if err != nil {
		return nil, false, unreachable(err, h, nil)
	}
	t, dialled := p.transport(h, proxy, by)
	rctx, cancel := context.WithCancelCause(ctx)
	resp, err := t.RoundTrip(req.WithContext(rctx))
	stop := func(cause error) {
		cancel(cause)
		t.CloseIdleConnections()
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		} else {
			err = unreachable(err, h, proxy)
		}
		stop(err)
		return nil, false, err
	}
	return &answer{Response: resp, stop: stop, cause: func() error { return context.Cause(rctx) }}, proxy == nil && by != byRedirect && p.isInside(*dialled), nil
}

func (p *Pool) isInside(a netip.Addr) bool {
	now, err := p.addr.now()
	c, _ := now.classify(a)
	return err == nil && c != public
}

// newRequest has no body. The credentials' lines are in it only while the chain has never left the approved host.
func (p *Pool) newRequest(q question, h hop, own bool) (*http.Request, error) {
	header := http.Header{}
	maps.Copy(header, q.fields)
	header.Set("User-Agent", cmp.Or(q.tool, p.o.UserAgent))
	header.Set("Accept", "*/*")
	header.Set("Accept-Encoding", "identity")
	if own {
		lines, err := p.creds.header(h.host, h.https)
		if err != nil {
			return nil, &failure{reason: err.Error(), do: wait}
		}
		for name, values := range lines {
			header[name] = values
		}
	}
	req := &http.Request{Method: cmp.Or(q.method, http.MethodGet), URL: h.url(false), Host: h.authority, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	for _, c := range q.cookies.Cookies(h.site()) {
		req.AddCookie(c)
	}
	return req, nil
}

func (p *Pool) proxyFor(h hop) (*url.URL, error) {
	u, err := p.proxy(&http.Request{URL: &url.URL{Scheme: h.scheme(), Host: h.authority}})
	if err != nil {
		return nil, errors.New("the proxy that the environment names is no URL: mend HTTPS_PROXY or HTTP_PROXY")
	}
	return u, nil
}

// transport is for one request, so that its connection is dialled under its own rules. dialled tells where that led.
func (p *Pool) transport(h hop, proxy *url.URL, by lead) (*http.Transport, *netip.Addr) {
	dialled := new(netip.Addr)
	d := &net.Dialer{Timeout: p.o.Connect, KeepAlive: 15 * time.Second, Resolver: p.resolver}
	if proxy == nil {
		d.ControlContext = p.addr.control(by)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: http.ProxyURL(proxy),
		OnProxyConnectResponse: func(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
			return notConnected(answer, h, proxy, time.Now())
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := d.DialContext(ctx, network, address)
			if err == nil {
				ap, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
				*dialled = ap.Addr()
			}
			return conn, err
		},
		TLSClientConfig:        p.tls.Clone(), // nil is one of Go's own
		TLSHandshakeTimeout:    p.o.Connect,
		ResponseHeaderTimeout:  p.o.Header,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		Protocols:              protocols,
	}, dialled
}
