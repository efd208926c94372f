package plan

import (
	"slices"
	"strings"
)

// Cache is the address of one cache-host.
type Cache struct {
	Base string // scheme://host[:port][/prefix], without a slash at its end
	URL  URL
}

// ParseCaches reads a list of addresses. One without a scheme is http. One that can be no cache
// (another scheme, user-info, a query, odd bytes) is left out, and wrong says why: an address with
// a password in it would put it on every command line.
func ParseCaches(list string) (caches []Cache, wrong []string) {
	for _, word := range Fields(list) {
		given := word
		if !strings.Contains(word, "://") {
			word = "http://" + word
		}
		t, reason := parseURL(word)
		switch {
		case reason == "" && t.Query != "":
			reason = "it has a query"
		case reason == "" && strings.ContainsAny(t.Path, "[]{}"):
			reason = "curl would take its path for a pattern"
		}
		if reason != "" {
			wrong = append(wrong, Redacted(given)+" can't be used: "+reason)
			continue
		}
		t.Path = strings.TrimRight(t.Path, "/")
		if c := (Cache{t.String(), t}); !slices.Contains(caches, c) {
			caches = append(caches, c)
		}
	}
	return caches, wrong
}

// Address returns the address at which the cache serves t under its own name, and with a pin that
// version or nothing.
func (c Cache) Address(t URL, pin string) string {
	if pin != "" {
		pin = "." + pin
	}
	return c.Base + "/b/" + t.token() + pin + "/" + encodeStrayPercent(t.Name())
}

// is reports whether a URL points at the cache itself. All loopback names and addresses are one
// host.
func (c Cache) is(t URL) bool {
	sameHost := c.URL.Host == t.Host || isLoopback(c.URL.Host) && isLoopback(t.Host)
	return sameHost && c.URL.EffectivePort() == t.EffectivePort()
}
