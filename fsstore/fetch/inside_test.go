package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/address"
	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/key"
)

// everywhereScript runs TestInside in a network namespace of its own, in which this machine has every address there is:
// whatever is dialled reaches the trap. Where none can be made, only loopback addresses do.
const everywhereEnv = "FROMCACHE_TEST_EVERYWHERE"

const everywhereScript = `ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo &&
	` + everywhereEnv + `=1 exec "$0" -test.run='^TestInside$' -test.count=1 -test.v`

// TestInside: no spelling of an address that is refused is ever dialled, given as the URL or as a redirect's target; nor
// is the address that a name turns to between two questions.
func TestInside(t *testing.T) {
	everywhere := os.Getenv(everywhereEnv) != ""
	if !everywhere {
		out, err := exec.Command("unshare", "-rn", "sh", "-c", everywhereScript, os.Args[0]).CombinedOutput()
		if strings.Contains(string(out), "=== RUN") {
			if err != nil {
				t.Fatalf("in a network namespace: %v\n%s", err, out)
			}
			for _, said := range regexp.MustCompile(`\d+ tries .*`).FindAllString(string(out), -1) {
				t.Log(said)
			}
			return
		}
		t.Logf("no network namespace here (%s): only loopback addresses are trapped", strings.TrimSpace(string(out)))
	}
	in := newInside(t, everywhere)
	in.caught(t, "http://"+in.public+":"+in.port+"/f.run") // the trap works
	t.Run("as the URL", in.asURL)
	t.Run("as a redirect", in.asRedirect)
	t.Run("by a name that changes", in.rebound)
}

// inside is a trap at every address, an origin that redirects to it, and a pool that may not be caught.
type inside struct {
	*lab
	everywhere   bool
	public, port string // where the trap may be reached, and by what port everywhere
	origin       *lying

	mu      sync.Mutex
	reached []string // addresses
	names   func(name string, v6 bool) []string
}

func newInside(t *testing.T, everywhere bool) *inside {
	in := &inside{everywhere: everywhere, public: "203.0.113.9"}
	allow := netip.MustParsePrefix("192.0.2.0/24")
	if !everywhere {
		in.public, allow = "127.0.0.9", netip.MustParsePrefix("127.0.0.9/32")
	}
	trap := lyingAt(t, ":0", nil, func(w *wire) {
		in.mu.Lock()
		in.reached = append(in.reached, netip.MustParseAddrPort(w.LocalAddr().String()).Addr().Unmap().String())
		in.mu.Unlock()
		w.ok(body)
	})
	_, in.port, _ = net.SplitHostPort(trap.ln.Addr().String())
	in.origin = lyingAt(t, in.public+":0", nil, func(w *wire) {
		w.say("302 Found", []string{"Location: " + w.req.Header.Get("X-To"), "Content-Length: 0"}, nil)
	})
	in.lab = newLab(t, Options{Retries: 1, AllowOrigin: []netip.Prefix{allow}})
	in.p.client.Resolver = names(t, func(name string, v6 bool) []string {
		in.mu.Lock()
		defer in.mu.Unlock()
		return in.names(name, v6)
	})
	in.names = metadataNames
	return in
}

