package access

import (
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nameInAURL is what a name server can be asked for by a browser.
var nameInAURL = regexp.MustCompile(`^([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?(:[0-9]*)?$`)

// FuzzHost: under a name that somebody else may have, no page answers; under
// one of ours it does, in any case, with any port.
func FuzzHost(f *testing.F) {
	for _, host := range []string{"localhost", "LOCALHOST.:80", "cache1.lab", "cache.example:3000", "10.0.0.1.", "[::1]:80", "[fe80::1%25eth0]", "localhost.evil.example", "10.0.0.1.evil.example",
		"[localhost]:80", "evil.example:localhost", "localhost:80:80", "0x7f.1", "", ":80", "[", "evil@localhost", "cache1.lab..", "ſ.example", "2130706433"} {
		f.Add(host, "Cache1.lab", "cache.example:8080")
	}
	f.Add("", "", "")
	f.Add("a:80", "[", ":80")
	f.Fuzz(func(t *testing.T, host, own, public string) {
		s := New(Options{Hostname: own, PublicHosts: []string{public}})
		got := s.hostAllowed(host)
		for _, name := range []string{"localhost", own, public} {
			if nameInAURL.MatchString(name) && !strings.ContainsAny(name, ":") {
				if !s.hostAllowed(strings.ToUpper(name) + ":99") {
					t.Errorf("not under our own name %q", name)
				}
			}
		}
		if !nameInAURL.MatchString(host) {
			return // no browser asks for it
		}
		name, _, _ := strings.Cut(strings.ToLower(host), ":")
		name = strings.TrimSuffix(name, ".")
		_, err := netip.ParseAddr(name)
		want := err == nil || name == "localhost" || name == hostOnly(own) || name == hostOnly(public)
		if got != want {
			t.Errorf("%q is allowed: %v; we are %q and %q", host, got, own, public)
		}
	})
}

// TestLimiterTable: no number of clients makes the table grow.
func TestLimiterTable(t *testing.T) {
	t.Parallel()
	l := newLimiter(1, 2)
	in := newSignIn(Options{Password: "x", GuessRate: 1, GuessRateAll: 1})
	allowed, began := 0, time.Now()
	for i := range 3 * maxClients {
		r := &http.Request{RemoteAddr: "[2001:db8:" + strconv.FormatInt(int64(i/65536), 16) + ":" + strconv.FormatInt(int64(i%65536), 16) + "::1]:99"}
		l.allow(clientNet(r))
		if _, ok := in.mayGuess(r); ok {
			allowed++
		}
	}
	if len(l.client) > maxClients {
		t.Errorf("%d clients", len(l.client))
	}
	if most := 21 + int(time.Since(began)/time.Second); allowed > most { // a burst of 20, and one a second
		t.Errorf("%d guesses from many addresses, and %d may be", allowed, most)
	}
	one := clientNet(&http.Request{RemoteAddr: "[2001:db8::1]:1"})
	if one != clientNet(&http.Request{RemoteAddr: "[2001:db8::ffff]:2"}) || one == clientNet(&http.Request{RemoteAddr: "[2001:db8:0:1::1]:1"}) {
		t.Error("an IPv6 client is its /64")
	}
	if clientNet(&http.Request{RemoteAddr: "10.0.0.1:1"}) != clientNet(&http.Request{RemoteAddr: "[::ffff:10.0.0.1]:2"}) {
		t.Error("IPv4 in IPv6")
	}
}
