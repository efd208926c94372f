package httpd

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
)

// What a page says is so, and what it advises it does.

// failedWith puts a job into failed/, with the reason that it was given up for.
func (w *world) failedWith(name, why string) {
	w.t.Helper()
	w.must(os.WriteFile(filepath.Join(w.dir, "failed", name+".job"), []byte("https://vendor.example/"+name+".run\n2026-11-22T21:31:40Z failed "+why+"\n"), 0o660))
}

// TestAdviceHasItsButton: what a failed job's reason says to add to it a button
// adds, or the page of the job asks for.
func TestAdviceHasItsButton(t *testing.T) {
	t.Parallel()
	for i, option := range []string{"text/html", "any", "http", "private"} {
		w := newWorld(t, Options{})
		name := fmt.Sprintf("job%d", i)
		w.failedWith(name, "the origin sent something: if it is wanted, add the line `accept "+option+"` to the job and retry, or not")
		b := w.browser()
		_, body := b.get("/downloads")
		value := strings.ReplaceAll(option, "/", "%2F")
		if !strings.Contains(body, "Accept "+option+" and retry") || !strings.Contains(body, `formaction="/admin/retry?accept=`+value+`&amp;in=failed"`) {
			t.Fatalf("no button for accept %s in %s", option, body)
		}
		if _, line := b.post("/admin/retry/shell?in=failed&accept="+value, "id", name+".job"); !strings.Contains(line, "accept "+option) {
			t.Errorf("the line is %s", line)
		}
		b.post("/admin/retry?in=failed&accept="+value, "id", name+".job")
		jobs, err := w.store.Jobs(fsstore.Queue)
		w.must(err)
		text, _ := os.ReadFile(filepath.Join(w.dir, "queue", name+".job"))
		if len(jobs) != 1 || !strings.Contains(string(text), "\naccept "+option+"\n") || !strings.Contains(string(text), " retry web ") {
			t.Errorf("accept %s: queued %d: %s", option, len(jobs), text)
		}
	}
	w := newWorld(t, Options{})
	w.failedWith("sum", "it can't be known to be whole: add the line `sha256 <hex>` to the job and retry")
	w.failedWith("plain", "404 Not Found: check the URL")
	b := w.browser()
	_, body := b.get("/downloads")
	if strings.Count(body, "#with") != 1 || strings.Contains(body, "accept=") {
		t.Errorf("the buttons are %s", body)
	}
	sum := strings.Repeat("0A", 32)
	if resp, _ := b.post("/admin/retry", "in", "failed", "id", "sum.job", "sha256", "0a"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a digest that is none: %d", resp.StatusCode)
	}
	b.post("/admin/retry", "in", "failed", "id", "sum.job", "sha256", sum)
	if text, _ := os.ReadFile(filepath.Join(w.dir, "queue", "sum.job")); !strings.Contains(string(text), "\nsha256 "+strings.ToLower(sum)+"\n") {
		t.Errorf("with its digest: %s", text)
	}
}

// TestWhatWasWantedIsNotRed: an operator's `after`, a cancel and an evict are no
// trouble; an error that is tried again is.
func TestWhatWasWantedIsNotRed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	put := func(name, lines string) {
		w.must(os.WriteFile(filepath.Join(w.dir, name), []byte("https://vendor.example/x.bin\n"+lines), 0o660))
	}
	put("queue/night.job", "after 2099-01-01T00:00:00Z\n")
	put("queue/busy.job", "2026-11-22T21:31:40Z error 503 busy, after 2099-01-01T00:00:00Z\n")
	put("cancelled/stopped.job", "2026-11-22T21:31:40Z cancelled web 10.0.0.2\n")
	_, body := w.browser().get("/downloads")
	for text, class := range map[string]string{"put off: not before 2099-01-01T00:00:00Z": "dim", "503 busy; again at 2099": "why", "cancelled web 10.0.0.2": "dim"} {
		if !strings.Contains(body, `<p class="`+class+`">`+text) {
			t.Errorf("%q is not %s in %s", text, class, body)
		}
	}
}

// TestClientsAreAddresses: one that asks by several tools is one client.
func TestClientsAreAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	k := missed(w, "https://vendor.example/a.bin")
	lines := ""
	for i := range 7 {
		lines += fmt.Sprintf("2026-11-22T21:27:26Z miss x2 10.0.0.%d curl/7.88.1\n2026-11-22T21:27:26Z miss 10.0.0.%d Wget/1.21\n", i, i)
	}
	w.append("misses/"+k, lines)
	_, body := w.browser().get("/misses")
	for _, want := range []string{"by 8 clients: 127.0.0.1", `10.0.0.0 <span class="tool">curl/7.88.1</span> × 2 <span class="tool">Wget/1.21</span>, 10.0.0.1`, ", and 3 more"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if _, body := w.browser().get("/stats"); !strings.Contains(body, "by 8 clients") {
		t.Error("the plots count others")
	}
}

// TestHitsAreRight: a page counts a download that has just ended, and one that
// is open is told so.
func TestHitsAreRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	a := w.hold("https://vendor.example/a.bin", []byte("x"), noOrigin)
	lines := w.follow(t)
	b := w.browser()
	b.get("/artifacts")
	for n := 1; n <= 3; n++ {
		b.get("/b/" + token("https://vendor.example/a.bin"))
		want := fmt.Sprintf(`data-c="hits">%d</td>`, n)
		for _, path := range []string{"/artifacts", "/"} {
			if _, body := b.get(path); !strings.Contains(body, want) {
				t.Errorf("%s lacks %s", path, want)
			}
		}
		w.untilLine(t, lines, want)
	}
	if _, body := b.get("/artifacts/" + a.Key); !strings.Contains(body, "<dt>Hits</dt><dd>3</dd>") {
		t.Error("the artifact's page counts others")
	}
}

// follow opens a page's stream, and returns its lines.
func (w *world) follow(t *testing.T) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url("/events"), nil)
	w.must(err)
	resp, err := http.DefaultTransport.RoundTrip(req)
	w.must(err)
	t.Cleanup(func() { resp.Body.Close() })
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			lines <- in.Text()
		}
	}()
	return lines
}

// untilLine waits for a line that holds a text.
func (w *world) untilLine(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	end := time.After(time.Minute)
	for {
		select {
		case line := <-lines:
			if strings.Contains(line, want) {
				return
			}
		case <-end:
			t.Fatalf("no line tells %s", want)
		}
	}
}
