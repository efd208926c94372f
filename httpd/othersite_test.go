package httpd

import (
	"bytes"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/httpd/access"
	"fromcache/httpd/answer"
)

// What another site may make an operator's browser do. All of it goes through
// the table of routes, so that a new one can't be forgotten.

// readPath is what is open to all; every other route is a page or a form.
var readPath = []string{"/metrics", "/m/*url", "/by-name/:name", "/b/:token", "/b/:token/*name", "/blob", "/by-hash/sha256/:digest", "/healthz", "/static/*name"}

var param = regexp.MustCompile(`[:*][a-z]+`)

// address is one of a route's: what stands for a key is one.
func address(rt answer.Route, key string) string { return param.ReplaceAllString(rt.Path, key) }

func posts(rt answer.Route) bool { return slices.Contains(strings.Fields(rt.Methods), http.MethodPost) }

// everything is every file but notes, with what is in it.
func (w *world) everything() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	w.must(filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		name := strings.TrimPrefix(path, w.dir+"/")
		first, _, _ := strings.Cut(name, "/")
		if err != nil || d.IsDir() || slices.Contains([]string{"hits", "stats", "tmp"}, first) {
			return err
		}
		b, err := os.ReadFile(path)
		all[name] = string(b)
		return err
	}))
	return all
}

// full is a world with something in each state that a verb could move.
func full(t *testing.T, o Options) (w *world, held string, names []string) {
	t.Helper()
	w = newWorld(t, o)
	held = w.hold("https://vendor.example/a.bin", []byte("x"), noOrigin).Key
	miss, err := w.store.Why("https://vendor.example/missed.bin")
	w.must(err)
	_, err = w.store.NoteMiss("https://vendor.example/missed.bin", fsstore.Asker{Addr: "10.0.0.1"})
	w.must(err)
	queued, err := w.store.Add(fsstore.Addition{URL: "https://vendor.example/queued.bin"}, operator)
	w.must(err)
	gone, err := w.store.Add(fsstore.Addition{URL: "https://vendor.example/cancelled.bin"}, operator)
	w.must(err)
	w.must(w.store.Cancel(gone, operator))
	return w, held, []string{held, miss.Key, queued, gone}
}

// foreign are the fields by which a browser tells of another site, alone and
// together, and by which a page may try to look like ours.
func foreign(addr string) (list []http.Header) {
	for _, site := range []string{"cross-site", "same-site", "CROSS-SITE", "unknown", "same-origin-but-not"} {
		for _, origin := range []string{"", "null", "https://evil.example", "http://" + addr, "http://" + addr + ".evil.example"} {
			h := http.Header{"Sec-Fetch-Site": {site}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
			if origin != "" {
				h.Set("Origin", origin)
			}
			list = append(list, h)
		}
	}
	for _, origin := range []string{"null", "https://evil.example", "http://evil.example:3000", "http://127.0.0.1:1", "http://127.0.0.1", "http://localhost:3000", "file://",
		"http://" + addr + ".evil.example", "http://evil.example/" + addr, "http://evil.example?" + addr, "http://evil.example#" + addr,
		"http://" + addr + ":80", "http://" + addr + "@evil.example", "chrome-extension://abc", addr, "http://", "http://[::1]:3000"} {
		list = append(list, http.Header{"Origin": {origin}}, http.Header{"Origin": {origin}, "Referer": {"http://" + addr + "/misses"}})
	}
	return list
}

// TestCrossSite: every route that changes something refuses another site's
// form, whatever the cookie says.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	w, held, names := full(t, Options{Access: access.Options{Password: password}})
	b := signedIn(t, w)
	before, changing, tried := w.everything(), 0, 0
	for _, rt := range w.srv.table() {
		if !posts(rt) {
			continue
		}
		changing++
		for _, h := range foreign(w.addr) {
			b.header = h.Clone()
			tried++
			form := []string{"url", "https://vendor.example/b.bin", "password", password}
			for _, n := range names {
				form = append(form, "key", n, "id", n)
			}
			resp, _ := b.post(address(rt, held), form...)
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: %d", rt.Path, h, resp.StatusCode)
			}
		}
	}
	if changing < 12 || tried < 700 {
		t.Errorf("only %d routes change something, %d forms", changing, tried)
	}
	t.Logf("%d forms to %d routes", tried, changing)
	if !maps.Equal(before, w.everything()) {
		t.Error("something changed")
	}
	for _, h := range []http.Header{{"Sec-Fetch-Site": {"same-origin"}}, {"Sec-Fetch-Site": {"none"}}, {"Origin": {"http://" + w.addr}}, {}} {
		b.header = h.Clone()
		if resp, _ := b.post("/admin/clear"); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("our own form with %v: %d", h, resp.StatusCode)
		}
	}
	if maps.Equal(before, w.everything()) {
		t.Error("our own form changes nothing")
	}
}

