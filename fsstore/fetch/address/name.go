package address

import (
	"net/netip"
	"slices"
	"strings"
)

// insideZones are the top-level names that no public registry gives away: RFC 6761, RFC 6762 and
// its appendix G, RFC 8375, and ICANN's .internal.
var insideZones = []string{
	"local", "localdomain", "localhost", "internal", "intranet", "private",
	"corp", "home", "lan", "home.arpa",
}

// IsPublicName reports whether a stranger may own a name and choose its addresses. Literal
// addresses, names without a dot and names in insideZones are the operator's.
func IsPublicName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimRight(host, ".")
	return strings.Contains(host, ".") && !slices.ContainsFunc(insideZones,
		func(zone string) bool { return strings.HasSuffix(host, "."+zone) })
}

// IsAmbiguousNumber reports whether host ends in a number but is no address in its usual form
// (WHATWG URL, 3.5), because resolvers disagree: `127.1` is an address to some and a name to
// others.
func IsAmbiguousNumber(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimRight(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