// hosts are the spellings of a host in a URL that mean, to somebody, an address.
func hosts(a netip.Addr) []string {
	num, b := binary.BigEndian.Uint32(a.AsSlice()), a.As4()
	s := a.String()
	list := []string{s, s + ".", s + "..", fmt.Sprint(num), fmt.Sprintf("0x%x", num), fmt.Sprintf("0X%X", num), fmt.Sprintf("0x%x.", num),
		fmt.Sprintf("0%o", num), fmt.Sprintf("%d.%d", b[0], num&0xffffff), fmt.Sprintf("%d.%d.%d", b[0], b[1], num&0xffff),
		fmt.Sprintf("0x%x.%d.%d", b[0], b[1], num&0xffff), fmt.Sprintf("0%o.%d.%d.%d", b[0], b[1], b[2], b[3]),
		fmt.Sprintf("0x%x.0x%x.0x%x.0x%x", b[0], b[1], b[2], b[3]), fmt.Sprintf("0%o.0%o.0%o.0%o", b[0], b[1], b[2], b[3]),
		fmt.Sprintf("%03d.%03d.%03d.%03d", b[0], b[1], b[2], b[3]), fmt.Sprintf("%d.%d.%d.0x%X", b[0], b[1], b[2], b[3]),
		fmt.Sprintf("%d", uint64(num)+1<<32), "-" + s, "+" + s,
		strings.ReplaceAll(s, ".", "。"), strings.ReplaceAll(s, ".", "．"), strings.ReplaceAll(s, ".", "｡"), strings.ReplaceAll(s, ".", "%2e"),
		strings.Map(func(r rune) rune {
			if r == '.' {
				return r
			}
			return r - '0' + '０'
		}, s),
		fmt.Sprintf("%%3%d%s", s[0]-'0', s[1:]), s + "%00", s + "%20", s + "%2f", s + "%09",
		"user@" + s, "user:secret@" + s, "example.com@" + s, "example.com%40" + s, "example.com:80@" + s, "example.com\\@" + s, "@" + s, "[" + s + "]"}
	for _, v6 := range spellings(a)[1:] {
		list = append(list, "["+v6+"]", "["+v6+"%25eth0]", "["+v6+"%lo]", "["+strings.ToUpper(v6)+"]", "["+v6+"].", v6)
	}
	return list
}

// named are hosts that lead inside by their name; metadataNames resolves them, as the clouds and a hostile zone do.
var named = []string{
	"localhost", "LOCALHOST", "localhost.", "LocalHost.", "a.localhost", "a.b.LOCALHOST.", "localhost.localdomain", "ip6-localhost", "ip6-loopback",
	"metadata.google.internal", "METADATA.google.internal.", "metadata", "metadata.goog", "instance-data", "instance-data.ec2.internal",
	"metadata.azure.internal", "metadata.tencentyun.com", "metadata.platformequinix.com", "rancher-metadata", "kubernetes.default.svc",
	"127.0.0.1.nip.io", "7f000001.sslip.io", "localtest.me", "mapped.example", "six.example", "nat64.example", "sixtofour.example", "both.example", "zero.example",
}

func metadataNames(name string, v6 bool) []string {
	switch name = strings.ToLower(name); {
	case v6 && name == "mapped.example":
		return []string{"::ffff:127.0.0.1", "::ffff:169.254.169.254"}
	case v6 && name == "six.example":
		return []string{"::1", "fe80::1", "fd00:ec2::254"}
	case v6 && name == "nat64.example":
		return []string{"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1"}
	case v6 && name == "sixtofour.example":
		return []string{"2002:7f00:1::1", "2001:0:102:304::80ff:fffe"}
	case v6 && name == "both.example":
		return []string{"::1"}
	case v6:
		return nil
	case name == "zero.example":
		return []string{"0.0.0.0"}
	case strings.Contains(name, "local"), strings.Contains(name, "127"), strings.Contains(name, "7f00"):
		return []string{"127.0.0.1"}
	case strings.HasSuffix(name, ".example") && name != "both.example":
		return nil
	}
	return []string{"169.254.169.254", "127.0.0.1"}
}

// urls are all of these of a class.
func (in *inside) urls(c address.Class) (list []string) {
	for s, is := range written {
		if is != c {
			continue
		}
		for _, host := range hosts(netip.MustParseAddr(s)) {
			list = append(list, "http://"+host+":"+in.port+"/f.run")
		}
	}
	if c == address.Forbidden {
		for _, host := range named {
			list = append(list, "http://"+host+":"+in.port+"/f.run")
		}
	}
	slices.Sort(list)
	return list
}

