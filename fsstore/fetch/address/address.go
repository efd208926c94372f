package address

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

// Class says who may ask for an address. A greater class is open to fewer.
type Class uint8

// The classes of addresses.
const (
	Public    Class = iota
	Private         // an approved URL may name it; a public name or host must not lead to it
	Forbidden       // only --allow-origin opens it
)

// Rule puts a block of addresses into a class.
type Rule struct {
	prefix netip.Prefix
	class  Class
	name   string
}

// Block returns the rule that puts prefix into class c. It panics where prefix is none.
func Block(prefix string, c Class, name string) Rule {
	return Rule{netip.MustParsePrefix(prefix), c, name}
}

// SpecialRules are the IANA registries of special-purpose addresses, as far as something may answer
// there, and the addresses at which clouds give a machine its secrets. The greatest class of the
// rules that match counts.
var SpecialRules = []Rule{
	Block("0.0.0.0/8", Forbidden, "an unspecified address"),
	Block("127.0.0.0/8", Forbidden, "a loopback address"),
	// AWS, Google, Azure, Oracle, DigitalOcean: 169.254.169.254
	Block("169.254.0.0/16", Forbidden, "a link-local or metadata address"),
	Block("224.0.0.0/4", Forbidden, "a multicast address"),
	Block("240.0.0.0/4", Forbidden, "a reserved or broadcast address"),
	Block("100.100.100.200/32", Forbidden, "a metadata address"), // Alibaba
	Block("168.63.129.16/32", Forbidden, "a metadata address"),   // Azure's wire server
	Block("192.0.0.192/32", Forbidden, "a metadata address"),     // Oracle
	Block("::/128", Forbidden, "an unspecified address"),
	Block("::1/128", Forbidden, "a loopback address"),
	Block("fe80::/10", Forbidden, "a link-local address"),
	Block("ff00::/8", Forbidden, "a multicast address"),
	Block("100::/64", Forbidden, "a discard address"),
	Block("fd00:ec2::/32", Forbidden, "a metadata address"),    // AWS
	Block("fd20:ce::254/128", Forbidden, "a metadata address"), // Google
	Block("fd00:42::42/128", Forbidden, "a metadata address"),  // Scaleway
	// RFC 8215: the place of the IPv4 address in it is unknown
	Block("64:ff9b:1::/48", Forbidden, "a local NAT64 address, whatever is behind it"),
	Block("10.0.0.0/8", Private, "a private address"),
	Block("172.16.0.0/12", Private, "a private address"),
	Block("192.168.0.0/16", Private, "a private address"),
	Block("100.64.0.0/10", Private, "a carrier-grade NAT address"),
	Block("192.0.0.0/24", Private, "a protocol assignment address"),
	Block("198.18.0.0/15", Private, "a benchmarking address"),
	Block("fc00::/7", Private, "a unique local address"),
	Block("fec0::/10", Private, "a site-local address"),
}

// Basis says whose choice an address is. The operator's choice is: a literal address or an inside
// name in the approved URL, or the job's line `accept private`.
type Basis uint8

// The bases of a choice.
const (
	ByApproval Basis = iota // the operator's, or a redirect from an address that is not public
	ByName                  // DNS's, for a public name in the approved URL
	ByRedirect              // a redirect's from a public host
)

// Policy decides which addresses may be dialled.
type Policy struct {
	Rules []Rule
	Allow []netip.Prefix         // what --allow-origin names: never refused
	Local func() ([]Rule, error) // what this machine's interfaces add; nil: nothing
}

// NewPolicy returns the policy of SpecialRules and OwnRules, which refuses no address of allow.
func NewPolicy(allow []netip.Prefix) Policy {
	return Policy{Rules: SpecialRules, Allow: allow, Local: OwnRules}
}

