package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/fetch/address"
	"fromcache/fsstore/fetch/failure"
)

// socksFailure says why a SOCKS proxy doesn't connect, by net/http's texts for its replies (RFC
// 1928, 6; RFC 1929, 2).
func socksFailure(err error, h hop, proxy *url.URL) error {
	said := fmt.Sprintf("the proxy %s (%s) does not connect to %s (%v)", proxy.Host,
		proxyVariable(h), h.address(), err)
	for _, final := range []string{"authentication", "not allowed by ruleset", "not supported"} {
		if strings.Contains(err.Error(), final) {
			return failure.Failf("%s: mend its user name and password in that variable, or have it "+
				"allowed there, start the server again, and retry", said)
		}
	}
	return failure.Retryf("%s", said)
}

// proxyVariable names the variable of the environment that names the proxy.
func proxyVariable(h hop) string {
	if h.https {
		return "HTTPS_PROXY"
	}
	return "HTTP_PROXY"
}

// alerts are TLS errors that no further attempt changes, and what to do; the first that matches
// counts. They are matched by text (RFC 8446, 6.2), because crypto/tls does not export the type of
// an alert.
var alerts = []struct{ text, why string }{
	{"tls: certificate required", wantsCert},
	{"remote error: tls: bad certificate", refusesCert},
	{"remote error: tls: unsupported certificate", refusesCert},
	{"remote error: tls: revoked certificate", refusesCert},
	{"remote error: tls: expired certificate", refusesCert},
	{"remote error: tls: unknown certificate", refusesCert}, // and: certificate authority
	{"remote error: tls: access denied", refusesCert},
	{"tls: no renegotiation", wantsCert},
	{"tls: protocol version not supported", oldTLS},
	{"tls: server selected unsupported protocol version", oldTLS},
	{"tls: handshake failure", noCipher},
	{"tls: insufficient security level", noCipher},
	{"tls: server chose an unconfigured cipher suite", noCipher},
	{"tls: server selected unsupported", noCipher},
	{"tls: unrecognized name", "does not know that name: check the URL"},
	{"tls: no application protocol", "and we have no protocol in common: add the line `http1` to " +
		"the file HOST of the --origins directory"},
	{"tls: failed to parse certificate from server", badCert},
	{"tls: server sent certificate containing RSA key", badCert},
	{"tls: server's certificate contains an unsupported type of public key", badCert},
	{"tls: invalid signature by the server certificate", badCert},
}

const (
	wantsCert = "wants a client certificate: name it with the lines `cert FILE` and `key FILE` " +
		"in the file HOST of the --origins directory"
	refusesCert = "refuses the client certificate, or wants one: name it with the lines `cert " +
		"FILE` and `key FILE` in the file HOST of the --origins directory"
	oldTLS = "speaks no TLS 1.2 or later, and what is older protects nothing: fetch it " +
		"elsewhere, and carry it in with `fromcache put URL FILE`"
	noCipher = "has no cipher in common with us, or wants a client certificate (lines `cert " +
		"FILE` and `key FILE` in the file HOST of the --origins directory). " +
		"For one that has RSA key exchange alone, as old appliances do, start the server with " +
		"GODEBUG=tlsrsakex=1; or fetch it elsewhere, and carry it in with `fromcache put URL " +
		"FILE`"
	badCert = "sent a certificate that can't be used: have it mended there, or fetch it " +
		"elsewhere, and carry it in with `fromcache put URL FILE`"
)

// handshakeFailure makes a failure of a TLS error in alerts. It returns nil for others.
func handshakeFailure(err error, host string) error {
	text := err.Error()
	for _, a := range alerts {
		if strings.Contains(text, a.text) {
			return failure.Failf("%s %s; then retry (%v)", host, strings.ReplaceAll(a.why, "HOST",
				host), err)
		}
	}
	return nil
}

// requestFailure makes a failure of the error of a request: broken connections are retried, and
// what only a person can mend fails.
func requestFailure(err error, h hop, proxy *url.URL) error {
	var op *net.OpError
	if f, ok := errors.AsType[*failure.Failure](err); ok {
		return f
	}
	if e, ok := errors.AsType[*address.InterfacesError](err); ok {
		return &failure.Failure{Text: e.Error(), End: failure.Defer}
	}
	if errors.As(err, &op) && op.Op == "socks connect" && proxy != nil {
		return failure.Because(failure.Connection, socksFailure(op.Err, h, proxy))
	}
	if errors.As(err, &op) && op.Op == "proxyconnect" && proxy != nil {
		p := hop{https: proxy.Scheme == "https", authority: proxy.Host, host: proxy.Hostname()}
		f := requestFailure(op.Err, p, nil).(*failure.Failure)
		f.Text = "the proxy that " + proxyVariable(h) + " names: " + f.Text
		return f
	}
	return failure.Because(reasonOfRequest(err, h), connectionFailure(err, h, proxy))
}

