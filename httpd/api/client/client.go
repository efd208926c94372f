// Package client is a cache that is operated through the API of its server: the verbs from afar.
//
// A token goes to the server that was named and nowhere else: redirects are not followed, and no
// proxy is asked.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"fromcache/httpd/operate"
)

const (
	// dialPatience is how long a connection, and then its TLS, may take.
	dialPatience = 5 * time.Second
	// patience is how long a server may say nothing: it may read 100,000 files for an answer.
	patience = time.Minute
	// putPatience is how long a server may take to have on its disk what was put.
	putPatience = 10 * time.Minute
	// maxAnswer bounds what is read of an answer, in bytes. A job's log has at most 4 MiB.
	maxAnswer = 256 << 20
)

// Client is an operate.Cache behind the API of a server.
type Client struct {
	server string // its address, without a slash at the end
	bearer string // "": none
	http   *http.Client
}

var _ operate.Cache = (*Client)(nil)

// New returns a client of the server at an address such as https://cache.example, without a slash
// at its end. bearer is a token of that server, or "". roots are the CAs of an https server; nil:
// the system's.
func New(server, bearer string, roots *x509.CertPool) *Client {
	dialer := net.Dialer{
		Timeout: dialPatience,
		// A server that has gone is noticed while its answer is waited for, too.
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3,
		},
	}
	return &Client{server, bearer, &http.Client{
		Transport: &http.Transport{
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   dialPatience,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ExpectContinueTimeout: dialPatience,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// request is what is sent, and where its answer goes.
type request struct {
	method, path string
	query        url.Values
	kind         string // of the body
	body         io.Reader
	size         int64 // of the body; -1 unknown
	prefer       string
	read         func(io.Reader, postpone) error // nil: the body is not read
	watch        func(postpone)                  // called first; nil: nobody wants to know
}

// postpone puts off the moment at which a silent server is given up.
type postpone func(time.Duration)

// errSilent is why a request is given up.
var errSilent = errors.New("it said nothing for long")

// do sends a request, and gives its answer to r.read.
func (c *Client) do(ctx context.Context, r request) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(patience, func() { cancel(errSilent) })
	defer silence.Stop()
	later := func(d time.Duration) { silence.Reset(d) }
	if r.watch != nil {
		r.watch(later)
	}
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return c.unanswered(ctx, "no answer", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return c.problem(answer)
	}
	if r.read == nil {
		return nil
	}
	later(patience)
	if err := r.read(answer.Body, later); err != nil {
		return c.unanswered(ctx, "an answer that can't be read", err)
	}
	return nil
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	at := c.server + "/api/v1/" + r.path
	if len(r.query) > 0 {
		at += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, at, r.body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.ContentLength = r.size
		req.Header.Set("Content-Type", r.kind)
		if r.watch != nil { // so that what is refused at once is not sent
			req.Header.Set("Expect", "100-continue")
		}
		if r.size == 0 {
			req.Body = http.NoBody // else 0 means that the size is unknown
		}
	}
	req.Header.Set("User-Agent", "fromcache")
	if r.prefer != "" {
		req.Header.Set("Prefer", r.prefer)
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	return req, nil
}

// unanswered says which server gave what, and why.
func (c *Client) unanswered(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
		err = cause
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the URL, which is long
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		err = fmt.Errorf("%w: FROMCACHE_CA_FILE or SSL_CERT_FILE names the CA's certificate", err)
	}
	switch _, address, _ := strings.Cut(c.server, "://"); {
	case errors.Is(err, http.ErrSchemeMismatch):
		err = fmt.Errorf("%w: it speaks plain HTTP: write http://%s", err, address)
	case errors.Is(err, syscall.ECONNREFUSED):
		err = fmt.Errorf("%w: is the server running, is the port right?", err)
	}
	return fmt.Errorf("the server %s gives %s: %w", c.server, what, err)
}

// get reads JSON into v.
func (c *Client) get(ctx context.Context, path string, query url.Values, v any) error {
	return c.do(ctx, request{method: http.MethodGet, path: path, query: query, read: decodeInto(v)})
}

func decodeInto(v any) func(io.Reader, postpone) error {
	return func(r io.Reader, _ postpone) error {
		return json.NewDecoder(io.LimitReader(r, maxAnswer)).Decode(v)
	}
}
