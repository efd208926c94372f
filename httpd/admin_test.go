package httpd

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fromcache/fsstore"
)

// missed asks for a URL that is not held, and returns its key.
func missed(w *world, rawURL string) string {
	w.t.Helper()
	resp, err := http.Get(w.url("/b/" + token(rawURL) + "/x"))
	w.must(err)
	resp.Body.Close()
	r, err := w.store.Why(rawURL)
	w.must(err)
	if resp.StatusCode != http.StatusNotFound || len(r.Jobs) == 0 {
		w.t.Fatalf("no miss of %s: %d", rawURL, resp.StatusCode)
	}
	return r.Key
}

func (w *world) is(path string) bool {
	_, err := os.Lstat(filepath.Join(w.dir, path))
	return err == nil
}

// TestVerbs: each button moves the file that its name says.
func TestVerbs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	post := func(want string, path string, kv ...string) {
		t.Helper()
		resp, body := b.post(path, kv...)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
			t.Fatalf("%s %v: %d %s", path, kv, resp.StatusCode, body)
		}
		if _, page := b.get("/"); !strings.Contains(page, want) {
			t.Errorf("%s %v: no word of %q", path, kv, want)
		}
		if _, page := b.get("/"); !strings.Contains(page, `role="status"></div>`) {
			t.Error("the words stay")
		}
	}
	there := func(path string, want bool) {
		t.Helper()
		if w.is(path) != want {
			t.Errorf("%s: there is %v", path, !want)
		}
	}
	k := missed(w, "https://vendor.example/a.bin")
	post("Approved "+k, "/admin/approve", "key", k)
	there("misses/"+k, false)
	there("queue/"+k+".job", true)
	text, err := os.ReadFile(filepath.Join(w.dir, "queue", k+".job"))
	w.must(err)
	if !strings.Contains(string(text), " approve web 127.0.0.1\n") {
		t.Errorf("the log says not who: %s", text)
	}
	post("Cancelled", "/admin/cancel", "id", k+".job")
	there("cancelled/"+k+".job", true)
	post("Retried", "/admin/retry", "id", k+".job")
	there("queue/"+k+".job", true)
	post("Cancelled", "/admin/cancel", "id", k)
	post("Cleared one finished job", "/admin/clear")
	there("cancelled/"+k+".job", false)

	k = missed(w, "https://vendor.example/b.bin")
	post("Dismissed", "/admin/dismiss", "key", k)
	there("misses/"+k, false)
	k = missed(w, "https://vendor.example/b.bin")
	post("Denied", "/admin/deny", "key", k)
	there("denied/"+k, true)
	post("Denied", "/admin/deny", "key", "*.evil.example", "sure", "1")
	there("denied/*.evil.example", true)

	k = missed(w, "https://vendor.example/c.bin")
	post("Queued", "/admin/fetch", "url", "https://vendor.example/c.bin")
	there("misses/"+k, false)
	there("queue/"+k+".job", true)
	sum := strings.Repeat("ab", 32)
	post("Queued", "/admin/fetch", "url", " https://vendor.example/d.bin ", "sha256", strings.ToUpper(sum), "accept", "any", "accept", "http")
	rep, err := w.store.Why("https://vendor.example/d.bin")
	w.must(err)
	if len(rep.Jobs) != 1 || rep.Jobs[0].State != fsstore.Queue || rep.Jobs[0].Job.Sha256 != sum || !rep.Jobs[0].Job.AcceptAny || !rep.Jobs[0].Job.AcceptHTTP {
		t.Errorf("pre-seed: %+v", rep.Jobs)
	}
	held := w.hold("https://vendor.example/e.bin", []byte("e"), noOrigin)
	post("Evicted", "/admin/evict", "key", held.Key, "sure", "1")
	there("meta/"+held.Key+".json", false)
}

// TestRefusals: what a verb can't do is said in words and with the right code,
// as a page to a browser and as text to a script.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(os.WriteFile(filepath.Join(w.dir, "denied", "evil.example"), nil, 0o644))
	for _, c := range []struct {
		path, field, value string
		code               int
		text               string
	}{
		{"/admin/approve", "key", "a--b--0123456789abcdef", 404, "not there"},
		{"/admin/approve", "key", "", 400, "lacks key="},
		{"/admin/approve", "key", "../meta/x", 400, "not the name"},
		{"/admin/approve", "key", "..", 400, "not the name"},
		{"/admin/dismiss", "key", "x\x00y", 400, "not the name"},
		{"/admin/deny", "key", "-rf", 400, "not the name"},
		{"/admin/deny", "key", "a--b--0123456789abcdef", 404, "not there"},
		{"/admin/cancel", "id", "x.job", 404, "not there"},
		{"/admin/cancel", "key", "x.job", 400, "lacks id="},
		{"/admin/retry", "id", strings.Repeat("x", 300), 400, "not the name"},
		{"/admin/evict", "key", "x", 404, "not there"},
		{"/admin/fetch", "url", "", 400, "lacks url="},
		{"/admin/fetch", "url", "ftp://h/x", 400, "bad URL"},
		{"/admin/fetch", "url", "https://user:hunter2@h/x", 400, "user name"},
		{"/admin/fetch", "url", "https://evil.example/x", 409, "denied"},
		{"/admin/nothing", "url", "x", 404, "no such page"},
	} {
		b := w.browser()
		resp, page := b.post(c.path, c.field, c.value)
		b.header = http.Header{}
		script, text := b.post(c.path, c.field, c.value)
		if resp.StatusCode != c.code || script.StatusCode != c.code {
			t.Errorf("%s %s=%q: %d and %d, want %d", c.path, c.field, c.value, resp.StatusCode, script.StatusCode, c.code)
		}
		if !strings.Contains(page, strings.ReplaceAll(c.text, "+", "&#43;")) || !strings.Contains(text, c.text) {
			t.Errorf("%s %s=%q: %s", c.path, c.field, c.value, text)
		}
		if strings.Contains(page+text, w.dir) || strings.Contains(page+text, "hunter2") {
			t.Errorf("%s %s=%q leaks: %s", c.path, c.field, c.value, text)
		}
		if c.code != 404 && strings.Contains(text, "<") || !strings.HasPrefix(script.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s to a script: %s", c.path, text)
		}
	}
	b := w.browser()
	if resp, _ := b.post("/admin/fetch", "url", "https://h/x", "sha256", "abc"); resp.StatusCode != 400 {
		t.Errorf("bad digest: %d", resp.StatusCode)
	}
	if w.files("queue")+w.files("misses")+w.files("meta") != 0 || strings.Contains(w.log.String(), "hunter2") {
		t.Error("something was written")
	}
}

// TestBack: a form returns to its page, and to nobody else's.
func TestBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.browser()
	for referer, want := range map[string]string{
		"": "/", w.url("/"): "/", w.url("/artifacts?q=a&page=3"): "/artifacts?page=3&q=a", w.url("/misses"): "/misses",
		"https://evil.example/misses": "/", w.url("/b/xyz"): "/", w.url("//evil.example"): "/", "javascript:alert(1)": "/", "%zz": "/",
	} {
		b.header.Set("Referer", referer)
		resp, _ := b.post("/admin/clear")
		got := resp.Header.Get("Location")
		if want == "/artifacts?page=3&q=a" {
			want = "/artifacts?q=a&page=3"
		}
		if got != want {
			t.Errorf("from %q: to %q, want %q", referer, got, want)
		}
	}
}
