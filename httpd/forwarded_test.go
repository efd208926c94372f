package httpd

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/time/rate"

	"fromcache/httpd/access"
	"fromcache/httpd/answer"
)

func networks(list ...string) (p proxies) {
	for _, s := range list {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

// forwarded is what a request from peer says, settled. Each field has its lines.
func (p proxies) forwarded(peer string, list, proto, prefix []string) *http.Request {
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	for name, lines := range map[string][]string{"X-Forwarded-For": list, "X-Forwarded-Proto": proto, "X-Forwarded-Prefix": prefix} {
		if lines != nil {
			r.Header[name] = lines
		}
	}
	p.settle(r)
	return r
}

// TestForwarded: the client is the last address that is no proxy's, and nobody but a proxy says so.
func TestForwarded(t *testing.T) {
	t.Parallel()
	lab := networks("10.0.0.0/24", "2001:db8:1::/48")
	home := networks("127.0.0.0/8", "::1/128")
	for _, c := range []struct {
		p     proxies
		peer  string
		lines []string
		want  string
	}{
		{lab, "10.0.0.1:99", []string{"198.51.100.7"}, "198.51.100.7"},
		{lab, "10.0.0.1:99", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7"},
		{lab, "10.0.0.1:99", []string{"1.1.1.1", "198.51.100.7"}, "198.51.100.7"},
		{lab, "10.0.0.1:99", []string{"1.1.1.1,198.51.100.7 , 10.0.0.2"}, "198.51.100.7"},
		{lab, "10.0.0.1:99", []string{"1.1.1.1,198.51.100.7", "10.0.0.2,10.0.0.3"}, "198.51.100.7"},
		{lab, "10.0.0.1:99", []string{"10.0.0.9, 10.0.0.8"}, "10.0.0.9"},
		{lab, "10.0.0.1:99", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{lab, "[::ffff:10.0.0.1]:99", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{lab, "[2001:db8:1::1]:99", []string{"2001:db8::7"}, "2001:db8::7"},
		{lab, "10.0.0.1:99", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{lab, "10.0.0.1:99", []string{"::ffff:10.0.0.2"}, "10.0.0.2"},
		{lab, "10.0.0.1:99", []string{"fe80::1%eth0"}, "fe80::1"},
		{lab, "10.0.0.1:99", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		{lab, "10.0.0.1:99", []string{"198.51.100.7, unix:, 10.0.0.2"}, "10.0.0.2"},
		{lab, "10.0.0.1:99", []string{"198.51.100.7,"}, "10.0.0.1"},
		{lab, "10.0.0.1:99", []string{""}, "10.0.0.1"},
		{lab, "10.0.0.1:99", []string{"0x7f.1"}, "10.0.0.1"},
		{lab, "10.0.0.1:99", nil, "10.0.0.1"},
		{lab, "10.0.1.1:99", []string{"198.51.100.7"}, "10.0.1.1"},
		{lab, "198.51.100.9:99", []string{"10.0.0.1"}, "198.51.100.9"},
		{lab, "127.0.0.1:99", []string{"198.51.100.7"}, "127.0.0.1"},
		{nil, "127.0.0.1:99", []string{"198.51.100.7"}, "127.0.0.1"},
		{nil, "198.51.100.9:99", []string{"10.0.0.1"}, "198.51.100.9"},
		{home, "127.0.0.1:99", []string{"198.51.100.7"}, "198.51.100.7"},
		{home, "[::1]:99", []string{"127.0.0.1"}, "127.0.0.1"},
		{home, "@", []string{"198.51.100.7"}, "@"},
	} {
		r := c.p.forwarded(c.peer, c.lines, nil, nil)
		if got := answer.ClientAddr(r); strings.TrimPrefix(got, "::ffff:") != c.want || r.Header["X-Forwarded-For"] != nil {
			t.Errorf("%v from %s: %s, want %s", c.lines, c.peer, got, c.want)
		}
	}
	for peer, believed := range map[string]bool{"10.0.0.1:9": true, "127.0.0.1:9": true, "[::1]:9": true, "10.0.1.1:9": false, "[2001:db8::1]:9": false, "@": false, "": false} {
		r := lab.forwarded(peer, nil, []string{"https"}, []string{"/cache"})
		if answer.OverTLS(r) != believed || (answer.Prefix(r) == "/cache") != believed {
			t.Errorf("from %q: %v", peer, r.Header)
		}
	}
}

// TestForwardedIllFormed: what a proxy can't have meant counts as not sent.
func TestForwardedIllFormed(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"/cache": "/cache", "/cache/": "/cache", "/a/b_c/d.e~f-1": "/a/b_c/d.e~f-1", "": "", "/": "", "cache": "", "//": "", "//evil.example": "", "/a//b": "", "/a//": "",
		"/..": "", "/a/../b": "", "/.": "", "/a/./b": "", "/...": "/...", "http://evil.example/": "", "/a?b": "", "/a#b": "", "/a;b": "", "/a b": "", "/a,/b": "", "/%2e%2e": "",
		"/a\\b": "", `/"><script>`: "", "/é": "", "/\xff": "", "/'": "", "/{{.}}": "", "/a:b": "", "/a@b": "", "/" + strings.Repeat("x", 254): "/" + strings.Repeat("x", 254), "/" + strings.Repeat("x", 255): "",
	} {
		if got := answer.Prefix(networks().forwarded("127.0.0.1:9", nil, nil, []string{sent})); got != want {
			t.Errorf("the prefix %q becomes %q", sent, got)
		}
	}
	if got := answer.Prefix(networks().forwarded("127.0.0.1:9", nil, nil, []string{"/a", "/a"})); got != "" {
		t.Errorf("two prefixes become %q", got)
	}
	for _, c := range []struct {
		sent []string
		want bool
	}{{[]string{"https"}, true}, {[]string{"HTTPS"}, true}, {[]string{"http"}, false}, {[]string{"https, http"}, false}, {[]string{"https", "https"}, false}, {[]string{"wss"}, false}, {[]string{""}, false}} {
		if got := answer.OverTLS(networks().forwarded("127.0.0.1:9", nil, c.sent, nil)); got != c.want {
			t.Errorf("the scheme %q: TLS is %v", c.sent, got)
		}
	}
}

var cleanPath = regexp.MustCompile(`^((/[A-Za-z0-9._~-]+)+)?$`)

// FuzzForwarded: whatever a proxy of ours passes on, the client has an address, and the prefix is a
// clean path; whatever anybody else sends changes nothing.
func FuzzForwarded(f *testing.F) {
	f.Add("10.0.0.1", "198.51.100.7, 10.0.0.2", "https", "/cache")
	f.Add("198.51.100.9", "10.0.0.1,,\x00", "HTTP", "/a/../b")
	f.Add("::1", "[::1]:80,[", "", "//x")
	f.Fuzz(func(t *testing.T, from, list, proto, prefix string) {
		addr, err := netip.ParseAddr(from)
		if err != nil {
			return
		}
		lab := networks("10.0.0.0/24")
		peer := netip.AddrPortFrom(addr, 9).String()
		r := lab.forwarded(peer, strings.Split(list, "\n"), []string{proto}, []string{prefix})
		client, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			t.Fatalf("%q from %s: the client is %q", list, from, r.RemoteAddr)
		}
		trusted := lab.have(plain(addr))
		if !trusted && r.RemoteAddr != peer || trusted && !lab.have(plain(client.Addr())) && !strings.Contains(list, ".") && !strings.Contains(list, ":") {
			t.Errorf("%q from %s: the client is %s", list, from, r.RemoteAddr)
		}
		p := answer.Prefix(r)
		if !cleanPath.MatchString(p) || p != "" && (path.Clean(p) != p || !trusted && !addr.Unmap().IsLoopback()) {
			t.Errorf("%q from %s becomes %q", prefix, from, p)
		}
	})
}

// asked is an answer to a request that a proxy at peer passes on.
func (w *world) asked(peer, method, target string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(""))
	r.RemoteAddr, r.Host = peer, "cache.lab"
	r.Header.Set("User-Agent", "curl/8.5.0")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	a := httptest.NewRecorder()
	w.srv.ServeHTTP(a, r)
	return a
}

// TestClientBehindAProxy: misses, job logs, the access log and the guesses of the password are by
// the client's own address, which only a proxy that was named can say.
func TestClientBehindAProxy(t *testing.T) {
	t.Parallel()
	requests := &syncBuffer{}
	w := newWorld(t, Options{
		AccessLog:      slog.New(slog.NewTextHandler(requests, nil)),
		TrustedProxies: networks("10.0.0.1/32"),
		Access:         access.Options{Password: password, GuessRate: rate.Limit(1e-6), GuessRateAll: 1000},
	})
	const forger, proxy, client = "10.0.0.2:9", "10.0.0.1:9", "198.51.100.7"
	w.asked(forger, "GET", "/b/"+token("https://vendor.example/forged.bin"), map[string]string{"X-Forwarded-For": client})
	w.asked(proxy, "GET", "/b/"+token("https://vendor.example/true.bin"), map[string]string{"X-Forwarded-For": "10.9.9.9, " + client})
	if log := w.log.String(); strings.Count(log, "--trusted-proxy") != 1 || !strings.Contains(log, "addr=10.0.0.2\n") {
		t.Errorf("the log says of who is no proxy: %s", log)
	}
	for name, want := range map[string]string{"forged": " miss 10.0.0.2 ", "true": " miss " + client + " "} {
		b, err := os.ReadFile(filepath.Join(w.dir, "misses", keyOf(w, "https://vendor.example/"+name+".bin")))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s.bin: %s %v", name, b, err)
		}
	}
	log := requests.String()
	if !strings.Contains(log, "client="+client) || !strings.Contains(log, "client=10.0.0.2") || strings.Contains(log, "10.9.9.9") || strings.Contains(log, "client=10.0.0.1") {
		t.Errorf("the access log: %s", log)
	}
	guess := func(peer, of string) int {
		r := httptest.NewRequest("POST", "/ui/login", strings.NewReader("password=wrong"))
		r.RemoteAddr = peer
		r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Forwarded-For": {of}}
		a := httptest.NewRecorder()
		w.srv.ServeHTTP(a, r)
		return a.Code
	}
	for range 5 {
		guess(proxy, "192.0.2.1")
		guess(forger, "192.0.2.2")
	}
	if one, other, forged := guess(proxy, "192.0.2.1"), guess(proxy, "192.0.2.9"), guess(forger, "192.0.2.3"); one != 429 || other != 401 || forged != 429 {
		t.Errorf("guesses: %d from one client, %d from another, %d from one who forges", one, other, forged)
	}
}

// TestUntrustedPrefix: a stranger's own word changes no page, cookie or policy.
func TestUntrustedPrefix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{TrustedProxies: networks("10.0.0.1/32"), Access: access.Options{Password: password}})
	sent := map[string]string{"X-Forwarded-Prefix": "/cache", "X-Forwarded-Proto": "https", "Accept": "text/html"}
	for peer, want := range map[string]string{"10.0.0.2:9": "/", "10.0.0.1:9": "/cache/", "127.0.0.1:9": "/cache/"} {
		a := w.asked(peer, "GET", "/misses", sent)
		if got := a.Header().Get("Location"); got != want+"ui/login" {
			t.Errorf("%s is sent to %s", peer, got)
		}
		a = w.asked(peer, "GET", "/ui/login", sent)
		csp := a.Header().Get("Content-Security-Policy")
		if !strings.Contains(a.Body.String(), `<base href="`+want+`">`) || !strings.Contains(csp, "script-src cache.lab:*"+want+"static/;") {
			t.Errorf("%s has the page %s %s", peer, a.Body, csp)
		}
	}
}

// TestAPIBelowAPrefix: what the API says of addresses holds for who reaches it below a prefix.
func TestAPIBelowAPrefix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{PublicHosts: []string{"cache.lab"}}})
	missed(w, "https://vendor.example/1.bin")
	missed(w, "https://vendor.example/2.bin")
	below := map[string]string{"X-Forwarded-Prefix": "/tools/cache"}
	link := w.asked("127.0.0.1:9", "GET", "/api/v1/misses?limit=1", below).Header().Get("Link")
	if !strings.HasPrefix(link, "</tools/cache/api/v1/misses?after=") {
		t.Errorf("Link: %s", link)
	}
	plain := w.asked("127.0.0.1:9", "GET", "/api/openapi.json", nil).Body.String()
	moved := w.asked("127.0.0.1:9", "GET", "/api/openapi.json", below).Body.String()
	if strings.Contains(plain, `"servers"`) || moved != `{"servers":[{"url":"/tools/cache"}],`+plain[1:] {
		t.Errorf("the document: %.200s", moved)
	}
}