// TestCrossSiteUpload: a file from another site is refused before it is read.
func TestCrossSiteUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Password: password}})
	cookies := signedIn(t, w).cookies
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	m.WriteField("url", "https://vendor.example/b.bin")
	part, err := m.CreateFormFile("file", "b.bin")
	w.must(err)
	part.Write([]byte("evil"))
	m.Close()
	for _, kind := range []string{m.FormDataContentType(), "text/plain", "application/json", "application/x-www-form-urlencoded"} {
		for _, path := range []string{"/admin/upload", "/admin/fetch"} {
			req, err := http.NewRequest(http.MethodPost, w.url(path), bytes.NewReader(form.Bytes()))
			w.must(err)
			req.Header.Set("Content-Type", kind)
			req.Header.Set("Origin", "https://evil.example")
			for k, v := range cookies {
				req.AddCookie(&http.Cookie{Name: k, Value: v})
			}
			resp, err := http.DefaultClient.Do(req)
			w.must(err)
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s as %s: %d", path, kind, resp.StatusCode)
			}
		}
	}
	if w.files("meta")+w.files("queue")+w.files("tmp") != 0 {
		t.Error("something came in")
	}
}

// TestOnlyFormsChange: what a link, an image or a redirect of another site can
// ask for changes nothing: a GET only shows, and no field makes it a POST.
func TestOnlyFormsChange(t *testing.T) {
	t.Parallel()
	w, held, names := full(t, Options{Access: access.Options{Password: password}})
	b := signedIn(t, w)
	before := w.everything()
	query := "?url=https%3A%2F%2Fvendor.example%2Fa.bin&all=1&until=9999999999&_method=POST&in=queue&accept=any&password=" + password[:7]
	for _, n := range names {
		query += "&key=" + n + "&id=" + n + "&name=" + n
	}
	b.header = http.Header{"X-Http-Method-Override": {"POST"}, "X-Method-Override": {"POST"}, "Hx-Request": {"true"}, "Accept": {"text/html"}}
	for _, rt := range w.srv.table() {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "POST"} {
			serves := slices.Contains(strings.Fields(rt.Methods), method)
			both := slices.ContainsFunc(w.srv.table(), func(o answer.Route) bool {
				return o.Path == rt.Path && slices.Contains(strings.Fields(o.Methods), method)
			})
			if method == "POST" && both || rt.Path == "/events" && serves {
				continue // a form, and a stream that does not end
			}
			resp, _ := b.do(method, address(rt, held)+query, nil)
			if !both && resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, rt.Path, resp.StatusCode)
			}
		}
	}
	if !maps.Equal(before, w.everything()) {
		t.Error("something changed")
	}
}

