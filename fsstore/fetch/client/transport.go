package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"fromcache/fsstore/fetch/address"
	"fromcache/fsstore/fetch/origins"
)

// proxyFor returns the proxy that the environment names for h, or nil.
func (c *Client) proxyFor(h hop) (*url.URL, error) {
	u, err := c.Proxy(&http.Request{URL: &url.URL{Scheme: h.scheme(), Host: h.authority}})
	if err != nil {
		return nil, errors.New("the proxy that the environment names is no URL: mend HTTPS_PROXY " +
			"or HTTP_PROXY")
	}
	return u, nil
}

// dialled is what became known of a connection.
type dialled struct {
	addr  netip.Addr
	certs atomic.Bool // a client certificate was asked for, and we had none
}

// transport returns a transport for one request, so that its connection is dialled under its own
// rules, and what becomes known of that connection.
func (c *Client) transport(h hop, site origins.Host, proxy *url.URL, by address.Basis) (
	*http.Transport, *dialled, error) {
	to := new(dialled)
	conf, err := c.tlsConfig(h, site, to)
	if err != nil {
		return nil, nil, err
	}
	d := &net.Dialer{Timeout: c.Connect, KeepAlive: 15 * time.Second, Resolver: c.Resolver}
	if proxy == nil {
		d.ControlContext = c.Policy.Control(by) //guard:fsstore/fetch.TestInside
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(!site.HTTP1)
	return &http.Transport{
		Proxy: http.ProxyURL(proxy),
		OnProxyConnectResponse: func(_ context.Context, via *url.URL, _ *http.Request,
			r *http.Response) error {
			return proxyFailure(r, h, via, time.Now())
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := d.DialContext(ctx, network, address)
			if err == nil {
				ap, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
				to.addr = ap.Addr()
			}
			return conn, err
		},
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    c.Connect,
		MaxResponseHeaderBytes: maxHeader, //guard:fsstore/fetch.TestBehaviours
		DisableCompression:     true,
		DisableKeepAlives:      true,
		Protocols:              protocols,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: window,
			MaxReceiveBufferPerConnection: 2 * window, MaxReadFrameSize: 256 << 10},
	}, to, nil
}

// tlsConfig returns the host's TLS configuration. It notes in to that a client certificate was
// asked for where there is none.
func (c *Client) tlsConfig(h hop, site origins.Host, to *dialled) (*tls.Config, error) {
	conf, err := site.TLS(h.host, c.TLS)
	if err != nil {
		return nil, err
	}
	if conf == nil {
		conf = &tls.Config{}
	}
	if site.Cert == nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			to.certs.Store(true)
			return new(tls.Certificate), nil // none
		}
	}
	return conf, nil
}
