package address

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

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

// withLocal returns p with the rules of p.Local added, as they are now.
func (p Policy) withLocal() (Policy, error) {
	if p.Local == nil {
		return p, nil
	}
	more, err := p.Local()
	if err != nil {
		return p, &InterfacesError{err}
	}
	p.Rules = slices.Concat(p.Rules, more) //guard:fsstore/fetch.TestOwnNetwork
	p.Local = nil
	return p, nil
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
