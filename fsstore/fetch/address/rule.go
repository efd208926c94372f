package address

import "net/netip"

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
