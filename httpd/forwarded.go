package httpd

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks of the proxies before this server whose word counts.
type proxies []netip.Prefix

// settle leaves of what a request says of its way only what a proxy of ours has said, so that
// nothing behind it need ask who sent it:
//
//   - RemoteAddr becomes the client's address, with port 0, where a proxy in p passed it on;
//   - X-Forwarded-Proto has one line, http or https, or none;
//   - X-Forwarded-Prefix has one line, a path as /tools/fromcache without a slash at its end, or none;
//   - X-Forwarded-For has gone.
//
// Proto and Prefix also count from a loopback address, because they change nothing but the answer
// to the same request. X-Forwarded-For does not, because other users of the machine would forge
// addresses that way, unless p has that address. What is not well formed counts as not sent. It
// reports whether the sender said something that is not his to say.
func (p proxies) settle(r *http.Request) (stranger bool) {
	h := r.Header
	list, proto, prefix := h["X-Forwarded-For"], h["X-Forwarded-Proto"], h["X-Forwarded-Prefix"]
	if list == nil && proto == nil && prefix == nil {
		return false
	}
	delete(h, "X-Forwarded-For")
	delete(h, "X-Forwarded-Proto")
	delete(h, "X-Forwarded-Prefix")
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return true
	}
	addr := plain(peer.Addr())
	if client := p.client(addr, list); client != addr {
		r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	}
	named := p.have(addr)
	if !named && !addr.IsLoopback() { //guard:TestForwarded
		return true
	}
	if s := schemeIn(proto); s != "" {
		h["X-Forwarded-Proto"] = []string{s}
	}
	if path := pathIn(prefix); path != "" {
		h["X-Forwarded-Prefix"] = []string{path}
	}
	return list != nil && !named
}

func (p proxies) have(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// client returns the address that is last in the list and no proxy's. Each proxy has added the
// address that it was asked from at the end, so whatever stands before that one is hearsay. Where
// a proxy has added no address, it is the client.
func (p proxies) client(peer netip.Addr, lines []string) netip.Addr {
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			if !p.have(peer) { //guard:TestForwarded
				return peer
			}
			var last string
			line, last, more = cutLast(line)
			a, ok := addressIn(last)
			if !ok {
				return peer
			}
			peer = a
		}
	}
	return peer
}

// cutLast returns what follows the last comma, and what stands before it, if there is one.
func cutLast(list string) (before, last string, found bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// addressIn reads an address as proxies write it: 10.0.0.7, 10.0.0.7:4711, 2001:db8::7 and
// [2001:db8::7]:4711.
func addressIn(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	if a, err := netip.ParseAddr(s); err == nil {
		return plain(a), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	return netip.Addr{}, false
}

// plain is an address without its zone, and IPv4 if it is that.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// schemeIn returns http or https, or "" where the lines are neither.
func schemeIn(lines []string) string {
	if len(lines) != 1 {
		return ""
	}
	if s := strings.ToLower(lines[0]); s == "http" || s == "https" {
		return s
	}
	return ""
}

// maxPrefix limits X-Forwarded-Prefix in bytes.
const maxPrefix = 255

// pathIn returns a path that can stand in a link, a cookie and a policy as it is: segments of
// unreserved characters (RFC 3986, 2.3). It returns "" where the lines are anything else.
func pathIn(lines []string) string {
	if len(lines) != 1 || len(lines[0]) > maxPrefix {
		return ""
	}
	path := strings.TrimSuffix(lines[0], "/")
	below, ok := strings.CutPrefix(path, "/")
	if !ok {
		return ""
	}
	for segment := range strings.SplitSeq(below, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, isReserved) {
			return ""
		}
	}
	return path
}

func isReserved(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~", c)
}