// connectionFailure is requestFailure for a connection that was tried without a proxy or through
// one.
func connectionFailure(err error, h hop, proxy *url.URL) error {
	var (
		no      *address.RefusedError
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		record  tls.RecordHeaderError
		timeout net.Error
	)
	final := handshakeFailure(err, h.host)
	switch {
	case errors.As(err, &no):
		return failure.Failf("%s: %v", h.host, no)
	case errors.As(err, &unknown):
		return failure.Failf("the certificate of %s can't be verified (%v): check this machine's clock "+
			"and CA certificates, and the URL; where the host has a CA of its own, name that "+
			"with the line `ca FILE` in the file %s of the --origins directory; then retry",
			h.host, err, h.host)
	case errors.As(err, &cert):
		return failure.Failf("the certificate of %s can't be verified (%v): check this machine's clock "+
			"and CA certificates, and the URL, then retry", h.host, err)
	case final != nil:
		return final
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return failure.Failf("%s does not speak TLS on this port: check the URL, http:// may be meant",
			h.address())
	case errors.As(err, &dns):
		return failure.Retryf("the name %s can't be resolved (%s): check it, and this machine's DNS",
			h.host, dnsReason(dns))
	case containsAny(err.Error(), "server response headers exceeded", "header list larger than"):
		return failure.Failf("%s sent a header of more than %d KiB: check the URL", h.host, maxHeader>>10)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err,
		&timeout) && timeout.Timeout():
		return failure.Retryf("%s did not answer in time (%v)", h.address(), err)
	}
	return failure.Retryf("the connection to %s failed (%v)%s%s", h.address(), withoutQuotes(err),
		http1Hint(err, h), viaProxy(h, proxy))
}

// withoutQuotes returns the text of err up to a quotation mark, because an origin may have sent
// back a credential that was sent to it.
func withoutQuotes(err error) string {
	text, _, _ := strings.Cut(err.Error(), `"`)
	return strings.TrimRight(text, ": ")
}

// viaProxy names the proxy, if any.
func viaProxy(h hop, proxy *url.URL) string {
	if proxy == nil {
		return ""
	}
	return " (by way of the proxy " + proxy.Host + ", " + proxyVariable(h) + ")"
}

// http1Hint says what may help where an origin's HTTP/2 is broken. It returns "" for other errors.
func http1Hint(err error, h hop) string {
	if containsAny(err.Error(), "http2", "stream error", "connection error: ", "HTTP/2") {
		return ": if it stays so, add the line `http1` to the file " + h.host +
			" of the --origins directory"
	}
	return ""
}

// HTTP1Hint returns what may help where reading the body failed by err because HTTP/2 is broken
// there, and "" for other errors.
func (a *Answer) HTTP1Hint(err error) string { return http1Hint(err, a.final()) }

// noHeader says that no header came in time.
func noHeader(h hop, waited time.Duration) error {
	return failure.Retryf("%s did not answer in time: no header in %v; if it needs longer, raise "+
		"--header-timeout, or write `header-timeout 10m` into the file %s of the --origins "+
		"directory", h.address(), waited, h.host)
}

// dnsReason is what a resolver said, without the addresses of resolvers.
func dnsReason(e *net.DNSError) string {
	if e.IsNotFound {
		return "there is no such host"
	}
	return e.Err
}

// containsAny reports whether text contains one of parts.
func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool {
		return strings.Contains(text, part)
	})
}

// reasonOfRequest returns why a request had no answer.
func reasonOfRequest(err error, h hop) failure.Reason {
	var timeout net.Error
	switch {
	case errors.As(err, new(*address.RefusedError)):
		return failure.Other
	case errors.As(err, new(*tls.CertificateVerificationError)),
		errors.As(err, new(x509.UnknownAuthorityError)),
		errors.As(err, new(tls.RecordHeaderError)), handshakeFailure(err, h.host) != nil:
		return failure.TLS
	case errors.As(err, new(*net.DNSError)):
		return failure.DNS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failure.Timeout
	}
	return failure.Connection
}
