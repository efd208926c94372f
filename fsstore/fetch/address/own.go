package address

import (
	"fmt"
	"net"
	"net/netip"
)

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
