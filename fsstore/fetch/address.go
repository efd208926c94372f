package fetch

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// class says what an address may be asked for. The greater, the less.
type class uint8

const (
	public    class = iota
	private         // an approved URL may name it; neither a name of the public net nor a redirect from there may lead to it
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

// basis says by whose word an address is to be dialled.
type basis uint8

const (
	byApproval basis = iota // the approved URL says it, as a literal or a name of the inside; the job accepts it; or the chain never left the inside
	byName                  // the approved URL's name, which is one of the public net, has been resolved to it
	byRedirect              // a public host redirects there
)

// addresses judges where a connection may go.
type addresses struct {
	rules []rule
	allow []netip.Prefix
	local func() ([]rule, error) // what this machine's interfaces add; nil: nothing
}

// ownAddresses are the rules of the moment for this machine and its neighbours. What it says to itself by any of its
// addresses is as much its own affair as by loopback's, so those are forbidden, and with an interface of loopback all of its
// prefix. Whoever is on a network that it is directly on is inside, whatever kind of address that network has: as with
// private addresses an approved URL may name a mirror there, by its address or by a name of the inside, but nothing that
// comes from the public net may lead there. An address that a router turns into one of these can't be told.
func ownAddresses() ([]rule, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var list []rule
	for _, p := range prefixesOf(all) {
		list = append(list, rule{netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), forbidden, "an address of this machine"})
		if p.Bits() > 0 {
			list = append(list, rule{p.Masked(), private, "an address of a network that this machine is on"})
		}
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 {
			continue
		}
		looped, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, p := range prefixesOf(looped) {
			list = append(list, rule{p.Masked(), forbidden, "an address of this machine"})
		}
	}
	return list, nil
}

func prefixesOf(list []net.Addr) (prefixes []netip.Prefix) {
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err == nil {
			prefixes = append(prefixes, p)
		}
	}
	return prefixes
}

// interfacesError: no address can be judged. It is the machine's fault and no job's.
type interfacesError struct{ err error }

func (e *interfacesError) Error() string {
	return fmt.Sprintf("this machine's own addresses can't be listed (%v), so that it can't be known which are the inside: a systemd unit with RestrictAddressFamilies needs AF_NETLINK in it", e.err)
}

// now returns l with the rules of the moment.
func (l addresses) now() (addresses, error) {
	if l.local == nil {
		return l, nil
	}
	more, err := l.local()
	if err != nil {
		return l, &interfacesError{err}
	}
	return addresses{rules: slices.Concat(l.rules, more), allow: l.allow}, nil //guard:TestOwnNetwork
}

// refusedAddress says that an address may not be dialled. No further attempt changes that.
type refusedAddress struct {
	addr netip.Addr
	why  string
	do   string // beside what Error says
}

func (e *refusedAddress) Error() string {
	return fmt.Sprintf("the address %s is refused: %s; if it is meant, %sstart the server with --allow-origin %s",
		e.addr, e.why, e.do, netip.PrefixFrom(e.addr.WithZone(""), e.addr.BitLen()))
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
	for _, in := range embedded(a) {
		if l.allowed(in) {
			continue
		}
		if c, n := l.classify(in); c > worst { //guard:TestInside
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

// judge returns a *refused where a may not be dialled.
func (l addresses) check(a netip.Addr, by basis) error {
	a = a.WithZone("").Unmap()
	if l.allowed(a) {
		return nil
	}
	switch c, name := l.classify(a); {
	case c == forbidden:
		return &refusedAddress{addr: a, why: "it is " + name}
	case c == private && by == byRedirect:
		return &refusedAddress{addr: a, why: "it is " + name + ", and a public host redirects there"}
	case c == private && by == byName:
		return &refusedAddress{a, "it is " + name + ", and the name is one of the public net, whose owner chose where it leads", "add the line `accept private` to the job and retry, or "}
	}
	return nil
}

// embedded returns the IPv4 addresses that an IPv6 address stands for. Networks with a NAT64 prefix of their own can't be told
// from any other.
func embedded(a netip.Addr) []netip.Addr {
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
func (l addresses) control(by basis) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !strings.HasPrefix(network, "tcp") {
			return fmt.Errorf("%s %s is no TCP address", network, address)
		}
		now, err := l.now()
		if err != nil {
			return err
		}
		return now.check(ap.Addr(), by)
	}
}

// checkHost judges a host as a URL spells it, for when somebody else resolves it. Names of all kinds pass but localhost;
// numbers must be spelled in full, for "127.1" and "0x7f000001" are addresses to some resolvers and names to others.
func (l addresses) checkHost(host string, by basis) error {
	l, err := l.now()
	if err != nil {
		return err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return l.check(a, by)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return l.check(netip.AddrFrom4([4]byte{127, 0, 0, 1}), by)
	}
	return nil
}

// insideZones are the top-level names that no public registry gives away: RFC 6761, RFC 6762 and its appendix G, RFC 8375,
// and ICANN's .internal.
var insideZones = []string{"local", "localdomain", "localhost", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"}

// isPublicName reports whether a stranger may own this name, and so choose where it leads. A name without a dot, and one of
// a zone that only a network of one's own has, is the operator's, as a literal address is.
func isPublicName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimRight(host, ".")
	return strings.Contains(host, ".") && !slices.ContainsFunc(insideZones, func(zone string) bool { return strings.HasSuffix(host, "."+zone) })
}

// isAmbiguousNumber reports whether host is a number that is no address in its usual form. WHATWG URL, 3.5: what ends in a number.
func isAmbiguousNumber(host string) bool {
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
