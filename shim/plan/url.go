package plan

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"

	"fromcache/shim/call"
)

// maxURL is the longest URL in bytes that is asked about: what a cache-host accepts.
const maxURL = 8 << 10

// URL is a URL as the cache knows it: scheme and host in lower case, no default port, no fragment,
// literal dot segments removed (RFC 3986 section 5.2.4), path bytes and query as they were.
type URL struct {
	Scheme, Host, Port string // port is empty where it is the scheme's own
	Path               string // begins with /
	Query              string // with its ?, or empty
}

// String returns the normalised URL, which is also what the token in a cache URL encodes.
func (t URL) String() string { return t.Scheme + "://" + t.Authority() + t.Path + t.Query }

func (t URL) Authority() string {
	if t.Port == "" {
		return t.Host
	}
	return t.Host + ":" + t.Port
}

// EffectivePort returns the port that is connected to, the scheme's own where t has none.
func (t URL) EffectivePort() string {
	if t.Port == "" {
		return defaultPort(t.Scheme)
	}
	return t.Port
}

// token encodes t as a cache takes it: in base64url without padding (RFC 4648 section 5).
func (t URL) token() string { return base64.RawURLEncoding.EncodeToString([]byte(t.String())) }

// Name returns the last segment of the path, byte for byte: what the tools call the file they save.
func (t URL) Name() string { return t.Path[strings.LastIndexByte(t.Path, '/')+1:] }

// parseURL reads a word with a scheme. The reason is empty, or says why the cache is never asked
// about such a URL.
func parseURL(word string) (t URL, reason string) {
	if reason := bytesReason(word); reason != "" {
		return t, reason
	}
	scheme, rest, ok := strings.Cut(word, "://")
	if t.Scheme = strings.ToLower(scheme); !ok || t.Scheme != "http" && t.Scheme != "https" {
		return t, "not an http or https URL"
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if reason := t.setAuthority(rest[:end]); reason != "" {
		return t, reason
	}
	path, query, has := strings.Cut(rest[end:], "?")
	if has {
		t.Query = "?" + query
	}
	t.Path = removeDots(path)
	return t, ""
}

// bytesReason says why a word is no URL that the two tools and a cache would read alike.
func bytesReason(word string) string {
	if len(word) > maxURL {
		return "the URL is too long"
	}
	for i := 0; i < len(word); i++ {
		if c := word[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return "the URL has bytes that need quoting"
		}
	}
	return ""
}

// setAuthority reads "host" or "host:port", or says why it can't: user-info is a credential, and
// the tools might read an odd port differently.
func (t *URL) setAuthority(s string) string {
	if strings.IndexByte(s, '@') >= 0 {
		return "the URL carries credentials"
	}
	host, port, ok := splitPort(s)
	switch {
	case !ok:
		return "the URL's port is no number from 1 to 65535"
	case !validHost(host):
		return "the URL's host is unusual"
	}
	t.Host = strings.ToLower(host)
	if port != defaultPort(t.Scheme) {
		t.Port = port
	}
	return ""
}

// splitPort splits "host:port", "[v6]:port" or "host"; ok is false where a colon stands without a
// port of 1 to 65535.
func splitPort(s string) (host, port string, ok bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || colon < strings.LastIndexByte(s, ']') {
		return s, "", true
	}
	return s[:colon], s[colon+1:], validPort(s[colon+1:])
}

// validPort accepts 1 to 65535 without leading zeros.
func validPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil && s[0] != '0'
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// validHost accepts names and addresses of letters, digits, dots, dashes and underscores, and IPv6
// addresses in brackets without a zone. A name does not begin with a dash or a dot. One that ends
// in a number is an IPv4 address in four decimal parts: in other writings, which the tools read as
// inet_aton(3) does, it may be any address.
func validHost(h string) bool {
	extra := "._-"
	if strings.HasPrefix(h, "[") && strings.HasSuffix(h, "]") {
		h, extra = h[1:len(h)-1], ".:"
	} else if name := strings.TrimSuffix(h, "."); endsInNumber(name) {
		_, err := netip.ParseAddr(name)
		return err == nil
	}
	for i := 0; i < len(h); i++ {
		if !call.IsAlnum(h[i]) && strings.IndexByte(extra, h[i]) < 0 {
			return false
		}
	}
	return h != "" && h[0] != '-' && h[0] != '.'
}

// endsInNumber reports whether the last label of a name is a decimal or hexadecimal number.
func endsInNumber(name string) bool {
	label := name[strings.LastIndexByte(name, '.')+1:]
	return strings.Trim(label, "0123456789") == "" || strings.HasPrefix(strings.ToLower(label), "0x")
}

// removeDots removes literal "." and ".." segments from a path; an empty one becomes "/".
func removeDots(path string) string {
	if !strings.Contains(path, "/.") {
		if path == "" {
			return "/"
		}
		return path
	}
	segments := strings.Split(path[1:], "/")
	kept := segments[:0]
	for i, s := range segments {
		last := i == len(segments)-1
		if s == ".." && len(kept) > 0 {
			kept = kept[:len(kept)-1]
		}
		if s != "." && s != ".." {
			kept = append(kept, s)
		} else if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

// hasDots reports whether a path has a segment that is "." or ".." with its dots encoded.
func hasDots(path string) bool {
	if !strings.Contains(strings.ToLower(path), "%2e") {
		return false
	}
	for s := range strings.SplitSeq(strings.ReplaceAll(strings.ToLower(path), "%2e", "."), "/") {
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}
