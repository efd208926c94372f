package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/address"
)

// written are IPv4 addresses and what they are. Every way of writing them inside an IPv6 address must be seen through.
var written = map[string]address.Class{
	"127.0.0.1": address.Forbidden, "127.0.0.0": address.Forbidden, "127.255.255.254": address.Forbidden, "127.1.2.3": address.Forbidden,
	"0.0.0.0": address.Forbidden, "0.1.2.3": address.Forbidden, "169.254.169.254": address.Forbidden, "169.254.170.2": address.Forbidden,
	"169.254.0.1": address.Forbidden, "224.0.0.1": address.Forbidden, "239.255.255.250": address.Forbidden, "240.0.0.1": address.Forbidden,
	"255.255.255.255": address.Forbidden, "100.100.100.200": address.Forbidden, "168.63.129.16": address.Forbidden, "192.0.0.192": address.Forbidden,
	"10.0.0.1": address.Private, "10.255.255.255": address.Private, "172.16.0.1": address.Private, "172.31.255.255": address.Private, "192.168.1.1": address.Private,
	"100.64.0.1": address.Private, "100.127.255.255": address.Private, "198.18.0.1": address.Private, "192.0.0.8": address.Private,
	"1.1.1.1": address.Public, "8.8.8.8": address.Public, "172.15.255.255": address.Public, "172.32.0.1": address.Public, "11.0.0.1": address.Public,
	"126.255.255.255": address.Public, "128.0.0.1": address.Public, "169.253.255.255": address.Public, "169.255.0.0": address.Public, "100.63.255.255": address.Public,
	"100.128.0.0": address.Public, "192.167.255.255": address.Public, "192.169.0.0": address.Public, "223.255.255.255": address.Public, "203.0.113.9": address.Public,
}

// spellings of an IPv4 address.
func spellings(a netip.Addr) []string {
	n := binary.BigEndian.Uint32(a.AsSlice())
	hi, lo, not := n>>16, n&0xffff, ^n
	return []string{
		a.String(),
		"::ffff:" + a.String(),
		fmt.Sprintf("::ffff:%x:%x", hi, lo),
		fmt.Sprintf("0:0:0:0:0:ffff:%04x:%04x", hi, lo),
		"64:ff9b::" + a.String(),
		fmt.Sprintf("64:ff9b::%x:%x", hi, lo),
		fmt.Sprintf("0064:ff9b:0:0:0:0:%X:%X", hi, lo),
		fmt.Sprintf("::ffff:0:%x:%x", hi, lo),
		fmt.Sprintf("2002:%x:%x::1", hi, lo),
		fmt.Sprintf("2002:%x:%x:1:2:3:4:5", hi, lo),
		fmt.Sprintf("2001:0:102:304:0:0:%x:%x", not>>16, not&0xffff),
		fmt.Sprintf("2001:0:%x:%x::fefe:fefe", hi, lo), // the client is 1.1.1.1
		fmt.Sprintf("2600::5efe:%x:%x", hi, lo),
		fmt.Sprintf("2600::200:5efe:%x:%x", hi, lo),
	}
}

func TestClassify(t *testing.T) {
	n := 0
	check := func(spelling string, want address.Class) {
		t.Helper()
		a, err := netip.ParseAddr(spelling)
		if err != nil {
			t.Errorf("%s: %v", spelling, err)
			return
		}
		n++
		l := address.Policy{Rules: address.SpecialRules}
		if got, name := l.Classify(a); got != want {
			t.Errorf("%s: %d %s, want %d", spelling, got, name, want)
		}
		if err := l.Check(a, address.ByApproval); (err != nil) != (want == address.Forbidden) {
			t.Errorf("%s, approved: %v", spelling, err)
		}
		if err := l.Check(a, address.ByRedirect); (err != nil) != (want != address.Public) {
			t.Errorf("%s, by a redirect: %v", spelling, err)
		}
		l.Allow = []netip.Prefix{netip.PrefixFrom(a, a.BitLen()), netip.MustParsePrefix("2001:db8::/32")}
		if err := l.Check(a, address.ByRedirect); err != nil {
			t.Errorf("%s, allowed: %v", spelling, err)
		}
	}
	for v4, want := range written {
		for _, s := range spellings(netip.MustParseAddr(v4)) {
			check(s, want)
		}
	}
	for s, want := range map[string]address.Class{
		"::": address.Forbidden, "::1": address.Forbidden, "0:0:0:0:0:0:0:1": address.Forbidden, "::1%lo": address.Forbidden, "fe80::1": address.Forbidden, "fe80::1%eth0": address.Forbidden,
		"febf:ffff::1": address.Forbidden, "fe80::a9fe:a9fe": address.Forbidden, "ff02::1": address.Forbidden, "ff0e::1": address.Forbidden, "100::1": address.Forbidden,
		"fd00:ec2::254": address.Forbidden, "fd00:ec2::23": address.Forbidden, "fd20:ce::254": address.Forbidden, "fd00:42::42": address.Forbidden,
		"64:ff9b:1::a00:1": address.Forbidden, "64:ff9b:1:fffe::1": address.Forbidden, "::7f00:1": address.Forbidden, "::127.0.0.1": address.Forbidden, "::a00:1": address.Private,
		"fd12:3456::1": address.Private, "fc00::1": address.Private, "fdff::1": address.Private, "fec0::1": address.Private, "feff::1": address.Private,
		"2606:4700::1111": address.Public, "2001:4860:4860::8888": address.Public, "64:ff9b::808:808": address.Public, "2a00::1": address.Public, "2001:1::1": address.Public,
		"2003::1": address.Public, "65::1": address.Public, "::2": address.Forbidden,
	} {
		check(s, want)
	}
	if n < 200 {
		t.Errorf("%d spellings", n)
	}
}

