package httpd

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fromcache/fsstore"
)

// TestPages: each list shows what is there, and links to its other pages.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Version: "v1.2.3"})
	for i := range 205 {
		w.hold(fmt.Sprintf("https://vendor.example/%03d.bin", i), []byte(strings.Repeat("x", 2000+i)), noOrigin)
	}
	for i := range 12 {
		missed(w, fmt.Sprintf("https://lab.example/m%02d.bin", i))
	}
	b := w.browser()
	_, body := b.get("/artifacts?sort=name")
	for want, n := range map[string]int{"<b>000.bin": 1, "<b>099.bin": 1, "<b>100.bin": 0, "1–100 of 205": 1, `href="artifacts?page=2&amp;sort=name"`: 1, `rel="prev"`: 0, "2.0 KiB": 100, "2000 bytes": 1, "v1.2.3": 1} {
		if got := strings.Count(body, want); got < n || n == 0 && got > 0 {
			t.Errorf("page 1: %d of %q", got, want)
		}
	}
	_, body = b.get("/artifacts?sort=name&page=3")
	if strings.Contains(body, "<b>199.bin") || !strings.Contains(body, "<b>204.bin") || strings.Contains(body, `rel="next"`) {
		t.Error("page 3")
	}
	for _, page := range []string{"99", "-1", "x", "99999999999999999999"} {
		if resp, _ := b.get("/artifacts?page=" + page); resp.StatusCode != http.StatusOK {
			t.Errorf("page %s: %d", page, resp.StatusCode)
		}
	}
	_, body = b.get("/artifacts?q=10.BIN")
	if n := strings.Count(body, `"admin/evict"`); n != 2 { // 010 and 110
		t.Errorf("search: %d rows", n)
	}
	_, body = b.get("/artifacts?q=https://vendor.example/007.bin%3Fsp%3Dr%26se%3D2026-12-31%26sig%3Dx")
	if strings.Count(body, `"admin/evict"`) != 1 || !strings.Contains(body, "<b>007.bin") {
		t.Error("search by URL")
	}
	if _, body = b.get("/artifacts?q=nothing"); !strings.Contains(body, "No artifact matches") {
		t.Error("search for nothing")
	}
	_, body = b.get("/")
	if strings.Count(body, `"admin/approve"`) != 10 || !strings.Contains(body, `href="misses">All 12`) {
		t.Error("the first page cuts misses")
	}
	if _, body = b.get("/misses"); strings.Count(body, `data-verb="ask"`) != 13 || !strings.Contains(body, "Go-http-client/1.1") || !strings.Contains(body, "127.0.0.1") {
		t.Error("misses")
	}
	get, _ := b.do(http.MethodHead, "/misses", nil)
	if get.StatusCode != http.StatusOK || get.Header.Get("Content-Length") == "" {
		t.Error("HEAD of a page")
	}
}

// TestMissRow: several clients and URLs on one miss.
func TestMissRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	key := missed(w, "https://vendor.example/a.bin?sig=one&version=1")
	w.append("misses/"+key, "2026-11-22T21:27:26Z miss x41 10.0.0.7 curl/7.88.1\n2026-11-22T22:00:00Z miss x2 10.0.0.8 Wget/1.21 https://vendor.example/a.bin?x=two&version=1\n")
	_, body := w.browser().get("/misses")
	for _, want := range []string{"which differ in sig, x.", "10.0.0.7", "curl/7.88.1", "× 41", "44 ×", "?x=two&amp;version=1", "2026-11-22 21:27:26Z"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
}

