package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore/fetch/address"
	"fromcache/fsstore/key"
)

// failure is an attempt that did not bring the artifact, and what becomes of the job.
type failure struct {
	reason  string // for people: what happened, what to do
	end     ending
	after   time.Duration // least delay until the next attempt, from Retry-After
	discard bool          // the part can't be resumed
	why     Reason        // for Options.Ended; "": see because
}

func (f *failure) Error() string { return f.reason }

// ending is what becomes of the job of a failed attempt.
type ending uint8

const (
	endFail  ending = iota // to failed/
	endRetry               // to queue/, counted as an attempt
	endDefer               // to queue/, not counted
)

// failf returns a failure that a further attempt would not change.
func failf(format string, args ...any) error {
	return &failure{reason: fmt.Sprintf(format, args...), end: endFail}
}

// discardf is failf for bytes that are not to be kept.
func discardf(format string, args ...any) error {
	return &failure{reason: fmt.Sprintf(format, args...), end: endFail, discard: true}
}

// retryf returns a failure that may pass by itself.
func retryf(format string, args ...any) error {
	return &failure{reason: fmt.Sprintf(format, args...), end: endRetry}
}

// Causes that end a request.
var (
	errCancelled = errors.New("the job left active/")
	errStopped   = errors.New("the server stops")
	errIdle      = errors.New("no byte came for too long")
)

// maxRetryAfter bounds Retry-After, because an origin that asks for more means that a person
// should look.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads a Retry-After field (RFC 9110, 10.2.3), in seconds or as a date; 0 is none.
func retryAfter(field string, now time.Time) time.Duration {
	field = strings.TrimSpace(field)
	if field != "" && strings.Trim(field, "0123456789") == "" {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil || n > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(n) * time.Second
	}
	t, err := http.ParseTime(field)
	if err != nil {
		return 0
	}
	return min(max(t.Sub(now), 0), maxRetryAfter)
}

// delay returns the time to wait after n attempts: doubled each time up to MaxBackoff, and never
// less than asked. It varies by a quarter so that the jobs of a broken origin don't return all at
// once.
func (o Options) delay(n int, asked time.Duration) time.Duration {
	d := o.Backoff
	for i := 1; i < n && d < o.MaxBackoff; i++ {
		d *= 2
	}
	d = min(d, o.MaxBackoff)
	d += time.Duration((rand.Float64() - 0.5) / 2 * float64(d))
	return max(d, asked)
}

// statusFailure makes a failure of a status that brings no artifact.
func (a *answer) statusFailure() *failure {
	f := statusFailure(a.Response, a.final(), time.Now())
	refused := a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden
	if a.withheld && refused {
		f.reason += " (the header lines in the file " + a.final().host + " of the --origins " +
			"directory were not sent, for this is http: the line `# allow http` in it allows that)"
	}
	if a.certAsked && (refused || a.StatusCode == http.StatusBadRequest) { // nginx answers 400
		f.reason += " (it asked for a client certificate: name it with the lines `cert FILE` and " +
			"`key FILE` in the file " + a.final().host + " of the --origins directory, then retry)"
	}
	if a.proxy != nil {
		f.reason += " (asked by way of the proxy " + a.proxy.Host + ", HTTP_PROXY, which may be " +
			"who says so)"
	}
	return f
}

// statusFailure is the part of it that the status alone decides.
func statusFailure(r *http.Response, h hop, now time.Time) *failure {
	status := strings.TrimSpace(strconv.Itoa(r.StatusCode) + " " + http.StatusText(r.StatusCode))
	f := &failure{end: endFail, reason: status + ": " + explainStatus(r.StatusCode, h)}
	switch code := r.StatusCode; {
	case code >= 500:
		f.why = ReasonStatus5xx
	case code >= 400:
		f.why = ReasonStatus4xx
	}
	switch code := r.StatusCode; {
	case code == 408, code == 425, code == 429,
		code >= 500 && code <= 599 && code != 501 && code != 505:
		f.end, f.after = endRetry, retryAfter(r.Header.Get("Retry-After"), now)
	}
	return f
}

// explainStatus says what a status means here and what to do.
func explainStatus(code int, h hop) string {
	switch {
	case code == 401:
		return h.host + " wants credentials: put its header lines into the file " + h.host +
			" of the directory of --origins (or --credentials), then retry"
	case code == 403 && key.Redact(h.raw) != h.raw:
		return h.host + " refuses it, most likely because the signature in the URL has expired: " +
			"the next client that asks makes a fresh miss"
	case code == 403:
		return h.host + " refuses it: check the URL, and whether it wants credentials or a " +
			"licence accepted"
	case code == 404, code == 410:
		return "the origin does not have it; check the URL"
	case code == 407:
		return "the proxy wants credentials: put them into HTTPS_PROXY or HTTP_PROXY"
	case code == 429:
		return h.host + " wants fewer requests"
	case code >= 500 && code <= 599:
		return "the origin is in trouble"
	case code == 206, code == 200: // see isWhole
		return "the origin sent a piece where the whole was asked for; retry later, or report it " +
			"to the origin"
	case code == 304:
		return "the origin says that nothing changed, but nothing was there to compare; retry, " +
			"or report it to the origin"
	case code >= 300 && code <= 399:
		return "a redirect that can't be followed; check the URL"
	case code >= 200 && code <= 299:
		return "the origin sent no file; check the URL"
	}
	return h.host + " refuses the request; check the URL"
}

