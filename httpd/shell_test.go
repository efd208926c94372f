package httpd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// historyTime is the time in a line of history; a page and its line can be asked
// for on either side of a second.
var historyTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

var claims = regexp.MustCompile(`@[0-9a-f]{16}`)

// tree is every file, with what a worker would read in it: the URL that would
// be fetched, and how.
func (w *world) tree() (files []string) {
	for _, dir := range []string{"misses", "queue", "active", "done", "failed", "cancelled", "denied", "meta", "blobs"} {
		list, err := os.ReadDir(filepath.Join(w.dir, dir))
		w.must(err)
		for _, e := range list {
			b, err := os.ReadFile(filepath.Join(w.dir, dir, e.Name()))
			w.must(err)
			what := ""
			if dir != "meta" && dir != "blobs" {
				for _, j := range job.Parse(b).Jobs {
					what += fmt.Sprint(" ", j.FetchURL(), " ", j.Sha256, " ", j.AcceptHTML, j.AcceptAny, j.AcceptHTTP)
				}
			}
			files = append(files, dir+"/"+claims.ReplaceAllString(e.Name(), "@")+what)
		}
	}
	slices.Sort(files)
	return files
}

const (
	awkward = "it's $HOME `id` \"x\" & ; * [a] é \\ (b)"
	payload = "carried in by hand"
)

// furnish makes the same files in every world that is given it, with the same
// times, for the pages sort by them.
func furnish(w *world, origin string) {
	for at, u := range []string{origin + "/a.bin?AWSAccessKeyId=k&Expires=1&Signature=one", origin + "/b'c$d.bin", origin + "/other/e.bin"} {
		w.must(os.WriteFile(filepath.Join(w.dir, "misses", keyOf(w, u)), fmt.Appendf(nil, "%s\n2026-11-22T20:00:0%dZ miss 10.0.0.7 curl/8\n", u, at), 0o660))
	}
	w.append("misses/"+keyOf(w, origin+"/a.bin"), "2026-11-22T22:00:00Z miss x2 10.0.0.8 Wget/1.21 "+origin+"/a.bin?AWSAccessKeyId=k&Expires=1&Signature='two'\n")
	for _, name := range []string{"failed/lost.job", "cancelled/stopped.job", "done/fetched.job", "queue/waiting.job", "queue/again.job", "cancelled/again.job", "failed/fetched.job"} {
		dir, file, _ := strings.Cut(name, "/")
		for _, n := range []string{file, awkward + " " + file} {
			w.must(os.WriteFile(filepath.Join(w.dir, dir, n), []byte(origin+"/"+file+".bin\n2026-11-22T21:27:26Z "+dir+" x\n"), 0o660))
		}
	}
	w.must(os.WriteFile(filepath.Join(w.dir, "failed", "lost.job.why"), []byte("it could not be read\n"), 0o660))
	w.must(os.WriteFile(filepath.Join(w.dir, "done", ".keep"), nil, 0o660))
	w.must(os.WriteFile(filepath.Join(w.dir, "misses", "copy~"), nil, 0o660))
	for _, u := range []string{origin + "/held.bin", origin + "/cleared.bin"} {
		a := w.hold(u, []byte(u), noOrigin)
		w.fetchedAt(a.Key, "2026-11-22T20:30:00Z")
		if strings.Contains(u, "cleared") {
			w.must(os.Remove(filepath.Join(w.dir, "done", a.Key+".job")))
		}
	}
	_, err := w.store.Add(fsstore.Addition{URL: origin + "/queued.bin"}, operator)
	w.must(err)
	running := w.claim(origin + "/running.bin")
	w.t.Cleanup(func() { running.Cancelled() })
}

var fetchedTime = regexp.MustCompile(`"fetched": "[^"]*"`)

func (w *world) fetchedAt(k, at string) {
	w.t.Helper()
	meta := filepath.Join(w.dir, "meta", k+".json")
	b, err := os.ReadFile(meta)
	w.must(err)
	w.must(os.WriteFile(meta, fetchedTime.ReplaceAll(b, []byte(`"fetched": "`+at+`"`)), 0o640))
}

func keyOf(w *world, rawURL string) string {
	w.t.Helper()
	u, err := key.Parse(rawURL, w.store.Rule())
	w.must(err)
	return u.Key()
}

// shellPages are all pages with actions.
func shellPages(w *world) []string {
	held, err := w.store.Keys()
	w.must(err)
	pages := []string{"/", "/misses", "/misses?q=other", "/downloads", "/artifacts", "/add"}
	for _, k := range held {
		pages = append(pages, "/artifacts/"+k)
	}
	for _, in := range []string{"failed", "done", "queue", "misses"} {
		list, err := os.ReadDir(filepath.Join(w.dir, in))
		w.must(err)
		for _, e := range list[:1] {
			pages = append(pages, "/job?"+url.Values{"in": {in}, "name": {e.Name()}}.Encode())
		}
	}
	return pages
}

