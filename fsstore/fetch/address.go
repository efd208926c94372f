package fetch

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// class says what an address may be asked for. The greater, the less.
type class uint8

const (
	public    class = iota
	private         // an approved URL may name it, a redirect from a public host may not lead to it
	forbidden       // nothing may, unless --allow-origin names it
)

// rule puts a block of addresses into a class.
type rule struct {
	prefix netip.Prefix
	class  class
	name   string
}

func block(prefix string, c class, name string) rule {
	return rule{netip.MustParsePrefix(prefix), c, name}
}

// rules: the IANA registries of special-purpose addresses, as far as something may answer there, and the addresses at which
// clouds tell a machine its secrets. An address is in the greatest class of all rules that hold it.
var rules = []rule{
	block("0.0.0.0/8", forbidden, "an unspecified address"),
	block("127.0.0.0/8", forbidden, "a loopback address"),
	block("169.254.0.0/16", forbidden, "a link-local or metadata address"), // AWS, Google, Azure, Oracle, DigitalOcean: .169.254
	block("224.0.0.0/4", forbidden, "a multicast address"),
	block("240.0.0.0/4", forbidden, "a reserved or broadcast address"),
	block("100.100.100.200/32", forbidden, "a metadata address"), // Alibaba
	block("168.63.129.16/32", forbidden, "a metadata address"),   // Azure's wire server
	block("192.0.0.192/32", forbidden, "a metadata address"),     // Oracle
	block("::/128", forbidden, "an unspecified address"),
	block("::1/128", forbidden, "a loopback address"),
	block("fe80::/10", forbidden, "a link-local address"),
	block("ff00::/8", forbidden, "a multicast address"),
	block("100::/64", forbidden, "a discard address"),
	block("fd00:ec2::/32", forbidden, "a metadata address"),                            // AWS
	block("fd20:ce::254/128", forbidden, "a metadata address"),                         // Google
	block("fd00:42::42/128", forbidden, "a metadata address"),                          // Scaleway
	block("64:ff9b:1::/48", forbidden, "a local NAT64 address, whatever is behind it"), // RFC 8215: where its IPv4 stands is unknown
	block("10.0.0.0/8", private, "a private address"),
	block("172.16.0.0/12", private, "a private address"),
	block("192.168.0.0/16", private, "a private address"),
	block("100.64.0.0/10", private, "a carrier-grade NAT address"),
	block("192.0.0.0/24", private, "a protocol assignment address"),
	block("198.18.0.0/15", private, "a benchmarking address"),
	block("fc00::/7", private, "a unique local address"),
	block("fec0::/10", private, "a site-local address"),
}

// addresses judges where a connection may go.
type addresses struct {
	rules []rule
	allow []netip.Prefix
}

// refused says that an address may not be dialled. No further attempt changes that.
type refused struct {
	addr netip.Addr
	why  string
}

func (e *refused) Error() string {
	return fmt.Sprintf("the address %s is refused: %s; if it is meant, start the server with --allow-origin %s",
		e.addr, e.why, netip.PrefixFrom(e.addr.WithZone(""), e.addr.BitLen()))
}

// classify returns the class of a, and what to call it. An IPv4 address inside counts as that address.
func (l addresses) classify(a netip.Addr) (class, string) {
	a = a.WithZone("").Unmap()
	worst, name := public, ""
	for _, r := range l.rules {
		if r.class > worst && r.prefix.Contains(a) {
			worst, name = r.class, r.name
		}
	}
	for _, in := range inner(a) {
		if l.allowed(in) {
			continue
		}
		if c, n := l.classify(in); c > worst {
			worst, name = c, n+" inside an IPv6 address"
		}
	}
	return worst, name
}

func (l addresses) allowed(a netip.Addr) bool {
	for _, p := range l.allow {
		if p.Contains(a) || p.Addr().Is4In6() && netip.PrefixFrom(p.Addr().Unmap(), max(p.Bits()-96, 0)).Contains(a) {
			return true
		}
	}
	return false
}

// judge returns a *refused where a may not be dialled. privateToo is false for a redirect from a public host.
func (l addresses) judge(a netip.Addr, privateToo bool) error {
	a = a.WithZone("").Unmap()
	if l.allowed(a) {
		return nil
	}
	switch c, name := l.classify(a); {
	case c == forbidden:
		return &refused{a, "it is " + name}
	case c == private && !privateToo:
		return &refused{a, "it is " + name + ", and a public host redirects there"}
	}
	return nil
}

// inner returns the IPv4 addresses that an IPv6 address stands for. Networks with a NAT64 prefix of their own can't be told
// from any other.
func inner(a netip.Addr) []netip.Addr {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	v4 := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	switch {
	case hi == 0x0064ff9b<<32 && lo>>32 == 0: // 64:ff9b::/96 NAT64, RFC 6052
		return []netip.Addr{v4(12)}
	case hi == 0 && lo>>32 == 0 && lo > 1, // ::/96 IPv4-compatible, RFC 4291
		hi == 0 && lo>>32 == 0xffff0000,    // ::ffff:0:0:0/96 IPv4-translated, RFC 2765
		lo>>32&^(0x0200<<16) == 0x00005efe: // ISATAP, RFC 5214
		return []netip.Addr{v4(12)}
	case hi>>48 == 0x2002: // 6to4, RFC 3056
		return []netip.Addr{v4(2)}
	case hi>>32 == 0x20010000: // Teredo, RFC 4380: the server, and the client with all bits flipped
		c := v4(12).As4()
		for i := range c {
			c[i] = ^c[i]
		}
		return []netip.Addr{v4(4), netip.AddrFrom4(c)}
	}
	return nil
}

// control is a net.Dialer's ControlContext: it judges the address that is about to be dialled.
func (l addresses) control(privateToo bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !strings.HasPrefix(network, "tcp") {
			return fmt.Errorf("%s %s is no TCP address", network, address)
		}
		return l.judge(ap.Addr(), privateToo)
	}
}

// judgeName judges a host as a URL spells it, for when somebody else resolves it. Names of all kinds pass but localhost;
// numbers must be spelled in full, for "127.1" and "0x7f000001" are addresses to some resolvers and names to others.
func (l addresses) judgeName(host string, privateToo bool) error {
	if a, err := netip.ParseAddr(host); err == nil {
		return l.judge(a, privateToo)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return l.judge(netip.AddrFrom4([4]byte{127, 0, 0, 1}), privateToo)
	}
	return nil
}

// oddNumber reports whether host is a number that is no address in its usual form. WHATWG URL, 3.5: what ends in a number.
func oddNumber(host string) bool {
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