// proxyFailure says why a proxy doesn't connect. It returns nil where it did.
func proxyFailure(answer *http.Response, h hop, proxy *url.URL, now time.Time) error {
	status := strings.TrimSpace(strconv.Itoa(answer.StatusCode) + " " +
		http.StatusText(answer.StatusCode))
	said := fmt.Sprintf("the proxy %s (HTTPS_PROXY) does not connect to %s: %s", proxy.Host,
		h.address(), status)
	switch code := answer.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == 407:
		return failf("%s: it wants a user name and password, or others: put them into "+
			"HTTPS_PROXY, start the server again, and retry", said)
	case code == 408, code == 425, code == 429, code >= 500 && code != 501 && code != 505:
		return &failure{reason: said + ": it can't reach it, or is in trouble itself",
			end: endRetry, after: retryAfter(answer.Header.Get("Retry-After"), now)}
	}
	return failf("%s: have it allowed there, or name the host in NO_PROXY and start the server "+
		"again, then retry", said)
}

// socksFailure says why a SOCKS proxy doesn't connect, by net/http's texts for its replies (RFC
// 1928, 6; RFC 1929, 2).
func socksFailure(err error, h hop, proxy *url.URL) error {
	said := fmt.Sprintf("the proxy %s (%s) does not connect to %s (%v)", proxy.Host,
		proxyVariable(h), h.address(), err)
	for _, final := range []string{"authentication", "not allowed by ruleset", "not supported"} {
		if strings.Contains(err.Error(), final) {
			return failf("%s: mend its user name and password in that variable, or have it "+
				"allowed there, start the server again, and retry", said)
		}
	}
	return retryf("%s", said)
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
			return failf("%s %s; then retry (%v)", host, strings.ReplaceAll(a.why, "HOST",
				host), err)
		}
	}
	return nil
}

// requestFailure makes a failure of the error of a request: broken connections are retried, and
// what only a person can mend fails.
func requestFailure(err error, h hop, proxy *url.URL) error {
	var op *net.OpError
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if e, ok := errors.AsType[*address.InterfacesError](err); ok {
		return &failure{reason: e.Error(), end: endDefer}
	}
	if errors.As(err, &op) && op.Op == "socks connect" && proxy != nil {
		return because(ReasonConnection, socksFailure(op.Err, h, proxy))
	}
	if errors.As(err, &op) && op.Op == "proxyconnect" && proxy != nil {
		p := hop{https: proxy.Scheme == "https", authority: proxy.Host, host: proxy.Hostname()}
		f := requestFailure(op.Err, p, nil).(*failure)
		f.reason = "the proxy that " + proxyVariable(h) + " names: " + f.reason
		return f
	}
	return because(reasonOfRequest(err, h), connectionFailure(err, h, proxy))
}

// connectionFailure is requestFailure for a connection that was tried without a proxy or through one.
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
		return failf("%s: %v", h.host, no)
	case errors.As(err, &unknown):
		return failf("the certificate of %s can't be verified (%v): check this machine's clock "+
			"and CA certificates, and the URL; where the host has a CA of its own, name that "+
			"with the line `ca FILE` in the file %s of the --origins directory; then retry",
			h.host, err, h.host)
	case errors.As(err, &cert):
		return failf("the certificate of %s can't be verified (%v): check this machine's clock "+
			"and CA certificates, and the URL, then retry", h.host, err)
	case final != nil:
		return final
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return failf("%s does not speak TLS on this port: check the URL, http:// may be meant",
			h.address())
	case errors.As(err, &dns):
		return retryf("the name %s can't be resolved (%s): check it, and this machine's DNS",
			h.host, dnsReason(dns))
	case containsAny(err.Error(), "server response headers exceeded", "header list larger than"):
		return failf("%s sent a header of more than %d KiB: check the URL", h.host, maxHeader>>10)
	case errors.Is(err, errIdle), errors.Is(err, context.DeadlineExceeded), errors.As(err,
		&timeout) && timeout.Timeout():
		return retryf("%s did not answer in time (%v)", h.address(), err)
	}
	return retryf("the connection to %s failed (%v)%s%s", h.address(), withoutQuotes(err),
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

// noHeader says that no header came in time.
func noHeader(h hop, waited time.Duration) error {
	return retryf("%s did not answer in time: no header in %v; if it needs longer, raise "+
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