func (in *inside) asURL(t *testing.T) {
	list := in.urls(address.Forbidden)
	added := 0
	for _, u := range list {
		_, err := in.s.Add(fsstore.Addition{URL: u}, fsstore.Operator{Via: "cli"})
		switch {
		case err == nil:
			added++
		case !errors.Is(err, key.ErrBadURL) && !errors.Is(err, fsstore.ErrInvalid):
			t.Errorf("%s: %v", u, err)
		}
	}
	in.drive()
	failed, err := in.s.Jobs(fsstore.Failed)
	if err != nil || len(failed) == 0 || len(failed) > added {
		t.Errorf("%d failed of %d: %v", len(failed), added, err)
	}
	if n, err := in.s.Count(fsstore.Done); n != 0 || err != nil {
		t.Errorf("%d are done: %v", n, err)
	}
	in.none(t, "as the URL", len(list))
	if in.everywhere { // what is private may be approved
		in.caught(t, "http://10.0.0.1:"+in.port+"/f.run")
		in.caught(t, "http://[fd12::1]:"+in.port+"/f.run")
	}
}

func (in *inside) asRedirect(t *testing.T) {
	list := in.urls(address.Forbidden)
	if in.everywhere {
		list = append(list, in.urls(address.Private)...)
	}
	for i, u := range list {
		to := []string{u, "https" + strings.TrimPrefix(u, "http"), strings.TrimPrefix(u, "http:"), "HTTP" + strings.TrimPrefix(u, "http")}[i%4]
		if err := in.ask(in.origin.url+"/f.run", to); err == nil {
			t.Errorf("a redirect to %s is followed", to)
		}
	}
	in.none(t, "as a redirect", len(list))
	if err := in.ask(in.origin.url+"/f.run", "http://"+in.public+":"+in.port+"/g.run"); err != nil {
		t.Errorf("a good redirect: %v", err)
	}
	in.taken()
}

// rebound: what is dialled is judged, however often a name changes, and wherever its answers are mixed.
func (in *inside) rebound(t *testing.T) {
	bad := []string{"127.0.0.1", "127.0.0.2", "0.0.0.0", "169.254.169.254", "100.100.100.200"}
	if in.everywhere {
		bad = append(bad, "10.0.0.1", "192.168.1.1") // only by the redirect below
	}
	random := rand.New(rand.NewPCG(17, 17))
	in.mu.Lock()
	in.names = func(_ string, v6 bool) (list []string) {
		if v6 {
			return []string{"::1"}
		}
		for range 1 + random.IntN(3) {
			if list = append(list, bad[random.IntN(len(bad))]); random.IntN(2) == 0 {
				list[len(list)-1] = in.public
			}
		}
		return list
	}
	in.mu.Unlock()
	const rounds = 300
	t.Logf("%d tries by a name that changes", rounds)
	for range rounds {
		in.ask(in.origin.url+"/f.run", "http://shifty.example:"+in.port+"/f.run")
	}
	good := 0
	for _, a := range in.taken() {
		if a == in.public {
			good++
		} else {
			t.Errorf("%s was reached", a)
		}
	}
	if good == 0 || good == rounds {
		t.Errorf("%d of %d reached the public address", good, rounds)
	}
}

func (in *inside) ask(u, to string) error {
	a, err := in.p.client.Ask(context.Background(), client.Request{URL: u, Fields: http.Header{"X-To": {to}}, AcceptHTTP: true})
	if err == nil {
		a.Close()
	}
	return err
}

// caught: u is allowed, and leads into the trap.
func (in *inside) caught(t *testing.T, u string) {
	t.Helper()
	err := in.ask(u, "")
	if got := in.taken(); err != nil || len(got) != 1 {
		t.Errorf("%s: %v, reached %v", u, err, got)
	}
}

// taken empties the trap.
func (in *inside) taken() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	got := in.reached
	in.reached = nil
	return got
}

// none: nothing has come into the trap.
func (in *inside) none(t *testing.T, how string, tried int) {
	t.Helper()
	if tried < 200 {
		t.Errorf("only %d tries %s", tried, how)
	}
	t.Logf("%d tries %s", tried, how)
	if got := in.taken(); len(got) > 0 {
		t.Errorf("%s: %v", how, got)
	}
}
