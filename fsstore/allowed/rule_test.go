package allowed

import (
	"strings"
	"testing"
	"time"

	"fromcache/fsstore/key"
)

func TestRule(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text, url string
		ok        bool
	}{
		{"", "https://h.example/a", true},
		{"# nothing\n\n", "https://h.example/a", true},
		{"path /cuda/*", "https://h.example/cuda/12/x.run", true},
		{"path /cuda/*", "https://h.example/cuda", false},
		{"path /cuda/*", "https://h.example/cudax/x.run", false},
		{"path /cuda/*\npath /rocm/*.deb", "https://h.example/rocm/6/y.deb", true},
		{"path /cuda/*\npath /rocm/*.deb", "https://h.example/rocm/6/y.rpm", false},
		{"path /cuda/*", "https://h.example/cuda/..%2fsecret", false},
		{"path /cuda/*", "https://h.example/cuda/%2e%2e/secret", false},
		{"path /cuda/*", "https://h.example/cuda//x", false},
		{"path /*", "https://h.example/", true},
		{"path /a*b*c", "https://h.example/a1b2b3c", true},
		{"until 2026-12-02", "https://h.example/a", true},
		{"until 2026-12-01", "https://h.example/a", false},
		{"until 2026-12-01T00:00:01Z", "https://h.example/a", true},
		{"max-size 20GiB\nbudget 1TiB/30d\ndigest required", "https://h.example/a", true},
		{"max-size lots", "https://h.example/a", false},
		{"max-size 0", "https://h.example/a", false},
		{"budget 1TiB", "https://h.example/a", false},
		{"budget 1TiB/9999d", "https://h.example/a", false},
		{"digest maybe", "https://h.example/a", false},
		{"path cuda", "https://h.example/cuda", false},
		{"paths /cuda/*", "https://h.example/cuda/x", false},
		{"max-size 5GiB\nmax-size 20GiB", "https://h.example/a", false},
		{"budget 10GiB/1d\nbudget 100GiB/30d", "https://h.example/a", false},
		{"until 2026-12-03\nuntil 2026-12-02", "https://h.example/a", false},
		{"path /a /b", "https://h.example/a", false},
	} {
		u, err := key.Parse(c.url, key.Auto)
		if err != nil {
			t.Fatal(err)
		}
		if c.text != "" && !strings.HasSuffix(c.text, "\n") {
			c.text += "\n"
		}
		r := Parse("h.example", c.text)
		if why := r.WhyNot(u, now); (why == "") != c.ok {
			t.Errorf("%q of %s: %q, want allowed %v", c.text, c.url, why, c.ok)
		}
	}
}

func TestLimits(t *testing.T) {
	r := Parse("h.example", "max-size 20GiB\nbudget 500G/30d # a month\ndigest required\n")
	if r.MaxSize != 20<<30 || r.Budget != 500<<30 || r.Span != 30*24*time.Hour || !r.Digest || r.Flaw != "" {
		t.Errorf("%+v", r)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"h.example": true, "*.h.example": true, "xn--bcher-kva.example": true, "127.0.0.1": true,
		"2001:db8::1": true, "[2001:db8::1]": false, "*.::1": false, "h.example:8080": false,
		"H.example": false, "bücher.example": false, "*": false, "*.*.example": false, "a b": false,
	} {
		if r := Parse(name, ""); (r.Flaw == "") != ok {
			t.Errorf("%q: flaw %q, want a rule %v", name, r.Flaw, ok)
		}
	}
}

func TestAFlawShowsNoSecret(t *testing.T) {
	for _, text := range []string{"token=hunter2 5\n", "https://u:hunter2@h.example/ x\n", "path /?token=hunter2\n"} {
		if r := Parse("h.example", text); r.Flaw == "" || strings.Contains(r.Flaw, "hunter2") {
			t.Errorf("%q: %s", text, r.Flaw)
		}
	}
}