// OwnRules returns rules for this machine and its networks as they are now. The machine's own
// addresses, and all of a loopback interface's prefix, are forbidden, because what listens there
// trusts this machine. Addresses of networks that the machine is directly on are private, whatever
// their kind. An address that a router translates into one of these can't be recognised.
func OwnRules() ([]Rule, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var list []Rule
	for _, p := range prefixesOf(all) {
		own := netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		list = append(list, Rule{own, Forbidden, "an address of this machine"})
		if p.Bits() > 0 {
			list = append(list, Rule{p.Masked(), Private, "an address of a network that this " +
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
			list = append(list, Rule{p.Masked(), Forbidden, "an address of this machine"})
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

// InterfacesError says that this machine's addresses can't be listed, so that no address can be
// checked. The job is deferred, because it is the machine's fault.
type InterfacesError struct{ err error }

func (e *InterfacesError) Error() string {
	return fmt.Sprintf("this machine's own addresses can't be listed (%v), so that it can't be "+
		"known which are the inside: a systemd unit with RestrictAddressFamilies needs "+
		"AF_NETLINK in it", e.err)
}

// withLocal returns p with the rules of p.Local added, as they are now.
func (p Policy) withLocal() (Policy, error) {
	if p.Local == nil {
		return p, nil
	}
	more, err := p.Local()
	if err != nil {
		return p, &InterfacesError{err}
	}
	return Policy{Rules: slices.Concat(p.Rules, more), Allow: p.Allow}, nil //guard:fsstore/fetch.TestOwnNetwork
}

// RefusedError says that an address may not be dialled. It fails the job, because a further
// attempt changes nothing.
type RefusedError struct {
	addr netip.Addr
	why  string
	do   string // beside what Error says
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the address %s is refused: %s; if it is meant, %sstart the server with "+
		"--allow-origin %s",
		e.addr, e.why, e.do, netip.PrefixFrom(e.addr.WithZone(""), e.addr.BitLen()))
}

// Classify returns the class of a and what to call it. An IPv4 address embedded in an IPv6 address
// counts as well.
func (p Policy) Classify(a netip.Addr) (Class, string) {
	a = a.WithZone("").Unmap()
	worst, name := Public, ""
	for _, r := range p.Rules {
		if r.class > worst && r.prefix.Contains(a) {
			worst, name = r.class, r.name
		}
	}
	for _, in := range embedded(a) {
		if p.allowed(in) {
			continue
		}
		if c, n := p.Classify(in); c > worst { //guard:fsstore/fetch.TestInside
			worst, name = c, n+" inside an IPv6 address"
		}
	}
	return worst, name
}

func (p Policy) allowed(a netip.Addr) bool {
	for _, block := range p.Allow {
		if block.Contains(a) || block.Addr().Is4In6() && netip.PrefixFrom(block.Addr().Unmap(),
			max(block.Bits()-96, 0)).Contains(a) {
			return true
		}
	}
	return false
}

// IsInside reports whether an address is not public. Where this machine's own addresses can't be
// listed it reports false, because a redirect then has fewer rights.
func (p Policy) IsInside(a netip.Addr) bool {
	now, err := p.withLocal()
	c, _ := now.Classify(a)
	return err == nil && c != Public
}

// Check returns a *RefusedError where a may not be dialled.
func (p Policy) Check(a netip.Addr, by Basis) error {
	a = a.WithZone("").Unmap()
	if p.allowed(a) {
		return nil
	}
	switch c, name := p.Classify(a); {
	case c == Forbidden:
		return &RefusedError{addr: a, why: "it is " + name}
	case c == Private && by == ByRedirect:
		return &RefusedError{addr: a, why: "it is " + name + ", and a public host redirects " +
			"there"}
	case c == Private && by == ByName:
		return &RefusedError{a, "it is " + name + ", and the name is one of the public net, " +
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

// Control returns a net.Dialer's ControlContext that checks the address about to be dialled.
func (p Policy) Control(by Basis) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !strings.HasPrefix(network, "tcp") {
			return fmt.Errorf("%s %s is no TCP address", network, address)
		}
		now, err := p.withLocal()
		if err != nil {
			return err
		}
		return now.Check(ap.Addr(), by)
	}
}

// CheckHost checks a URL's host where a proxy resolves it: literal addresses and localhost. All
// other names pass.
func (p Policy) CheckHost(host string, by Basis) error {
	p, err := p.withLocal()
	if err != nil {
		return err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return p.Check(a, by)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return p.Check(netip.AddrFrom4([4]byte{127, 0, 0, 1}), by)
	}
	return nil
}

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
