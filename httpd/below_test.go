package httpd

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"fromcache/httpd/access"
	"fromcache/httpd/nginxtest"
)

var addresses = regexp.MustCompile(`(?:href|src|action|hx-get|hx-post|sse-connect)="([^"]+)"`)

// leadsTo is where a page leads, as a browser resolves it against the page's base.
func (b *browser) leadsTo(page string) (list []string) {
	b.w.t.Helper()
	for i, m := range addresses.FindAllStringSubmatch(page, -1) {
		if i == 0 {
			list = append(list, m[1]) // the base, which comes first
			continue
		}
		root, err := url.Parse(list[0])
		b.w.must(err)
		to, err := root.Parse(strings.ReplaceAll(m[1], "&amp;", "&"))
		b.w.must(err)
		to.Fragment = ""
		list = append(list, to.String())
	}
	return list
}

// crawl asks for every address that pages below root name, and returns them. Each must be below
// root, and be there: what only takes a POST says that.
func (b *browser) crawl(root string) map[string]bool {
	b.w.t.Helper()
	seen, next := map[string]bool{}, []string{root}
	for len(next) > 0 {
		at := next[0]
		if next = next[1:]; seen[at] || at == root+"events" {
			continue // a stream does not end
		}
		seen[at] = true
		if !strings.HasPrefix(at, root) {
			b.w.t.Errorf("a page leads out of %s to %s", root, at)
			continue
		}
		want := http.StatusOK
		if strings.HasPrefix(at, root+"admin/") || at == root+"ui/logout" {
			want = http.StatusMethodNotAllowed
		}
		resp, body := b.get(at)
		if resp.StatusCode != want {
			b.w.t.Errorf("%s: %d", at, resp.StatusCode)
		}
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") && !strings.Contains(at, "/by-hash/") {
			next = append(next, b.leadsTo(body)...)
		}
	}
	return seen
}

// TestBelowAPath: with the lines of the help the pages, the forms and the read path work below a
// path of nginx's, and everything on a page leads to where it is.
func TestBelowAPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Password: password}, TrustedProxies: networks("127.0.0.1/32")})
	held := w.hold("https://vendor.example/a%2Fb/held.bin?x=1%202&y=%2F", []byte("held"), noOrigin)
	for i := range 205 {
		w.hold("https://vendor.example/"+itoa(int64(i))+".bin", []byte(itoa(int64(i))), noOrigin)
	}
	k := missed(w, "https://vendor.example/missed.bin")
	backend := w.addr
	addr, _ := nginxtest.Start(t, w.addr, "server { listen LISTEN; "+nginxtest.Lines(t, ProxyHelp, "location /fromcache/")+" }")
	w.addr = addr
	defer func() { w.addr = backend }()

	b := w.browser()
	resp, _ := b.get("/fromcache/")
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || to != "/fromcache/ui/login" {
		t.Fatalf("who is not signed in: %d to %s", resp.StatusCode, to)
	}
	resp, _ = b.post("/fromcache/ui/login", "password", password)
	if cookie := resp.Header.Get("Set-Cookie"); resp.Header.Get("Location") != "/fromcache/" || !strings.Contains(cookie, "; Path=/fromcache/;") || strings.Contains(cookie, "Secure") {
		t.Fatalf("the sign-in: %d, %v", resp.StatusCode, resp.Header)
	}
	seen := b.crawl("/fromcache/")
	for _, want := range []string{"misses", "downloads?state=completed", "artifacts?page=2", "artifacts/" + held.Key, "add", "stats", "by-hash/sha256/" + held.SHA256, "admin/approve", "ui/logout"} {
		if !seen["/fromcache/"+want] {
			t.Errorf("no page leads to %s", want)
		}
	}
	_, page := b.get("/fromcache/artifacts/" + held.Key)
	if want := "http://" + addr + "/fromcache/b/" + token(held.URL) + "/held.bin"; !strings.Contains(page, want) {
		t.Errorf("the page does not say %s: %s", want, page)
	}
	b.header.Set("Origin", "http://"+addr)
	b.header.Set("Referer", "http://"+addr+"/fromcache/misses?sort=asked")
	resp, _ = b.post("/fromcache/admin/approve", "key", k)
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || to != "/fromcache/misses?sort=asked" {
		t.Errorf("a form leads to %s, %d", to, resp.StatusCode)
	}
	if code, text := w.carryInAt("/fromcache/admin/upload", b, "carried", "url", "https://vendor.example/in.txt"); code != http.StatusOK {
		t.Errorf("an upload: %d %s", code, text)
	}
	for _, path := range []string{"/m/https/vendor.example/a%2Fb/held.bin?x=1%202&y=%2F", "/https://vendor.example/a%2Fb/held.bin?x=1%202&y=%2F", "/b/" + token(held.URL) + "/he%20ld%2Fx", "/blob?url=" + url.QueryEscape(held.URL)} {
		if resp, body := b.get("/fromcache" + path); resp.StatusCode != http.StatusOK || body != "held" {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
