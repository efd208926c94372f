package httpd

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/httpd/access"
)

var noOrigin fsstore.Origin

// TestSignedOutPosts: no verb without a sign-in.
func TestSignedOutPosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Password: password}})
	k := w.hold("https://vendor.example/a.bin", []byte("x"), noOrigin).Key
	b := w.browser()
	for _, route := range w.srv.table() {
		if !strings.HasPrefix(route.Path, "/admin/") {
			continue
		}
		b.header = http.Header{"Accept": {"text/html"}}
		if resp, _ := b.post(route.Path, "key", k, "id", k); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/ui/login" {
			t.Errorf("%s: %d", route.Path, resp.StatusCode)
		}
		b.header = http.Header{}
		if resp, body := b.post(route.Path, "key", k, "id", k); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "sign in") {
			t.Errorf("%s from a script: %d", route.Path, resp.StatusCode)
		}
	}
	if w.files("meta") != 1 {
		t.Error("something changed")
	}
}

func TestPageFields(t *testing.T) {
	t.Parallel()
	b := newWorld(t, Options{}).browser()
	for _, path := range []string{"/", "/misses", "/downloads", "/artifacts", "/add", "/nothing-at-all", "/static/fromcache.css"} {
		resp, body := b.get(path)
		h := resp.Header
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
		if resp.StatusCode == http.StatusNotFound {
			continue
		}
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: CSP %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("Referrer-Policy") != "same-origin" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, h)
		}
		body = lineShown.ReplaceAllString(body, "") // no browser follows what is shown as a line for a shell
		for _, no := range []string{"<script>", "<script src", "style=", "<style", "onclick", "http://", "https://"} {
			if strings.Contains(strings.ReplaceAll(body, `placeholder="https://…"`, ""), no) && !strings.HasPrefix(path, "/static") {
				t.Errorf("%s holds %s", path, no)
			}
		}
	}
}

var lineShown = regexp.MustCompile(`<code>[^<]*</code>`)

// TestPolicy: a page has its scripts from /static/ alone.
func TestPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	resp, _ := w.browser().get("/")
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "; script-src "+w.addr+"/static/; ") {
		t.Errorf("the policy is %q", csp)
	}
}

func TestFormCap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	b.header = http.Header{}
	resp, _ := b.do(http.MethodPost, "/admin/approve", url.Values{"key": {strings.Repeat("a", 64<<10)}})
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large form: %d", resp.StatusCode)
	}
	req, err := http.NewRequest(http.MethodPost, w.url("/admin/fetch"), strings.NewReader("url=%zz"))
	w.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err = http.DefaultClient.Do(req)
	w.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a broken form: %d", resp.StatusCode)
	}
}
