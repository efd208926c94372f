package httpd

import (
	"fmt"
	"html"
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

var claims = regexp.MustCompile(`@[0-9a-f]{16}`)

// tree is every file, with what a worker would read in it: the URL that would
// be fetched, and how.
func (w *world) tree() (files []string) {
	for _, dir := range []string{"misses", "queue", "active", "done", "failed", "cancelled", "denied", "allowed", "meta", "blobs"} {
		list, err := os.ReadDir(filepath.Join(w.dir, dir))
		w.must(err)
		for _, e := range list {
			b, err := os.ReadFile(filepath.Join(w.dir, dir, e.Name()))
			w.must(err)
			what := ""
			if dir != "meta" && dir != "blobs" && dir != "allowed" {
				for _, j := range job.Parse(b).Jobs {
					what += fmt.Sprint(" ", j.FetchURL(), " ", j.Sha256, " ", j.AcceptHTML, j.AcceptAny, j.AcceptHTTP)
				}
			}
			if strings.HasSuffix(e.Name(), ".why") {
				continue // beside a job that may have gone
			}
			files = append(files, dir+"/"+strings.TrimSuffix(claims.ReplaceAllString(e.Name(), "@"), ".job")+what)
		}
	}
	slices.Sort(files)
	return files
}

const awkward = "it's $HOME `id` \"x\" & ; * [a] é \\ (b)"

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
	for _, name := range []string{"allowed/vendor.example", "allowed/*.vendor.example", "denied/ads.example", "denied/*.ads.example"} {
		w.must(os.WriteFile(filepath.Join(w.dir, name), nil, 0o660))
	}
	u := origin + "/unwanted.bin"
	w.must(os.WriteFile(filepath.Join(w.dir, "denied", keyOf(w, u)), []byte(u+"\n"), 0o660))
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
	w.t.Cleanup(func() { running.Cancel() })
}

// domains are the names that stand in quotes, because of their *.
var domains = regexp.MustCompile(`'(allowed|denied)/\*\.[a-z.]+'`)

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
	pages := []string{"/", "/misses", "/misses?q=other", "/downloads", "/artifacts", "/add", "/rules"}
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

// shellLine is one line of a row, and the button that does the same.
type shellLine struct {
	line   string
	button *control
}

var (
	listOfLines = regexp.MustCompile(`(?s)<details class="sh">.*?</details>`)
	oneLine     = regexp.MustCompile(`<li><code>(.*?)</code>.*?<span class="dim">(.*?)</span></li>`)
)

// linesOf reads the lines of a page. Each is told by the label of a button of its row; of one URL of
// several the label has the sum.
func linesOf(t *testing.T, body string) (list []shellLine) {
	t.Helper()
	buttons := controlsOf(t, body)
	for n, text := range listOfLines.FindAllString(body, -1) {
		for _, m := range oneLine.FindAllStringSubmatch(text, -1) {
			label, sum, _ := strings.Cut(m[2], " @")
			i := len(buttons) - 1 // a row without lines has no list: its own buttons are the nearest
			for i >= 0 && (buttons[i].lines != n || buttons[i].label != label || !strings.Contains(buttons[i].value, sum)) {
				i--
			}
			if i < 0 {
				t.Errorf("no button does what %s is for: %s", m[2], text)
				continue
			}
			list = append(list, shellLine{html.UnescapeString(m[1]), buttons[i]})
		}
	}
	return list
}

// TestShellLines runs every line of every page in one world, presses the button that it is of in
// another, and compares their trees.
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
	seen, verbs := map[string]bool{}, map[string]bool{}
	t.Run("lines", func(t *testing.T) {
		for i, page := range shellPages(first) {
			_, body := first.browser().get(page)
			for j, l := range linesOf(t, body) {
				if strings.Contains(l.line, "again.job") || seen[l.line+l.button.to] {
					continue // queue/ has that name: mv -n leaves it, and a button numbers it
				}
				seen[l.line+l.button.to], verbs[l.button.to] = true, true
				if strings.ContainsAny(domains.ReplaceAllString(l.line, ""), "'`*$\"\\") {
					t.Errorf("a line has what needs quoting: %s", l.line)
				}
				t.Run(strings.TrimPrefix(l.button.to, "/admin/"), func(t *testing.T) {
					t.Parallel()
					compareLine(t, origin.URL, tools, i, j)
				})
			}
		}
	})
	for _, verb := range []string{"approve", "dismiss", "deny", "cancel", "retry", "again", "evict", "unrule", "undeny"} {
		if !verbs["/admin/"+verb] {
			t.Errorf("no row has a line for %s", verb)
		}
	}
}

func compareLine(t *testing.T, origin, tools string, page, n int) {
	byShell, byButton := newWorld(t, Options{}), newWorld(t, Options{})
	var l shellLine
	for _, w := range []*world{byShell, byButton} {
		defer w.stop()
		furnish(w, origin)
		b := w.browser()
		_, body := b.get(shellPages(w)[page])
		l = linesOf(t, body)[n]
		if w == byShell {
			cmd := exec.Command("sh", "-c", l.line)
			cmd.Dir, cmd.Env = w.dir, append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v %s", l.line, err, out)
			}
		}
	}
	before := byButton.tree()
	form := l.button.sends(url.Values{"sure": {"1"}})
	resp, text := byButton.browser().do(http.MethodPost, l.button.to+"?"+l.button.query, form)
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s: %d %s", l.button.label, resp.StatusCode, text)
	}
	after := byButton.tree()
	if slices.Equal(before, after) {
		t.Errorf("%s did nothing", l.button.label)
	}
	if a := byShell.tree(); !slices.Equal(a, after) {
		t.Errorf("%s\nby shell:  %s\nby button: %s", l.line, strings.Join(a, "\n           "), strings.Join(after, "\n           "))
	}
}

// TestNoLineThatNeedsQuoting: a name that a shell would read as more than one word has its buttons, and
// no line.
func TestNoLineThatNeedsQuoting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(os.WriteFile(filepath.Join(w.dir, "failed", awkward+".job"), []byte("https://vendor.example/a.run\n2026-11-22T21:27:26Z failed x\n"), 0o660))
	_, body := w.browser().get("/downloads")
	if list := linesOf(t, body); len(list) > 0 || !strings.Contains(body, ">Retry</button>") {
		t.Errorf("%+v", list)
	}
}

// verbControls are the buttons of a page that change something.
func verbControls(t *testing.T, page, body string) (list []*control) {
	t.Helper()
	for _, c := range controlsOf(t, body) {
		switch {
		case c.form != nil && !c.form.post && c.form.action != "", c.form.action == "/ui/logout":
		case !strings.HasPrefix(c.to, "/admin/"):
			t.Errorf("%s: the button %s posts to %q", page, c.label, c.to)
		default:
			list = append(list, c)
		}
	}
	return list
}
