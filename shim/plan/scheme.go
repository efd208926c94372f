package plan

import (
	"net/netip"
	"strings"
)

// curlURL completes a word without a scheme as libcurl does: with --proto-default's, else by the
// first label of its host, else as http. A word with a scheme is returned as it is.
func curlURL(w, protoDefault string) string {
	if hasScheme(w) || strings.HasPrefix(w, "/") || w == "" {
		return w
	}
	if protoDefault != "" {
		return strings.ToLower(protoDefault) + "://" + w
	}
	for _, p := range []string{"ftp.", "dict.", "ldap.", "imap.", "smtp.", "pop3."} {
		if len(w) >= len(p) && strings.ToLower(w[:len(p)]) == p {
			return p[:len(p)-1] + "://" + w
		}
	}
	return "http://" + w
}

// isPattern reports whether curl would make several URLs of one, or refuse it as such. An IPv6
// address in brackets is none.
func isPattern(url string) bool {
	if _, rest, ok := strings.Cut(url, "://["); ok {
		host, after, _ := strings.Cut(rest, "]")
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && ip.Zone() == "" {
			url = after
		}
	}
	return strings.ContainsAny(url, "[]{}")
}

// hasScheme reports whether a word begins with letters and a colon that no port number follows.
func hasScheme(w string) bool {
	end := strings.IndexAny(w, ":/?#[@")
	if end < 0 || w[end] != ':' {
		return false
	}
	digits := 0
	for _, c := range []byte(w[end+1:]) {
		if c < '0' || c > '9' {
			return digits == 0 || strings.IndexByte("/?#", c) < 0
		}
		digits++
	}
	return digits == 0
}

// wgetURL completes a word without a scheme as wget's rewrite_shorthand_url does: host/path and
// host:port are http, host:path is ftp. A word with a scheme is returned as it is.
func wgetURL(w string) string {
	i := strings.IndexAny(w, ":/")
	if i == 0 || i > 0 && strings.HasPrefix(w[i:], "://") || w == "" {
		return w
	}
	if i > 0 && w[i] == ':' {
		rest := strings.TrimLeft(w[i+1:], "0123456789")
		if len(rest) == len(w[i+1:]) || rest != "" && rest[0] != '/' {
			return "ftp://" + w
		}
	}
	return "http://" + w
}
