package httpd

import (
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fromcache/fsstore"
)

// tree is every file of the spool and of meta/, with its first line.
func (w *world) tree() (files []string) {
	for _, dir := range []string{"misses", "queue", "active", "done", "failed", "cancelled", "denied", "meta"} {
		list, err := os.ReadDir(filepath.Join(w.dir, dir))
		w.must(err)
		for _, e := range list {
			b, err := os.ReadFile(filepath.Join(w.dir, dir, e.Name()))
			w.must(err)
			first, _, _ := strings.Cut(string(b), "\n")
			if dir == "meta" {
				first = ""
			}
			files = append(files, dir+"/"+e.Name()+" "+first)
		}
	}
	slices.Sort(files)
	return files
}

const awkward = "it's $HOME `id` \"x\" & ; * [a] é \\ (b)"

// furnish makes the same files in every world that is given it.
func furnish(w *world) {
	missed(w, "https://vendor.example/a.bin")
	missed(w, "https://vendor.example/b'c$d.bin")
	for dir, name := range map[string]string{"failed": "lost.job", "cancelled": "stopped.job", "done": "fetched.job", "queue": "waiting.job"} {
		for _, n := range []string{name, awkward + " " + name} {
			w.must(os.WriteFile(filepath.Join(w.dir, dir, n), []byte("https://vendor.example/"+dir+".bin\n2026-11-22T21:27:26Z "+dir+" x\n"), 0o660))
		}
	}
	for _, u := range []string{"https://vendor.example/held.bin", "https://vendor.example/cleared.bin"} {
		a := w.hold(u, []byte(u), noOrigin)
		if strings.Contains(u, "cleared") {
			w.must(os.Remove(filepath.Join(w.dir, "done", a.Key+".job")))
		}
	}
	_, err := w.store.Add(fsstore.Addition{URL: "https://vendor.example/queued.bin"}, operator)
	w.must(err)
}

var (
	shellLines = regexp.MustCompile(`<p><span>([^<]*)</span> <code>([^<]*)</code>`)
	buttons    = regexp.MustCompile(`<button form="act" name="([a-z]+)" value="([^"]*)" formaction="([^"]*)"[^>]*>([^<]*)</button>`)
)

// rows cuts a page into what stands together: a row, or the head of a page.
func rows(body string) []string {
	return regexp.MustCompile(`(?s)<li id=.*?</li>|<tr id=.*?</tr>|<div class="acts left">.*?<div id="page"`).FindAllString(body, -1)
}

// TestShellLines runs every shell line of every page in sh, and compares the
// tree with what its button does.
func TestShellLines(t *testing.T) {
	t.Parallel()
	pages := func(w *world) []string {
		held, err := w.store.Keys()
		w.must(err)
		return []string{"/misses", "/downloads", "/artifacts", "/artifacts/" + held[0], "/artifacts/" + held[1]}
	}
	first := newWorld(t, Options{})
	furnish(first)
	ran := map[string]int{}
	for i, page := range pages(first) {
		_, body := first.browser().get(page)
		for j, row := range rows(body) {
			for k, line := range shellLines.FindAllStringSubmatch(row, -1) {
				compareLine(t, pages, i, j, k, line[1])
				ran[line[1]]++
			}
		}
	}
	for _, label := range []string{"approve", "dismiss", "deny", "cancel", "retry", "fetch again", "evict"} {
		if ran[label] == 0 {
			t.Errorf("no page has a line for %s", label)
		}
	}
}

// compareLine does line k of row j of page i in one world by sh, in another by
// the button.
func compareLine(t *testing.T, pages func(*world) []string, i, j, k int, label string) {
	t.Helper()
	byShell, byButton := newWorld(t, Options{}), newWorld(t, Options{})
	furnish(byShell)
	furnish(byButton)
	_, body := byShell.browser().get(pages(byShell)[i])
	line := html.UnescapeString(shellLines.FindAllStringSubmatch(rows(body)[j], -1)[k][2])
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v %s", line, err, out)
	}
	_, body = byButton.browser().get(pages(byButton)[i])
	pressed := false
	for _, b := range buttons.FindAllStringSubmatch(rows(body)[j], -1) {
		if strings.EqualFold(b[4], label) {
			resp, answer := byButton.browser().post(b[3], b[1], html.UnescapeString(b[2]))
			if resp.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: %d %s", label, resp.StatusCode, answer)
			}
			pressed = true
			break
		}
	}
	if !pressed {
		t.Errorf("no button for %s", line)
	}
	if a, b := byShell.tree(), byButton.tree(); !slices.Equal(a, b) {
		t.Errorf("%s\nby shell:  %s\nby button: %s", line, strings.Join(a, "\n           "), strings.Join(b, "\n           "))
	}
	byShell.stop()
	byButton.stop()
}

// TestShellClear: the line below the finished jobs.
func TestShellClear(t *testing.T) {
	t.Parallel()
	byShell, byButton := newWorld(t, Options{}), newWorld(t, Options{})
	furnish(byShell)
	furnish(byButton)
	line := byShell.store.Shell().Clear()
	if _, body := byShell.browser().get("/downloads"); !strings.Contains(html.UnescapeString(body), line) {
		t.Error("the page has no such line")
	}
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
		t.Errorf("%s: %v %s", line, err, out)
	}
	byButton.browser().post("/admin/clear")
	if a, b := byShell.tree(), byButton.tree(); !slices.Equal(a, b) {
		t.Errorf("%s: %v, not %v", line, a, b)
	}
}
