package client

import (
	"context"
	"net/http"
	"net/url"
)

// Answer is a response that is no redirect, with the hops that led to it.
type Answer struct {
	*http.Response
	hops      []hop // from the URL as asked to the one that answered
	cancel    context.CancelCauseFunc
	cause     func() error    // why the request was ended, or nil
	transport *http.Transport // has no other connection
	release   func()          // see hostConns
	withheld  bool            // header lines of the last hop's file were not sent over http
	certAsked bool            // a client certificate was asked for, and we had none
	proxy     *url.URL        // an http proxy that answered for the last hop; nil: none
}

// final returns the hop that answered.
func (a *Answer) final() hop { return a.hops[len(a.hops)-1] }

// Host returns the host that answered.
func (a *Answer) Host() string { return a.final().host }

// URL returns the URL that answered. It may carry a signature.
func (a *Answer) URL() string { return a.final().raw }

// Redirects returns the URLs before that one, from the one that was asked for.
func (a *Answer) Redirects() (list []string) {
	for _, h := range a.hops[:len(a.hops)-1] {
		list = append(list, h.raw)
	}
	return list
}

// Stop ends the request, and a Read of the body with it. cause is what Cause returns from now on,
// unless the request was ended before.
func (a *Answer) Stop(cause error) {
	a.cancel(cause)
	a.transport.CloseIdleConnections()
}

// Cause returns why the request was ended, or nil.
func (a *Answer) Cause() error { return a.cause() }

// Close ends the connection, which is used for nothing else.
func (a *Answer) Close() {
	a.Stop(nil) // first, because Close waits for a Read
	a.Body.Close()
	a.release()
}
