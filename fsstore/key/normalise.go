package key

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// offsets are offsets into a normalised URL.
type offsets struct {
	host, path, base, query int // where each begins; query is also where the path ends
	dropped                 bool
	whole                   string // the query as it came
}

// scheme is the scheme of a URL.
type scheme uint8

const (
	noScheme scheme = iota
	http
	https
)

func bad(why string) error { return &Error{Why: why} }

// normalise appends the normalised raw to b.
func normalise(b []byte, raw string, r reading) ([]byte, offsets, error) {
	var m offsets
	if err := checkBytes(raw); err != nil {
		return b, m, err
	}
	sch, rest := cutScheme(raw)
	switch sch {
	case noScheme:
		return b, m, bad("only http:// and https:// can be fetched: write one of them in front of the host")
	case http:
		b = append(b, "http://"...)
	case https:
		b = append(b, "https://"...)
	}
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest = rest[:i]
	}
	n := authorityLen(rest)
	path, query, _ := strings.Cut(rest[n:], "?")

	m.host = len(b)
	b, err := appendAuthority(b, rest[:n], sch)
	if err != nil {
		return b, m, err
	}
	m.path = len(b)
	b = appendPath(b, path)
	m.query = len(b)
	m.base = m.path + lastSlash(b[m.path:]) + 1
	m.whole = query
	b, m.dropped = appendQuery(b, query, r, m)
	return b, m, nil
}

// checkBytes refuses a URL that is too long, and bytes that are not 0x21–0x7E.
func checkBytes(raw string) error {
	if len(raw) > MaxURL {
		return bad(fmt.Sprintf("longer than %d bytes: fetch it without the cache", MaxURL))
	}
	for i := 0; i < len(raw); i++ {
		if c := raw[i]; c <= 0x20 || c >= 0x7f {
			return bad(fmt.Sprintf("byte %d is 0x%02x, a space, a control byte or not ASCII: write it as %%%02X", i+1, c, c))
		}
	}
	return nil
}

// cutScheme cuts "http://" or "https://", in upper or lower case, off raw.
func cutScheme(raw string) (scheme, string) {
	switch {
	case len(raw) >= 7 && strings.EqualFold(raw[:7], "http://"):
		return http, raw[7:]
	case len(raw) >= 8 && strings.EqualFold(raw[:8], "https://"):
		return https, raw[8:]
	}
	return noScheme, raw
}

// authorityLen returns the length of user-info, host and port at the beginning of s, which follows
// "://" and holds no fragment.
func authorityLen(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '/' || s[i] == '?' {
			return i
		}
	}
	return len(s)
}

// appendAuthority appends host and port of auth in their normal form. User-info is all before the
// last "@".
func appendAuthority(b []byte, auth string, sch scheme) ([]byte, error) {
	host := auth[strings.LastIndexByte(auth, '@')+1:]
	port := ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i+1:]
	}
	if err := checkHost(host); err != nil {
		return b, err
	}
	for i := 0; i < len(host); i++ {
		b = append(b, lower(host[i]))
	}
	return appendPort(b, port, sch)
}

// The longest name in the DNS and its longest label in bytes (RFC 1035, 2.3.4), without the dot at
// the end. Denials and host rules look up each parent domain of a host, and rely on it.
const (
	maxHostname = 253
	maxLabel    = 63
)

// checkHost refuses a host that is neither an IPv6 literal in brackets nor a name of [A-Za-z0-9._-]
// with a letter or digit in it. A name of dots alone would be a directory under denied/.
func checkHost(host string) error {
	if host == "" {
		return bad("no host: write it after ://")
	}
	if host[0] == '[' {
		if a, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]")); err != nil || !a.Is6() || a.Zone() != "" || host[len(host)-1] != ']' {
			return bad("what is in brackets is no IPv6 address: write it as in http://[2001:db8::1]/")
		}
		return nil
	}
	if len(strings.TrimSuffix(host, ".")) > maxHostname { //guard:TestBadURL
		return bad(fmt.Sprintf("a host has no more than %d bytes: mend it", maxHostname))
	}
	named, label := false, 0
	for i := 0; i < len(host); i++ {
		if label++; host[i] == '.' {
			label = 0
		} else if label > maxLabel {
			return bad(fmt.Sprintf("a label of a host has no more than %d bytes: mend it", maxLabel))
		}
		switch c := host[i]; {
		case alnum(c):
			named = true
		case c != '.' && c != '_' && c != '-':
			return bad(fmt.Sprintf("a host holds no %q: use letters, digits, dots, dashes and _", c))
		}
	}
	if !named {
		return bad("the host is no name: use letters and digits")
	}
	return nil
}

// appendPort appends ":port" unless port is empty or the default.
func appendPort(b []byte, port string, sch scheme) ([]byte, error) {
	if port == "" {
		return b, nil
	}
	n := 0
	for i := 0; i < len(port); i++ {
		c := port[i]
		if c < '0' || c > '9' || n > 65535 {
			n = 0
			break
		}
		n = 10*n + int(c-'0')
	}
	if n < 1 || n > 65535 {
		return b, bad("the port is no number from 1 to 65535: mend it or leave it out")
	}
	if n == 80 && sch == http || n == 443 && sch == https {
		return b, nil
	}
	return strconv.AppendInt(append(b, ':'), int64(n), 10), nil
}

// appendPath appends path, which is empty or begins with a slash, with its dot segments removed
// (RFC 3986, 5.2.4).
func appendPath(b []byte, path string) []byte {
	if path == "" {
		return append(b, '/')
	}
	if !strings.Contains(path, "/.") {
		return append(b, path...)
	}
	root := len(b)
	for path != "" {
		seg := path[1:]
		if i := strings.IndexByte(seg, '/'); i >= 0 {
			seg = seg[:i]
		}
		path = path[1+len(seg):]
		switch seg {
		case ".":
		case "..":
			b = b[:root+max(lastSlash(b[root:]), 0)]
		default:
			b = append(append(b, '/'), seg...)
			continue
		}
		if path == "" { // a final dot segment leaves its slash
			b = append(b, '/')
		}
	}
	return b
}

// reading says how a query is read.
type reading struct {
	rule     Rule
	rules    *HostRules // beside Auto
	redacted bool       // the URL is one that Redact has returned
}

// appendQuery appends "?" and what a rule keeps of query, and reports whether it dropped something.
func appendQuery(b []byte, query string, r reading, m offsets) ([]byte, bool) {
	switch {
	case query == "":
		return b, false
	case r.rule == Drop:
		return b, true
	case r.rule == Old:
		return appendOld(b, query, m)
	case r.rule == Auto:
		q := params{redacted: r.redacted}
		if r.rules.dropsAll() {
			return b, true
		}
		if q.split(query) {
			q.drop(hostOf(string(b[m.host:m.path])), r.rules)
			return q.append(b)
		}
	}
	return append(append(b, '?'), query...), false
}

func lastSlash(b []byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == '/' {
			return i
		}
	}
	return -1
}

func alnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