// What a person should know before an approval stands on the row and on the page of the miss.
func TestMissHints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(os.WriteFile(filepath.Join(w.dir, "queries", "vendor.example"), []byte("drop s\n"), 0o660))
	for _, c := range []struct{ url, want string }{
		{"https://vendor.example/tool-latest.tar?s=1", "it names no version (latest)"},
		{"https://vendor.example/a.bin?s=1", "left out: s (an operator&#39;s line); queries/vendor.example: drop s"},
		{"https://vendor.example/b.bin?sig=1&se=2026-11-28&sp=r", "left out: sig, se, sp (Azure shared access signature)"},
		{"https://vendor.example/c.bin?t=Zk3q8XbN0pLs9QvT2rYw7UhJ", ""},
		{"https://vendor.example/c.bin?t=b7Vx1MnC4dEf6GhI8jKl0PoQ", "echo &#39;drop t&#39; &gt;&gt; " + w.dir + "/queries/vendor.example"},
		{"https://vendor.example/d.bin?all=Zk3q8XbN0pLs9QvT2rYw7UhJ", ""},
		{"https://vendor.example/d.bin?all=b7Vx1MnC4dEf6GhI8jKl0PoQ", "nothing in it is proven to be a signature"},
	} {
		k := missed(w, c.url)
		b := w.browser()
		for _, page := range []string{"/misses", "/job?in=misses&name=" + k} {
			var body string
			eventually(t, c.url+": no "+c.want+" on "+page, func() bool { // the view hears of a miss later
				_, body = b.get(page)
				return strings.Contains(body, c.want)
			})
			if strings.Contains(body, "drop all") {
				t.Errorf("%s: a client's word for all is proposed", c.url)
			}
		}
	}
}

// TestJobRows: every state, with its reason, its progress and its buttons.
func TestJobRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	c := w.claim("https://vendor.example/running.bin")
	p, err := c.Part(t.Context(), false)
	w.must(err)
	w.must(c.Start(fsstore.Started{Size: 1 << 20}))
	_, err = p.Write(make([]byte, 256<<10))
	w.must(err)
	lost := w.claim("https://vendor.example/failed.bin")
	w.must(lost.Fail("404 Not Found at https://vendor.example/failed.bin?X-Amz-Signature=0123456789abcdef0123456789abcdef"))
	w.hold("https://vendor.example/done.bin", []byte("done"), noOrigin)
	w.must(os.WriteFile(filepath.Join(w.dir, "queue", "batch.job"), []byte("https://a.example/1.bin\nhttps://a.example/2.bin\n"), 0o644))
	w.must(os.WriteFile(filepath.Join(w.dir, "queue", "notes"), []byte("https://a.example/1.bin\n"), 0o644))
	_, body := w.browser().get("/downloads")
	for _, want := range []string{
		`<progress max="1048576" value="262144" aria-label="fetched">25 %</progress>`, "256 KiB of 1.0 MiB", "running",
		"404 Not Found at https://vendor.example/failed.bin?X-Amz-Signature=REDACTED", "Dismiss", "Retry",
		"completed", "4 B", "Fetch again", "Clear finished", "batch of 2 URLs", "name it notes.job",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if strings.Contains(body, "0123456789abcdef0123456789abcdef") {
		t.Error("a signature is shown")
	}
	if n := strings.Count(body, `"admin/cancel"`); n != 3 {
		t.Errorf("%d can be cancelled", n)
	}
}

