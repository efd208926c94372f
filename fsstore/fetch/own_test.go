package fetch

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/address"
)

// ownScript runs TestOwnNetwork in a network namespace in which this machine has some addresses, and answers at all others
// as well, as if it were everyone.
const (
	ownEnv    = "FROMCACHE_TEST_OWN"
	ownScript = `ip link set lo up && ip link add d0 type veth peer name d1 && ip link set d0 up && ip link set d1 up &&
	ip addr add 203.0.113.1/24 dev d0 && ip addr add 10.9.8.7/24 dev d0 && ip -6 addr add 2600:1234::2/64 dev d0 nodad &&
	ip addr add 198.51.100.2/24 dev lo && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo && ip rule add prio 1 lookup local && ip -6 rule add prio 1 lookup local &&
	` + ownEnv + `=1 exec "$0" -test.run='^TestOwnNetwork$' -test.count=1 -test.v`
)

// TestOwnNetwork: this machine's own addresses are as closed as loopback, and the networks that it is on are inside.
func TestOwnNetwork(t *testing.T) {
	if os.Getenv(ownEnv) == "" {
		out, err := exec.Command("unshare", "-rn", "sh", "-c", ownScript, os.Args[0]).CombinedOutput()
		switch {
		case !strings.Contains(string(out), "=== RUN"):
			t.Skipf("no network namespace here: %s", out)
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	o := lyingAt(t, ":0", nil, func(w *wire) {
		if to := w.req.URL.Query().Get("to"); to != "" {
			w.say("302 Found", []string{"Location: " + to, "Content-Length: 0"}, nil)
			return
		}
		w.ok(body)
	})
	port := o.url[strings.LastIndexByte(o.url, ':'):]
	const ownName, neighbour, redirected = "an address of this machine", "a network that this machine is on", "a public host redirects there"
	for _, c := range []struct {
		host, to string
		accept   bool
		reason   string // "": it is fetched
	}{
		{host: "8.8.4.4"},
		{host: "203.0.113.1", reason: ownName},
		{host: "203.0.113.1", accept: true, reason: ownName},
		{host: "[2600:1234::2]", reason: ownName},
		{host: "198.51.100.2", reason: ownName},
		{host: "198.51.100.77", reason: ownName}, // all of a prefix of lo is this machine
		{host: "10.9.8.7", reason: ownName},
		{host: "203.0.113.5"},
		{host: "[2600:1234::9]"},
		{host: "10.9.8.8"},
		{host: "8.8.4.4", to: "8.8.8.8"},
		{host: "8.8.4.4", to: "203.0.113.1", reason: ownName},
		{host: "8.8.4.4", to: "198.51.100.2", reason: ownName},
		{host: "8.8.4.4", to: "[2600:1234::2]", reason: ownName},
		{host: "8.8.4.4", to: "[::ffff:203.0.113.1]", reason: ownName},
		{host: "8.8.4.4", to: "203.0.113.5", reason: neighbour},
		{host: "8.8.4.4", to: "[2600:1234::9]", reason: neighbour},
		{host: "8.8.4.4", to: "10.9.8.8", accept: true, reason: redirected},
		{host: "203.0.113.5", to: "10.9.8.8"},
		{host: "203.0.113.5", to: "203.0.113.1", reason: ownName},
		{host: "mirror"},
		{host: "mirror.lan"},
		{host: "mirror.lan", to: "mirror.lan"},
		{host: "own.lan", reason: ownName},
		{host: "public.example"},
		{host: "private.example", reason: "`accept private`"},
		{host: "private.example", accept: true},
		{host: "private.example", accept: true, to: "10.9.8.9"},
		{host: "neighbour.example", reason: "`accept private`"},
		{host: "neighbour.example", accept: true},
		{host: "own.example", accept: true, reason: ownName},
		{host: "public.example", to: "private.example", accept: true, reason: redirected},
	} {
		l := newLab(t, Options{Retries: 1})
		l.p.client.Resolver = names(t, func(name string, v6 bool) []string {
			first, _, _ := strings.Cut(name, ".")
			a := map[string]string{"mirror": "10.9.8.8", "own": "10.9.8.7", "public": "8.8.8.8", "private": "10.9.8.8", "neighbour": "203.0.113.5"}[first]
			if v6 || a == "" {
				return nil
			}
			return []string{a}
		})
		u := "http://" + c.host + port + "/f.run"
		if c.to != "" {
			u += "?to=http://" + c.to + port + "/g.run"
		}
		st, reason := l.fetch(fsstore.Addition{URL: u, AcceptPrivate: c.accept})
		if want := map[bool]fsstore.State{true: fsstore.Done, false: fsstore.Failed}[c.reason == ""]; st != want || !strings.Contains(reason, c.reason) {
			t.Errorf("%s to %q, accept private %v: %s: %s", c.host, c.to, c.accept, st, reason)
		}
	}
}

// TestUnlisted: where it can't be known what is inside, nothing is dialled, and no attempt counts.
func TestUnlisted(t *testing.T) {
	o := newLying(t, func(w *wire) { w.ok(body) })
	l := newLab(t, Options{Retries: 1})
	l.p.client.Policy.Local = func() ([]address.Rule, error) { return nil, errors.New("netlink: operation not permitted") }
	k := l.add(fsstore.Addition{URL: o.url + "/f.run"})
	l.step()
	if st, reason := l.state(k); st != fsstore.Queue || !strings.Contains(reason, "AF_NETLINK") || len(o.requests()) > 0 {
		t.Errorf("%s: %s", st, reason)
	}
	l.p.client.Policy.Local = address.OwnRules
	l.drive()
	if st, reason := l.state(k); st != fsstore.Done {
		t.Errorf("%s: %s", st, reason)
	}
}

// TestDeniedRedirect: what is denied isn't fetched by way of another host.
func TestDeniedRedirect(t *testing.T) {
	there := lyingAt(t, "127.0.0.2:0", nil, func(w *wire) { w.ok(body) })
	here := newLying(t, func(w *wire) {
		w.say("302 Found", []string{"Location: " + there.url + w.req.URL.Path, "Content-Length: 0"}, nil)
	})
	for _, c := range []struct{ deny, path, reason string }{
		{"", "/f.run", ""},
		{"127.0.0.2", "/f.run", "denied/127.0.0.2 denies"},
		{"127.0.0.3", "/f.run", ""},
		{"key", "/f.run", "denied/127.0.0.2"},
		{"key", "/g.run", ""},
	} {
		l := newLab(t, Options{AllowOrigin: loopback})
		if c.deny == "key" { // one artifact alone
			k := l.add(fsstore.Addition{URL: there.url + "/f.run"})
			if err := l.s.Deny(k, fsstore.Operator{Via: "cli"}); err != nil {
				t.Fatal(err)
			}
		} else if c.deny != "" {
			if err := l.s.Deny(c.deny, fsstore.Operator{Via: "cli"}); err != nil {
				t.Fatal(err)
			}
		}
		mark := len(there.requests())
		st, reason := l.fetch(fsstore.Addition{URL: here.url + c.path})
		if asked := len(there.requests()) > mark; (st == fsstore.Done) != (c.reason == "") || !strings.Contains(reason, c.reason) || asked != (c.reason == "") {
			t.Errorf("denied %q, %s: %s: %s, asked: %v", c.deny, c.path, st, reason, asked)
		}
	}
}
