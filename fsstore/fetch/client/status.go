package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/key"
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

// RetryAfter returns after how long to ask again, by the answer's Retry-After, up to a day; 0: it
// doesn't say.
func (a *Answer) RetryAfter() time.Duration {
	return retryAfter(a.Header.Get("Retry-After"), time.Now())
}

// StatusFailure makes a failure of a status that brings no artifact.
func (a *Answer) StatusFailure() *failure.Failure {
	f := statusFailure(a.Response, a.final(), time.Now())
	refused := a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden
	if a.withheld && refused {
		f.Text += " (the header lines in the file " + a.final().host + " of the --origins " +
			"directory were not sent, for this is http: the line `# allow http` in it allows that)"
	}
	if a.certAsked && (refused || a.StatusCode == http.StatusBadRequest) { // nginx answers 400
		f.Text += " (it asked for a client certificate: name it with the lines `cert FILE` and " +
			"`key FILE` in the file " + a.final().host + " of the --origins directory, then retry)"
	}
	if a.proxy != nil {
		f.Text += " (asked by way of the proxy " + a.proxy.Host + ", HTTP_PROXY, which may be " +
			"who says so)"
	}
	return f
}

// StatusFailure is the part of it that the status alone decides.
func statusFailure(r *http.Response, h hop, now time.Time) *failure.Failure {
	status := strings.TrimSpace(strconv.Itoa(r.StatusCode) + " " + http.StatusText(r.StatusCode))
	f := &failure.Failure{End: failure.Fail, Text: status + ": " + explainStatus(r.StatusCode, h)}
	switch code := r.StatusCode; {
	case code >= 500:
		f.Reason = failure.Status5xx
	case code >= 400:
		f.Reason = failure.Status4xx
	}
	switch code := r.StatusCode; {
	case code == 408, code == 425, code == 429,
		code >= 500 && code <= 599 && code != 501 && code != 505:
		f.End, f.After = failure.Retry, retryAfter(r.Header.Get("Retry-After"), now)
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
		return failure.Failf("%s: it wants a user name and password, or others: put them into "+
			"HTTPS_PROXY, start the server again, and retry", said)
	case code == 408, code == 425, code == 429, code >= 500 && code != 501 && code != 505:
		return &failure.Failure{Text: said + ": it can't reach it, or is in trouble itself",
			End: failure.Retry, After: retryAfter(answer.Header.Get("Retry-After"), now)}
	}
	return failure.Failf("%s: have it allowed there, or name the host in NO_PROXY and start the "+
		"server again, then retry", said)
}