// What --allow-origin names is allowed in every spelling of it.
func TestAllowSeesThrough(t *testing.T) {
	for _, prefix := range []string{"127.0.0.0/8", "::ffff:127.0.0.0/104", "127.0.0.1/32"} {
		l := address.Policy{Rules: address.SpecialRules, Allow: []netip.Prefix{netip.MustParsePrefix(prefix)}}
		for _, s := range []string{"127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"} {
			if err := l.Check(netip.MustParseAddr(s), address.ByRedirect); err != nil {
				t.Errorf("%s allows %s: %v", prefix, s, err)
			}
		}
		for _, s := range []string{"::1", "169.254.169.254", "10.0.0.1", "2002:a00:1::"} {
			if l.Check(netip.MustParseAddr(s), address.ByRedirect) == nil {
				t.Errorf("%s allows %s", prefix, s)
			}
		}
	}
}

// nameserver answers every question of IPv4 with what answer says, and has no IPv6.
func nameserver(t *testing.T, answer func(n int) []string) *net.Resolver {
	var n atomic.Int32
	return names(t, func(_ string, v6 bool) []string {
		if v6 {
			return nil
		}
		return answer(int(n.Add(1)) - 1)
	})
}

// names is a resolver that asks a server of our own, which answers as answer says.
func names(t *testing.T, answer func(name string, v6 bool) []string) *net.Resolver {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { pc.Close(); <-ended })
	go func() {
		defer close(ended)
		buf := make([]byte, 1500)
		for {
			size, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo(dnsReply(buf[:size], answer), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// dnsReply is the question with answers behind it (RFC 1035, 4.1; RFC 3596).
func dnsReply(q []byte, answer func(name string, v6 bool) []string) []byte {
	end, name := 12, ""
	for q[end] != 0 {
		name += string(q[end+1:end+1+int(q[end])]) + "."
		end += int(q[end]) + 1
	}
	end += 5
	reply := append([]byte(nil), q[:end]...)
	reply[2], reply[3] = 0x81, 0x80
	copy(reply[6:12], make([]byte, 6))
	kind := q[end-3]
	if kind != 1 && kind != 28 { // neither A nor AAAA
		return reply
	}
	for _, s := range answer(strings.TrimSuffix(name, "."), kind == 28) {
		b := netip.MustParseAddr(s).AsSlice()
		reply[7]++
		reply = append(reply, 0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, byte(len(b)))
		reply = append(reply, b...)
	}
	return reply
}

// A name that first means an allowed address and then another is judged each time it is dialled.
func TestRebinding(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers [][]string
		want    fsstore.State
	}{
		{"stays", [][]string{{"127.0.0.1"}, {"127.0.0.1"}}, fsstore.Done},
		{"turns to loopback", [][]string{{"127.0.0.1"}, {"127.0.0.2"}}, fsstore.Failed},
		{"turns to metadata", [][]string{{"127.0.0.1"}, {"169.254.169.254"}}, fsstore.Failed},
		{"loopback at once", [][]string{{"127.0.0.2"}}, fsstore.Failed},
		{"one of two is allowed", [][]string{{"127.0.0.2", "127.0.0.1"}, {"127.0.0.1", "127.0.0.3"}}, fsstore.Done},
		{"no such host", [][]string{{}}, fsstore.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newLying(t, func(w *wire) {
				if w.req.URL.Path == "/f.run" {
					w.say("302 Found", []string{"Location: /g.run", "Content-Length: 0"}, nil)
					return
				}
				w.ok(body)
			})
			l := newLab(t, Options{Retries: 1})
			l.p.client.Resolver = nameserver(t, func(n int) []string { return c.answers[min(n, len(c.answers)-1)] })
			_, port, _ := strings.Cut(strings.TrimPrefix(o.url, "http://"), ":")
			st, reason := l.fetch(fsstore.Addition{URL: "http://origin.example:" + port + "/f.run"})
			if st != c.want {
				t.Errorf("%s: %s", st, reason)
			}
			if st == fsstore.Failed && len(o.requests()) > 1 {
				t.Error("the refused address was asked")
			}
		})
	}
}

// From a public host no redirect leads inside; from inside it may. Here 127.0.0.3 plays a public host, 127.0.0.4 and .5
// private ones.
func TestRedirectInside(t *testing.T) {
	chain := map[string]string{}
	serve := func(w *wire) {
		if to := chain[w.req.URL.Path]; to != "" {
			w.say("302 Found", []string{"Location: " + to, "Content-Length: 0"}, nil)
			return
		}
		w.ok(body)
	}
	pub, in, in2 := lyingAt(t, "127.0.0.3:0", nil, serve), lyingAt(t, "127.0.0.4:0", nil, serve), lyingAt(t, "127.0.0.5:0", nil, serve)
	chain["/a"], chain["/b"], chain["/c"], chain["/d"] = in.url+"/f.run", in2.url+"/f.run", pub.url+"/a", pub.url+"/f.run"
	for _, c := range []struct {
		url   string
		allow string
		want  fsstore.State
	}{
		{in.url + "/f.run", "", fsstore.Done},
		{pub.url + "/f.run", "", fsstore.Done},
		{in.url + "/b", "", fsstore.Done},                // inside to inside
		{in.url + "/d", "", fsstore.Done},                // inside to outside
		{pub.url + "/a", "", fsstore.Failed},             // outside to inside
		{in.url + "/c", "", fsstore.Failed},              // inside, outside, inside
		{pub.url + "/a", "127.0.0.4/32", fsstore.Done},   // allowed
		{pub.url + "/a", "127.0.0.5/32", fsstore.Failed}, // another is allowed
		{in.url + "/c", "127.0.0.4/32", fsstore.Done},    // allowed
		{pub.url + "/b", "127.0.0.4/31", fsstore.Done},   // allowed
		{pub.url + "/b", "127.0.0.0/30", fsstore.Failed}, // not in it
		{pub.url + "/b", "0.0.0.0/0", fsstore.Done},      // all
	} {
		l := newLab(t, Options{})
		l.p.client.Policy = address.Policy{Rules: []address.Rule{address.Block("127.0.0.4/31", address.Private, "a private address")}}
		if c.allow != "" {
			l.p.client.Policy.Allow = []netip.Prefix{netip.MustParsePrefix(c.allow)}
		}
		if st, reason := l.fetch(fsstore.Addition{URL: c.url}); st != c.want || st == fsstore.Failed && !strings.Contains(reason, "a public host redirects there") {
			t.Errorf("%s, allowed %q: %s: %s", c.url, c.allow, st, reason)
		}
	}
}

// With a proxy its own address is exempt, names are its affair, and literal addresses are still judged.
func TestProxy(t *testing.T) {
	proxy := lyingAt(t, "127.0.0.2:0", nil, func(w *wire) {
		if w.req.Method == "CONNECT" {
			w.say("407 Proxy Authentication Required", nil, nil)
			return
		}
		w.ok([]byte(w.req.RequestURI))
	})
	l := newLab(t, Options{Retries: 1, AllowOrigin: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	l.p.client.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.url) }
	if st, reason := l.fetch(fsstore.Addition{URL: "http://origin.example/a|%5e/f.run?a=b"}); st != fsstore.Done {
		t.Errorf("%s: %s", st, reason)
	}
	if got := string(l.held("http://origin.example/a|%5e/f.run?a=b")); got != "http://origin.example/a|%5e/f.run?a=b" {
		t.Errorf("the proxy was asked for %q", got)
	}
	for u, want := range map[string]string{
		"http://127.0.0.3/f.run":             "loopback",
		"http://localhost/f.run":             "loopback",
		"http://a.localhost/f.run":           "loopback",
		"http://[::1]/f.run":                 "loopback",
		"http://169.254.169.254/f.run":       "metadata",
		"http://[64:ff9b::a9fe:a9fe]/f.run":  "metadata",
		"http://0x7f000001/f.run":            "four decimal numbers",
		"https://origin.example/connect.run": "Proxy Authentication Required",
	} {
		if st, reason := l.fetch(fsstore.Addition{URL: u}); st != fsstore.Failed || !strings.Contains(reason, want) {
			t.Errorf("%s: %s: %s", u, st, reason)
		}
	}
	l.p.client.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("parse http://u:hunter2@proxy: bad") }
	if st, reason := l.fetch(fsstore.Addition{URL: "http://origin.example/p.run"}); st != fsstore.Failed || !strings.Contains(reason, "HTTP_PROXY") {
		t.Errorf("%s: %s", st, reason)
	}
	l.grep("hunter2")
}
