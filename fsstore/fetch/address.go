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

// class says who may ask for an address. A greater class is open to fewer.
type class uint8

const (
	public    class = iota
	private         // an approved URL may name it; a public name or host must not lead to it
	forbidden       // only --allow-origin opens it
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

// rules are the IANA registries of special-purpose addresses, as far as something may answer
// there, and the addresses at which clouds give a machine its secrets. The greatest class of the
// rules that match counts.
var rules = []rule{
	block("0.0.0.0/8", forbidden, "an unspecified address"),
	block("127.0.0.0/8", forbidden, "a loopback address"),
	// AWS, Google, Azure, Oracle, DigitalOcean: 169.254.169.254
	block("169.254.0.0/16", forbidden, "a link-local or metadata address"),
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
	block("fd00:ec2::/32", forbidden, "a metadata address"),    // AWS
	block("fd20:ce::254/128", forbidden, "a metadata address"), // Google
	block("fd00:42::42/128", forbidden, "a metadata address"),  // Scaleway
	// RFC 8215: the place of the IPv4 address in it is unknown
	block("64:ff9b:1::/48", forbidden, "a local NAT64 address, whatever is behind it"),
	block("10.0.0.0/8", private, "a private address"),
	block("172.16.0.0/12", private, "a private address"),
	block("192.168.0.0/16", private, "a private address"),
	block("100.64.0.0/10", private, "a carrier-grade NAT address"),
	block("192.0.0.0/24", private, "a protocol assignment address"),
	block("198.18.0.0/15", private, "a benchmarking address"),
	block("fc00::/7", private, "a unique local address"),
	block("fec0::/10", private, "a site-local address"),
}

// basis says whose choice an address is. The operator's choice is: a literal address or an inside
// name in the approved URL, or the job's line `accept private`.
type basis uint8

const (
	byApproval basis = iota // the operator's, or a redirect from an address that is not public
	byName                  // DNS's, for a public name in the approved URL
	byRedirect              // a redirect's from a public host
)

// addresses decides which addresses may be dialled.
type addresses struct {
	rules []rule
	allow []netip.Prefix
	local func() ([]rule, error) // what this machine's interfaces add; nil: nothing
}

// ownAddresses returns rules for this machine and its networks as they are now. The machine's own
// addresses, and all of a loopback interface's prefix, are forbidden, because what listens there
// trusts this machine. Addresses of networks that the machine is directly on are private, whatever
// their kind. An address that a router translates into one of these can't be recognised.
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
		own := netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		list = append(list, rule{own, forbidden, "an address of this machine"})
		if p.Bits() > 0 {
			list = append(list, rule{p.Masked(), private, "an address of a network that this " +
				"machine is on"})
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

// interfacesError says that this machine's addresses can't be listed, so that no address can be
// checked. The job is deferred, because it is the machine's fault.
type interfacesError struct{ err error }

func (e *interfacesError) Error() string {
	return fmt.Sprintf("this machine's own addresses can't be listed (%v), so that it can't be "+
		"known which are the inside: a systemd unit with RestrictAddressFamilies needs "+
		"AF_NETLINK in it", e.err)
}

// now returns l with the rules of ownAddresses added.
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

// refusedAddress says that an address may not be dialled. It fails the job, because a further
// attempt changes nothing.
type refusedAddress struct {
	addr netip.Addr
	why  string
	do   string // beside what Error says
}

func (e *refusedAddress) Error() string {
	return fmt.Sprintf("the address %s is refused: %s; if it is meant, %sstart the server with "+
		"--allow-origin %s",
		e.addr, e.why, e.do, netip.PrefixFrom(e.addr.WithZone(""), e.addr.BitLen()))
}

// classify returns the class of a and what to call it. An IPv4 address embedded in an IPv6 address
// counts as well.
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
		if p.Contains(a) || p.Addr().Is4In6() && netip.PrefixFrom(p.Addr().Unmap(),
			max(p.Bits()-96, 0)).Contains(a) {
			return true
		}
	}
	return false
}

// check returns a *refusedAddress where a may not be dialled.
func (l addresses) check(a netip.Addr, by basis) error {
	a = a.WithZone("").Unmap()
	if l.allowed(a) {
		return nil
	}
	switch c, name := l.classify(a); {
	case c == forbidden:
		return &refusedAddress{addr: a, why: "it is " + name}
	case c == private && by == byRedirect:
		return &refusedAddress{addr: a, why: "it is " + name + ", and a public host redirects " +
			"there"}
	case c == private && by == byName:
		return &refusedAddress{a, "it is " + name + ", and the name is one of the public net, " +
			"whose owner chose where it leads", "add the line `accept private` to the job and " +
			"retry, or "}
	}
	return nil
}

// embedded returns the IPv4 addresses that an IPv6 address stands for. A network-specific NAT64
// prefix (RFC 6052) can't be recognised.
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

// control returns a net.Dialer's ControlContext that checks the address about to be dialled.
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

// checkHost checks a URL's host where a proxy resolves it: literal addresses and localhost. All
// other names pass.
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

// insideZones are the top-level names that no public registry gives away: RFC 6761, RFC 6762 and
// its appendix G, RFC 8375, and ICANN's .internal.
var insideZones = []string{
	"local", "localdomain", "localhost", "internal", "intranet", "private",
	"corp", "home", "lan", "home.arpa",
}

// isPublicName reports whether a stranger may own a name and choose its addresses. Literal
// addresses, names without a dot and names in insideZones are the operator's.
func isPublicName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimRight(host, ".")
	return strings.Contains(host, ".") && !slices.ContainsFunc(insideZones,
		func(zone string) bool { return strings.HasSuffix(host, "."+zone) })
}

// isAmbiguousNumber reports whether host ends in a number but is no address in its usual form
// (WHATWG URL, 3.5), because resolvers disagree: `127.1` is an address to some and a name to
// others.
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
