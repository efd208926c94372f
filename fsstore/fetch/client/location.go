package client

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"fromcache/fsstore/key"
)

// hop is one URL of a chain of redirects, ready to be requested.
type hop struct {
	raw       string // normalised, with its whole query
	https     bool
	authority string // host, and port unless it is the default
	target    string // what follows: path and query, byte for byte
	host      string // without port
}

// parseHop splits a URL without decoding it, because some origins serve paths such as "%zz".
func parseHop(raw string) (hop, error) {
	norm, err := key.FetchURL(raw)
	if err != nil {
		return hop{}, err
	}
	u, err := key.Parse(raw, key.Keep)
	if err != nil {
		return hop{}, err
	}
	h := hop{raw: norm, host: u.Host()}
	scheme, rest, _ := strings.Cut(norm, "://")
	h.https = scheme == "https"
	n := strings.IndexAny(rest, "/?")
	if n < 0 {
		n = len(rest)
	}
	h.authority, h.target = rest[:n], rest[n:]
	return h, nil
}

func (h hop) scheme() string {
	if h.https {
		return "https"
	}
	return "http"
}

// address returns host:port.
func (h hop) address() string {
	if u := (&url.URL{Host: h.authority}); u.Port() != "" {
		return h.authority
	}
	return net.JoinHostPort(h.host, map[bool]string{true: "443", false: "80"}[h.https])
}

// URL returns h for net/http so that the target is sent byte for byte. Where net/url would encode
// it anew the URL is opaque. An opaque URL includes the host for an http proxy, which needs it,
// and for a path that begins with "//".
func (h hop) url(proxied bool) *url.URL {
	path, query, asked := strings.Cut(h.target, "?")
	u := &url.URL{Scheme: h.scheme(), Host: h.authority, RawPath: path, RawQuery: query,
		ForceQuery: asked}
	var err error
	if u.Path, err = url.PathUnescape(path); err == nil && u.RequestURI() == h.target {
		return u
	}
	u = &url.URL{Scheme: h.scheme(), Host: h.authority, Opaque: h.target}
	if proxied && !h.https || strings.HasPrefix(h.target, "//") {
		u.Opaque = "//" + h.authority + h.target
	}
	return u
}

// site returns the URL by which cookies are stored, with its path as it is sent (RFC 6265, 5.1.4).
func (h hop) site() *url.URL {
	path, _, _ := strings.Cut(h.target, "?")
	return &url.URL{Scheme: h.scheme(), Host: h.authority, Path: path}
}

// redirect resolves a Location field against h (RFC 9110, 10.2.2; RFC 3986, 5.2). It
// percent-encodes bytes that may not be in a URL, as browsers and curl do.
func (h hop) redirect(location string) (hop, error) {
	loc := encodeBytes(strings.TrimSpace(location))
	loc, _, _ = strings.Cut(loc, "#")
	abs := h.absolute(loc)
	if loc == "" || abs == "" {
		return hop{}, fmt.Errorf("its Location is empty or neither http nor https: report it to " +
			"the origin")
	}
	if key.HasUserInfo(abs) { //guard:TestRedirectTarget
		return hop{}, fmt.Errorf("its Location holds a user name or password, which is never " +
			"followed: approve the target itself, with what its host needs in a file of --origins")
	}
	return parseHop(abs)
}

// absolute completes loc from h. It returns "" where loc has another scheme than http and https.
func (h hop) absolute(loc string) string {
	base, query, _ := strings.Cut(h.target, "?")
	switch {
	case strings.HasPrefix(loc, "//"):
		return h.scheme() + ":" + loc
	case strings.HasPrefix(loc, "/"):
		return h.scheme() + "://" + h.authority + loc
	case strings.HasPrefix(loc, "?"):
		return h.scheme() + "://" + h.authority + base + loc
	case loc == "":
		return h.scheme() + "://" + h.authority + base + "?" + query
	case hasScheme(loc):
		s := strings.ToLower(loc[:min(len(loc), 8)])
		if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
			return loc
		}
		return ""
	}
	return h.scheme() + "://" + h.authority + base[:strings.LastIndexByte(base, '/')+1] + loc
}

// hasScheme reports whether s begins with a scheme and a colon (RFC 3986, 3.1).
func hasScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		switch {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= s[i] && s[i] <= '9' || strings.IndexByte("+-.", s[i]) >= 0):
		default:
			return i > 0 && s[i] == ':'
		}
	}
	return false
}

// encodeBytes percent-encodes spaces, control characters and bytes that are not ASCII.
func encodeBytes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= 0x20 || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