// fillings are what a person may put into the form of a verb.
func fillings(c *control, origin string) []url.Values {
	sum := sha256.Sum256([]byte(payload))
	digest := hex.EncodeToString(sum[:])
	switch verb := strings.TrimPrefix(c.to, "/admin/"); {
	case verb == "fetch":
		return []url.Values{
			{"url": {"https://vendor.example/new$(id)'s.bin"}},
			{"url": {"https://vendor.example/new.bin"}, "sha256": {strings.ToUpper(digest)}, "accept": {"any", "http"}},
			{"url": {origin + "/a.bin?AWSAccessKeyId=k&Expires=1&Signature=two"}, "sha256": {digest}},
			{"url": {origin + "/queued.bin?AWSAccessKeyId=k&Expires=1&Signature=two"}, "sha256": {digest}},
			{"url": {"# a list\r\nhttps://vendor.example/1.bin\r\nsha256 " + digest + "\r\n\r\n" + origin + "/b'c$d.bin\r\n" + origin + "/queued.bin\r\nhttps://vendor.example/2.bin\r\n"}},
		}
	case verb == "upload":
		return []url.Values{{"url": {"https://vendor.example/firm'ware.bin"}, "sha256": {digest}}, {"url": {origin + "/other/e.bin"}, "accept": {"any"}}}
	case verb == "retry" && slices.Contains(c.form.texts, "url"):
		name := c.form.fields.Get("id")
		return []url.Values{{"url": {origin + "/" + strings.TrimPrefix(name, awkward+" ") + ".bin?AWSAccessKeyId=k&Expires=1&Signature='new'"}}}
	case verb == "deny" && slices.Contains(c.form.texts, "key"):
		return []url.Values{{"key": {"*.ads.example"}}, {"key": {"ads.example"}}, {"key": {"HELD"}}}
	case c.form.id == "bulk":
		return []url.Values{{"key": c.form.boxes[:1]}, {"key": c.form.boxes[:2]}}
	}
	return []url.Values{{}}
}

// TestShellLines presses every button of every page in one world, runs the
// line that the button beside it shows in another, and compares their trees.
// It knows no verb by itself: a page without a line fails, and a verb without
// a page.
func TestShellLines(t *testing.T) {
	t.Parallel()
	origin := httptest.NewServer(http.NotFoundHandler())
	defer origin.Close()
	tools := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", tools, "fromcache/cmd/fromcache").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	first := newWorld(t, Options{})
	furnish(first, origin.URL)
	seen, ran := map[string]bool{}, map[string]int{}
	t.Run("lines", func(t *testing.T) {
		for i, page := range shellPages(first) {
			_, body := first.browser().get(page)
			list := verbControls(t, page, body)
			for j, c := range list {
				id := fmt.Sprint(c.to, c.query, c.form.id, c.form.action, c.form.fields["q"], c.form.texts, c.name, c.value)
				if seen[id] {
					continue
				}
				seen[id] = true
				ran[c.to]++
				for n := range fillings(c, origin.URL) {
					t.Run(fmt.Sprintf("%s/%s/%d", strings.TrimPrefix(c.to, "/admin/"), c.label, n), func(t *testing.T) {
						t.Parallel()
						compareLine(t, origin.URL, tools, press{i, j, n})
					})
				}
			}
		}
	})
	for _, rt := range first.srv.table() {
		if strings.HasPrefix(rt.Path, "/admin/") && !strings.HasSuffix(rt.Path, "/shell") && ran[rt.Path] == 0 {
			t.Errorf("no page has a button for %s", rt.Path)
		}
	}
}

// verbControls are the buttons of a page that change something. Each must have
// its line's button right behind it, of the same form with the same value.
func verbControls(t *testing.T, page, body string) (list []*control) {
	t.Helper()
	all := controlsOf(t, body)
	for i, c := range all {
		switch {
		case strings.HasSuffix(c.to, "/shell"), c.form != nil && !c.form.post && c.form.action != "", c.form.action == "/ui/logout":
			continue
		case !strings.HasPrefix(c.to, "/admin/"):
			t.Errorf("%s: the button %s posts to %q", page, c.label, c.to)
			continue
		}
		if i+1 == len(all) || all[i+1].to != c.to+"/shell" || all[i+1].query != c.query || all[i+1].form != c.form || all[i+1].name != c.name || all[i+1].value != c.value {
			t.Errorf("%s: no shell line beside %s", page, c.label)
			continue
		}
		list = append(list, c)
	}
	return list
}