// payloads are what a hostile client may put where it can.
var payloads = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'onmouseover='alert(1)`, `</title><svg/onload=alert(1)>`,
	`javascript:alert(1)`, `{{.Password}}`, `<!--`, `]]>`, "`${alert(1)}`", `&lt;script&gt;`, `\u003cscript\u003e`, `%3Cscript%3E`,
}

// TestHostileText: no text that a stranger chose becomes markup.
func TestHostileText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	for i, p := range payloads {
		p = strings.ReplaceAll(p, " ", "")
		for _, u := range []string{fmt.Sprintf("https://h%d.example/%s", i, p), fmt.Sprintf("https://h%d.example/x?q=%s", i, p), fmt.Sprintf("https://h%d.example/%s.run", i, p)} {
			req, err := http.NewRequest("GET", w.url("/b/"+token(u)), nil)
			w.must(err)
			req.Header.Set("User-Agent", p)
			resp, err := http.DefaultClient.Do(req)
			w.must(err)
			resp.Body.Close()
		}
		name := fmt.Sprintf("%d%s.job", i, strings.ReplaceAll(p, "/", "∕"))
		w.must(os.WriteFile(filepath.Join(w.dir, "queue", name), []byte("https://h.example/"+p+"\n"), 0o644))
		w.must(os.WriteFile(filepath.Join(w.dir, "failed", name), []byte("https://h.example/"+p+"\n2026-11-22T21:27:26Z failed "+p+"\n"), 0o644))
		w.must(os.WriteFile(filepath.Join(w.dir, "meta", name+".json"), []byte("{"), 0o644))
		w.hold(fmt.Sprintf("https://held%d.example/%s", i, p), []byte(p), noOrigin)
	}
	b := w.browser()
	for _, page := range []string{"/", "/misses", "/downloads", "/artifacts", "/artifacts?q=%3Cscript%3Ealert(1)%3C/script%3E%22%3E"} {
		_, body := b.get(page)
		for _, no := range []string{"<script>", "<img", "<svg", "onerror=alert(1)>", "'onmouseover='", "<!--", `="javascript`} {
			if strings.Contains(body, no) {
				t.Errorf("%s holds %s", page, no)
			}
		}
	}
	_, body := b.get("/misses")
	if !strings.Contains(body, "&lt;script&gt;") && !strings.Contains(body, "%3Cscript%3E") {
		t.Error("the payloads are not shown at all")
	}
}

// TestRedaction: what looks like a credential is on no page and in no log line.
func TestRedaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	const canary = "c4n4ryc4n4ryc4n4ryc4n4ry"
	for i, q := range []string{"?X-Amz-Signature=" + canary, "?token=" + canary, "?sig=" + canary, "?access_token=" + canary + "&file=x"} {
		u := fmt.Sprintf("https://vendor.example/dir%d/get%s", i, q)
		missed(w, u)
		w.hold(fmt.Sprintf("https://vendor.example/held%d/get%s", i, q), []byte("x"), noOrigin)
		_, err := w.store.Add(fsstore.Addition{URL: fmt.Sprintf("https://vendor.example/queued%d/get%s", i, q)}, operator)
		w.must(err)
	}
	b := w.browser()
	for _, page := range []string{"/", "/misses", "/downloads", "/artifacts"} {
		if _, body := b.get(page); strings.Contains(body, canary) {
			t.Errorf("%s shows a credential", page)
		}
	}
	b.post("/admin/fetch", "url", "https://vendor.example/new?token="+canary)
	b.post("/admin/fetch", "url", "gopher://vendor.example/new?token="+canary)
	if _, body := b.get("/"); strings.Contains(body, canary) || strings.Contains(w.log.String(), canary) {
		t.Error("a credential after a form")
	}
}

// TestDiskTrouble: what can't be read or written is no crash, and no path.
func TestDiskTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.hold("https://vendor.example/a.bin", []byte("x"), noOrigin)
	missed(w, "https://vendor.example/b.bin")
	b := w.browser()
	if resp, _ := b.get("/healthz"); resp.StatusCode != http.StatusOK {
		t.Errorf("healthz: %d", resp.StatusCode)
	}
	w.must(os.Rename(w.dir, w.dir+".away"))
	defer os.Rename(w.dir+".away", w.dir)
	for _, page := range []string{"/", "/misses", "/artifacts"} {
		eventually(t, page+" does not say it", func() bool {
			_, body := b.get(page)
			if strings.Contains(body, w.dir) {
				t.Errorf("%s: %s", page, body)
			}
			return strings.Contains(body, "the data directory is gone")
		})
	}
	resp, body := b.get("/b/" + token("https://vendor.example/a.bin"))
	if resp.StatusCode != http.StatusNotFound || strings.Contains(body, w.dir) {
		t.Errorf("read: %d %s", resp.StatusCode, body)
	}
	eventually(t, "healthz stays green", func() bool {
		resp, body := b.get("/healthz")
		return resp.StatusCode == http.StatusServiceUnavailable && !strings.Contains(body, w.dir)
	})
}