// TestRebound: without a password no page and no form answers under a name
// that a stranger can point here.
func TestRebound(t *testing.T) {
	t.Parallel()
	w, held, names := full(t, Options{Access: access.Options{Hostname: "cache.lab"}})
	before, tried := w.everything(), 0
	for _, rt := range w.srv.table() {
		open := slices.Contains(readPath, rt.Path)
		if open {
			continue
		}
		for _, host := range []string{"evil.example", "evil.example:3000", "127.0.0.1.evil.example", "127.0.0.1.nip.io", "localhost.evil.example", "cache.lab.evil.example",
			"xcache.lab", "lab", "cache", "local", "0x7f.1", "127.1", "2130706433", "127.0.0.1:80:80", "[evil.example]", "localhost@evil.example", "evil.example#localhost", "_", "*"} {
			b := w.browser()
			b.header = http.Header{"Host": {host}, "Origin": {"http://" + host}, "Sec-Fetch-Site": {"same-origin"}}
			tried++
			method := strings.Fields(rt.Methods)[0]
			if rt.Path == "/events" {
				method = http.MethodHead // a stream would not end
			}
			resp, body := b.do(method, address(rt, held)+"?key="+names[1], nil)
			if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusBadRequest || strings.Contains(body, "vendor.example") {
				t.Errorf("%s as %s: %d", rt.Path, host, resp.StatusCode)
			}
		}
	}
	if tried < 400 {
		t.Errorf("only %d requests", tried)
	}
	if !maps.Equal(before, w.everything()) {
		t.Error("something changed")
	}
}

// TestFraming: nothing but artifacts can be framed, and an artifact is not
// shown as a page: whatever it is, it runs nothing.
func TestFraming(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", password} {
		w := newWorld(t, Options{Access: access.Options{Password: secret}})
		held := w.hold("https://vendor.example/a.html", []byte("<script>alert(1)</script>"), fsstore.Origin{Header: map[string]string{"Content-Type": "text/html"}})
		for _, rt := range w.srv.table() {
			if slices.Contains(readPath[:8], rt.Path) || rt.Path == "/events" && secret == "" {
				continue
			}
			b := w.browser()
			resp, _ := b.do(strings.Fields(rt.Methods)[0], address(rt, held.Key), nil)
			if rt.Path == "/static/*name" {
				resp, _ = b.get("/static/fromcache.css")
			}
			h := resp.Header
			if h.Get("X-Frame-Options") != "DENY" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s %s: %v", rt.Methods, rt.Path, h)
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != "" || resp.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s lets other sites read", rt.Path)
			}
		}
		for _, path := range []string{"/b/" + token("https://vendor.example/a.html"), "/by-hash/sha256/" + held.SHA256, "/blob?url=https%3A%2F%2Fvendor.example%2Fa.html"} {
			resp, _ := w.browser().get(path)
			if csp := resp.Header.Get("Content-Security-Policy"); resp.StatusCode != http.StatusOK || csp != "sandbox; default-src 'none'" || resp.Header.Get("X-Content-Type-Options") != "nosniff" || len(resp.Cookies()) > 0 {
				t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
			}
		}
	}
}

// TestFixation: whatever cookies a stranger has planted, a sign-in begins a
// session of its own, and no other cookie of ours is one.
func TestFixation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Access: access.Options{Password: password, GuessRate: 1e6, GuessRateAll: 1e6}})
	b := signedIn(t, w)
	b.post("/admin/clear")
	flash, mine := b.cookies[flashCookie], b.cookies[sessionCookie]
	if flash == "" {
		t.Fatal("no words for the next page")
	}
	other := signedIn(t, newWorld(t, Options{Access: access.Options{Password: password}})).cookies[sessionCookie] // of another cache-host, with another secret
	for _, planted := range []string{flash, other, "", "x", strings.Repeat("A", 4000), mine[:len(mine)-2], strings.ToUpper(mine), mine + "=", mine + "|" + mine} {
		b := w.browser()
		b.cookies = map[string]string{sessionCookie: planted}
		if resp, _ := b.get("/"); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("planted %.20q: %d", planted, resp.StatusCode)
		}
		if resp, _ := b.post("/ui/login", "password", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("no sign-in with %.20q: %d", planted, resp.StatusCode)
		}
		if got := b.cookies[sessionCookie]; got == planted || got == mine {
			t.Errorf("the planted session %.20q goes on", planted)
		}
		if resp, _ := b.get("/"); resp.StatusCode != http.StatusOK {
			t.Errorf("after the sign-in: %d", resp.StatusCode)
		}
	}
	b = w.browser()
	b.cookies = map[string]string{flashCookie: mine}
	if resp, body := b.get("/"); resp.StatusCode != http.StatusSeeOther || body != "" {
		t.Errorf("a session as words for the next page: %d", resp.StatusCode)
	}
}