// press is one way to press a button: page, button, and what is filled in.
type press struct{ page, button, filled int }

func (p press) in(w *world, origin string) (*browser, *control, url.Values) {
	b := w.browser()
	page := shellPages(w)[p.page]
	_, body := b.get(page)
	b.header.Set("Referer", w.url(page))
	c := verbControls(w.t.(*testing.T), page, body)[p.button]
	filled := fillings(c, origin)[p.filled]
	if filled.Get("key") == "HELD" {
		held, err := w.store.Keys()
		w.must(err)
		filled.Set("key", held[0])
	}
	return b, c, c.sends(filled)
}

func compareLine(t *testing.T, origin, tools string, p press) {
	byShell, byButton := newWorld(t, Options{}), newWorld(t, Options{})
	for _, w := range []*world{byShell, byButton} {
		defer w.stop()
		furnish(w, origin)
	}
	before := byButton.tree()
	b, c, form := p.in(byShell, origin)
	line := shownLine(b, c, form)
	runLine(t, tools, c, line)
	b, c, form = p.in(byButton, origin)
	var resp *http.Response
	var answer string
	if c.to == "/admin/upload" {
		resp, answer = b.carry(form)
	} else {
		resp, answer = b.do(http.MethodPost, c.to+"?"+c.query, form)
	}
	if strings.Contains(answer, `name="sure"`) {
		form.Set("sure", "1")
		resp, answer = b.do(http.MethodPost, c.to+"?"+c.query, form)
	}
	if c.to != "/admin/ask" && resp.StatusCode != http.StatusSeeOther || resp.StatusCode >= 400 {
		t.Fatalf("%s: %d %s", c.label, resp.StatusCode, answer)
	}
	after := byButton.tree()
	if c.to != "/admin/ask" && slices.Equal(before, after) {
		t.Errorf("%s did nothing", c.label)
	}
	if a := byShell.tree(); !slices.Equal(a, after) {
		t.Errorf("%s\nby shell:  %s\nby button: %s", line, strings.Join(a, "\n           "), strings.Join(after, "\n           "))
	}
}

// shownLine is the line as the page shows it, and as the script is given it.
func shownLine(b *browser, c *control, form url.Values) string {
	b.w.t.Helper()
	if c.to == "/admin/upload" {
		form.Set("file", "it's a file.bin")
	}
	before := b.w.tree()
	_, body := b.do(http.MethodPost, c.to+"/shell?"+c.query, form)
	b.header.Set("X-Fromcache-Live", "1")
	resp, line := b.do(http.MethodPost, c.to+"/shell?"+c.query, form)
	line = strings.TrimSuffix(line, "\n")
	shown := historyTime.ReplaceAllString(html.UnescapeString(body), "now")
	if resp.StatusCode != http.StatusOK || !strings.Contains(shown, historyTime.ReplaceAllString(line, "now")) {
		b.w.t.Fatalf("%s: %d %s, and the page %s", c.label, resp.StatusCode, line, body)
	}
	if !slices.Equal(before, b.w.tree()) {
		b.w.t.Errorf("%s: showing its line did something", c.label)
	}
	return line
}

// runLine has a real sh run it. Only curl and put have something to say.
func runLine(t *testing.T, tools string, c *control, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "NO_PROXY=*")
	if err := os.WriteFile(filepath.Join(cmd.Dir, "it's a file.bin"), []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 && c.to != "/admin/ask" && c.to != "/admin/upload" && !bytes.HasPrefix(out, []byte("approved ")) {
		t.Errorf("%s: %v %s", line, err, out)
	}
	if c.to == "/admin/ask" && !bytes.Contains(out, []byte("404 Not Found")) {
		t.Errorf("%s prints %s", line, out)
	}
}

// carry uploads, as a browser does.
func (b *browser) carry(fields url.Values) (*http.Response, string) {
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name, values := range fields {
		for _, v := range values {
			b.w.must(m.WriteField(name, v))
		}
	}
	f, err := m.CreateFormFile("file", "it's a file.bin")
	b.w.must(err)
	_, err = f.Write([]byte(payload))
	b.w.must(err)
	b.w.must(m.Close())
	req, err := http.NewRequest(http.MethodPost, b.w.url("/admin/upload"), &body)
	b.w.must(err)
	req.Header = b.header.Clone()
	req.Header.Set("Content-Type", m.FormDataContentType())
	resp, err := http.DefaultTransport.RoundTrip(req)
	b.w.must(err)
	defer resp.Body.Close()
	var answer bytes.Buffer
	_, err = answer.ReadFrom(resp.Body)
	b.w.must(err)
	return resp, answer.String()
}
