package plan

import (
	"net/netip"
	"strings"
)

// loopbackNames are names that mean this machine without an address being looked up.
const loopbackNames = " localhost localhost.localdomain localhost4 localhost6 ip6-localhost" +
	" ip6-loopback localhost6.localdomain6 localhost4.localdomain4 "

// metadataHosts are the names and addresses, outside of link-local ranges, at which clouds hand out
// machine credentials.
const metadataHosts = " metadata metadata.google.internal metadata.goog instance-data" +
	" instance-data.ec2.internal metadata.azure.internal metadata.oraclecloud.com" +
	" metadata.platformequinix.com" +
	" 100.100.100.200 192.0.0.192 168.63.129.16 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 "

// isLoopback reports whether a host, in lower case, is this machine: a loopback name or address, or
// the unspecified one.
func isLoopback(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if strings.Contains(loopbackNames, " "+host+" ") || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, ok := hostAddr(host)
	return ok && (ip.IsLoopback() || ip.IsUnspecified() || ip.Is4() && ip.As4()[0] == 0)
}

// isMetadata reports whether a host is link-local, multicast or a cloud's metadata service.
func isMetadata(host string) bool {
	host = strings.TrimSuffix(host, ".")
	ip, ok := hostAddr(host)
	if !ok {
		return strings.Contains(metadataHosts, " "+host+" ")
	}
	return ip.IsLinkLocalUnicast() || ip.IsMulticast() ||
		strings.Contains(metadataHosts, " "+ip.String()+" ")
}

// hostAddr returns the address that a host is; for an IPv4-mapped one it is the embedded address.
func hostAddr(host string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return ip.Unmap(), err == nil
}

// matchHost reports whether host (lower case, brackets and all) and port fit one of the patterns in
// list, separated by commas or blanks and read as in no_proxy: "example.com", ".example.com" and
// "*.example.com" stand for the host and all below it, "*" for every host, "10.0.0.0/8" for
// addresses; each may end in ":port".
func matchHost(list, host, port string) bool {
	for _, p := range Fields(list) {
		if matchPattern(strings.ToLower(p), strings.TrimSuffix(host, "."), port) {
			return true
		}
	}
	return false
}

func matchPattern(p, host, port string) bool {
	if p == "*" {
		return true
	}
	ip, isAddr := hostAddr(host)
	if net, err := netip.ParsePrefix(p); err == nil {
		return isAddr && net.Contains(ip)
	}
	if want, err := netip.ParseAddr(strings.Trim(p, "[]")); err == nil {
		return isAddr && want.Unmap() == ip
	}
	name, wantPort, ok := splitPort(p)
	if !ok || wantPort != "" && wantPort != port {
		return false
	}
	if want, is := hostAddr(name); is {
		return isAddr && want == ip
	}
	name = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "*"), "."), ".")
	return name != "" && !isAddr && (host == name || strings.HasSuffix(host, "."+name))
}

// Fields splits a list at commas and white space.
func Fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool {
		return r == ',' || r == ' ' || r >= '\t' && r <= '\r'
	})
}
