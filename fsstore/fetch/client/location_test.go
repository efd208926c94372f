package client

import (
	"strings"
	"testing"

	"fromcache/fsstore/key"
)

func TestRedirectTarget(t *testing.T) {
	const base = "https://h.example:8443/a/b/c.run?q=1"
	for loc, want := range map[string]string{
		"d.run": "https://h.example:8443/a/b/d.run", "./d": "https://h.example:8443/a/b/d", "../d": "https://h.example:8443/a/d",
		"/d": "https://h.example:8443/d", "//o.example/d": "https://o.example/d", "?x=2": "https://h.example:8443/a/b/c.run?x=2",
		"#f": "", "": "", "https://o.example": "https://o.example/", "HTTP://O.EXAMPLE:80/D": "http://o.example/D",
		"/d e": "https://h.example:8443/d%20e", "/\u00e4": "https://h.example:8443/%C3%A4", " /d ": "https://h.example:8443/d",
		"/d#frag": "https://h.example:8443/d", "/%zz|": "https://h.example:8443/%zz|", "../../../../x": "https://h.example:8443/x",
		"javascript:alert(1)": "", "ftp://o.example/": "", "mailto:a@b": "", "data:,x": "", "https:d": "", "https:/d": "",
		"a:b": "", "./a:b": "https://h.example:8443/a/b/a:b", "http://": "", "http:///d": "", "//": "", "/\\evil": "https://h.example:8443/\\evil",
		"https://u@o.example/": "", "https://o.example:99999/": "", "https://o.example:0443/": "https://o.example/",
	} {
		h, err := parseHop(base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.redirect(loc)
		if (err == nil) != (want != "") || err == nil && got.raw != want {
			t.Errorf("%q: %q %v, want %q", loc, got.raw, err, want)
		}
	}
}

func TestHop(t *testing.T) {
	for _, c := range []struct{ raw, host, address, target string }{
		{"http://H.example/a%zz|?x=^", "h.example", "h.example:80", "/a%zz|?x=^"},
		{"https://h.example:8443", "h.example", "h.example:8443", "/"},
		{"https://[2001:DB8::1]/x", "2001:db8::1", "[2001:db8::1]:443", "/x"},
		{"https://h.example//a/b.run", "h.example", "h.example:443", "//a/b.run"},
		{"https://h.example//a|b.run", "h.example", "h.example:443", "//a|b.run"},
		{"https://h.example/a%2Fb%2e%20?x=%zz", "h.example", "h.example:443", "/a%2Fb%2e%20?x=%zz"},
		{"https://[2001:db8::1]:444/x", "2001:db8::1", "[2001:db8::1]:444", "/x"},
	} {
		h, err := parseHop(c.raw)
		if err != nil || h.host != c.host || h.address() != c.address || h.target != c.target {
			t.Errorf("%s: %+v %s %v", c.raw, h, h.address(), err)
		}
		if got := h.url(false).RequestURI(); got != c.target && got != c.raw {
			t.Errorf("%s: %q is sent", c.raw, got)
		}
	}
}

func FuzzRedirect(f *testing.F) {
	f.Add("/d?x=http://u:p@h/#f")
	f.Add("//h:1/../%2e%2e/\\")
	f.Fuzz(func(t *testing.T, loc string) {
		h, err := parseHop("https://h.example/a/b?c")
		if err != nil {
			t.Fatal(err)
		}
		next, err := h.redirect(loc)
		if err != nil {
			return
		}
		if norm, err := key.FetchURL(next.raw); err != nil || norm != next.raw || !strings.HasPrefix(next.target, "/") || next.host == "" || key.HasUserInfo(next.raw) {
			t.Errorf("%q: %+v %v", loc, next, err)
		}
		if u := next.url(false); u.Host != next.authority || u.RequestURI() != next.target && u.RequestURI() != next.raw {
			t.Errorf("%q: %q is sent to %q", loc, u.RequestURI(), u.Host)
		}
	})
}
