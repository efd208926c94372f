package pages

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzReferer: after a form, no page of another server is next.
func FuzzReferer(f *testing.F) {
	for _, from := range []string{"http://h/misses?q=x", "http://h/artifacts/a--b--0?x", "//evil.example/misses", "/misses", "http://h/%6disses", "http://evil.example/misses", "http://h@evil.example/misses",
		"http://h//evil.example/artifacts/", "http://h/artifacts//evil.example", "http:misses", "http://h/artifacts/\\evil", "javascript:/misses", "http://h/job?id=%0d%0aX:%20y", "http://h/artifacts/..//evil.example", "http://h\\@evil/misses", "http://h/misses?\xff #"} {
		f.Add(from, "h", uint8(0))
		f.Add(from, "h", uint8(1))
		f.Add(strings.Replace(from, "h/", "h/tools/cache/", 1), "h", uint8(2))
	}
	f.Add("/misses", "", uint8(0))
	f.Fuzz(func(t *testing.T, from, host string, form uint8) {
		path := []string{"/admin/approve", "/admin/approve/shell", "/admin/again"}[form%3]
		r := &http.Request{Method: http.MethodPost, Host: host, URL: &url.URL{Path: path}, Header: http.Header{"Referer": {from}}}
		for _, prefix := range []string{"", "/tools/cache"} {
			r.Header["X-Forwarded-Prefix"] = []string{prefix}
			to := backTo(r)
			if to == "" || strings.ContainsAny(to[:1], "/\\") || strings.ContainsAny(to, "\r\n\t\x00") {
				t.Fatalf("%q leads to %q", from, to)
			}
			root := &url.URL{Scheme: "http", Host: "h.example", Path: prefix + "/"}
			if u, err := root.Parse(to); err != nil || u.Host != root.Host || u.Scheme != root.Scheme {
				t.Fatalf("%q leads to %q, %v", from, to, err)
			}
		}
	})
}

// TestScriptSource: a page has its scripts from /static/ alone, whatever name it
// is asked for under, and no name puts more into the policy.
func TestScriptSource(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"cache.lab:3000": "cache.lab:3000/static/", "cache.lab": "cache.lab:*/static/", "127.0.0.1:3000": "127.0.0.1:3000/static/", "A-1": "A-1:*/static/",
		"[::1]:3000": "'self'", "cache.lab.": "'self'", "a;b": "'self'", "a b": "'self'", "*": "'self'", "*.lab": "'self'", "a,b:1": "'self'", "a/b": "'self'", "": "'self'", "a:1:2": "'self'", "a\n": "'self'",
	} {
		if got := scripts(host, ""); got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
	}
	if got := scripts("cache.lab", "/tools/cache"); got != "cache.lab:*/tools/cache/static/" {
		t.Errorf("below a prefix: %s", got)
	}
}
