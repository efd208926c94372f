package httpd

import (
	"bufio"
	"fmt"
	"maps"
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
		if !strings.Contains(body, "Accept "+option+" and retry") || !strings.Contains(body, `formaction="admin/retry?accept=`+value+`&amp;in=failed"`) {
			t.Fatalf("no button for accept %s in %s", option, body)
		}
		if !strings.Contains(body, "{ echo; echo accept "+option+"; } &gt;&gt; failed/"+name+".job &amp;&amp; mv -n failed/"+name+".job queue/") {
			t.Errorf("no line for accept %s", option)
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
	for _, want := range []string{"<summary>8 clients</summary><ul><li>127.0.0.1", `10.0.0.0 <span class="tool">curl/7.88.1</span> × 2 <span class="tool">Wget/1.21</span></li>`, "and 3 more"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if _, body := w.browser().get("/stats"); !strings.Contains(body, "by 8 clients") {
		t.Error("the savings count others")
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
		want := fmt.Sprintf(`data-label="Hits">%d</td>`, n)
		for _, path := range []string{"/artifacts", "/"} {
			if _, body := b.get(path); !strings.Contains(body, want) {
				t.Errorf("%s lacks %s", path, want)
			}
		}
	}
	w.untilLine(t, lines, "event: hits")
	if _, body := b.get("/artifacts/" + a.Key); !strings.Contains(body, "Served 3 times.") {
		t.Error("the artifact's page counts others")
	}
}

// TestAsksOnce: a browser without JavaScript is asked before an evict and before
// a host is denied, and a script, which nobody can ask, is not.
func TestAsksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	held := w.hold("https://vendor.example/a.bin", []byte("x"), noOrigin).Key
	miss, miss2 := missed(w, "https://vendor.example/b.bin"), missed(w, "https://vendor.example/c.bin")
	for _, c := range []struct {
		path, key, says string
		asks            bool
	}{
		{"/admin/evict", held, "Evict it?", true}, {"/admin/deny", "*.vendor.example", "Deny all of *.vendor.example?", true}, {"/admin/deny", miss, "", false}, {"/admin/deny", miss2 + "@" + strings.Repeat("0", 64), "", false},
	} {
		before := w.everything()
		b := w.browser()
		b.header.Set("Referer", w.url("/artifacts?q=a"))
		resp, body := b.post(c.path, "key", c.key)
		if asked := resp.StatusCode == http.StatusOK && strings.Contains(body, c.says) && strings.Contains(body, `name="sure" value="1"`); asked != c.asks {
			t.Fatalf("%s of %s: %d %s", c.path, c.key, resp.StatusCode, body)
		}
		if !c.asks {
			continue
		}
		if !strings.Contains(body, `href="artifacts?q=a"`) || !maps.Equal(before, w.everything()) {
			t.Errorf("%s: no way back, or something changed: %s", c.path, body)
		}
		if resp, _ := b.post(c.path, "key", c.key, "sure", "1"); resp.StatusCode != http.StatusSeeOther || maps.Equal(before, w.everything()) {
			t.Errorf("%s, surely: %d", c.path, resp.StatusCode)
		}
	}
	again := w.hold("https://vendor.example/a.bin", []byte("x"), noOrigin).Key
	b := w.browser()
	b.header = http.Header{}
	if resp, _ := b.post("/admin/evict", "key", again); resp.StatusCode != http.StatusSeeOther || w.files("meta") != 0 {
		t.Errorf("a script: %d", resp.StatusCode)
	}
}

// TestUndo: the page after an action takes it back, and a script of ours is told
// how.
func TestUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	k := missed(w, "https://vendor.example/a.bin")
	b := w.browser()
	b.post("/admin/approve", "key", k)
	_, body := b.get("/misses")
	if !strings.Contains(body, `action="admin/undo"><input type="hidden" name="id" value="`) || !strings.Contains(body, `<button class="quiet">Undo</button>`) || !strings.Contains(body, `<body class="after">`) {
		t.Fatalf("no undo in %s", body)
	}
	if _, body := b.get("/misses"); strings.Contains(body, ">Undo<") || strings.Contains(body, `class="after"`) {
		t.Error("it is told twice")
	}
	live := w.browser()
	live.header.Set("X-Fromcache-Live", "1")
	resp, words := live.post("/admin/cancel", "id", k)
	undo := resp.Header.Get("X-Fromcache-Undo")
	if !strings.HasPrefix(words, "Cancelled") || w.files("cancelled") != 1 || undo != "admin/retry?id="+k+"&in=cancelled" {
		t.Fatalf("%s; %q", words, undo)
	}
	if resp, words := live.post("/admin/retry", "in", "cancelled", "id", k); resp.StatusCode != http.StatusOK || w.files("queue") != 1 {
		t.Errorf("%d %s", resp.StatusCode, words)
	}
	if resp, words := live.post("/admin/cancel", "id", k); resp.StatusCode != http.StatusOK || w.files("queue") != 0 {
		t.Errorf("%d %s", resp.StatusCode, words)
	}
}

// TestUndoOnTheDisk: whatever a button did to misses, artifacts and rules, its undo leaves their files
// as they were, once, for one and for many.
func TestUndoOnTheDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	var keys []string
	for _, name := range []string{"a", "b", "c"} {
		keys = append(keys, missed(w, "https://vendor.example/"+name+".bin"))
	}
	spool := func() map[string]string {
		all := map[string]string{}
		for name, text := range w.everything() {
			for _, dir := range []string{"misses/", "denied/", "queue/", "active/", "meta/", "hits/", "allowed/"} {
				if strings.Contains(name, dir) {
					all[name] = text
				}
			}
		}
		return all
	}
	held := w.hold("https://vendor.example/held.bin", []byte("held"), noOrigin).Key
	w.must(os.WriteFile(w.dir+"/hits/"+held, []byte("17\n"), 0o660))
	w.must(os.WriteFile(w.dir+"/denied/ads.example", []byte("# by hand\n"), 0o660))
	w.must(os.WriteFile(w.dir+"/allowed/dl.example", []byte("budget 2GiB/30d\n# by hand\n"), 0o660))
	before := spool()
	b := w.browser()
	b.header.Set("X-Fromcache-Live", "1")
	if resp, _ := b.post("/admin/deny", "key", "ads.example"); resp.Header.Get("X-Fromcache-Undo") != "" {
		t.Error("what was denied before has an undo")
	}
	for _, c := range [][]string{
		{"/admin/approve", "key", keys[0]}, {"/admin/dismiss?in=misses", "key", keys[0]}, {"/admin/deny", "key", keys[0]},
		{"/admin/evict", "key", held}, {"/admin/unrule", "key", "dl.example"}, {"/admin/undeny", "key", "ads.example"},
		{"/admin/deny", "key", "vendor.example"}, {"/admin/approve", "key", keys[0], "key", keys[1], "key", keys[2]},
		{"/admin/dismiss?in=misses", "key", keys[0], "key", keys[1]}, {"/admin/deny", "key", keys[0], "key", keys[1]},
		{"/admin/dismiss", "all", "1", "host", "vendor.example", "until", itoa(time.Now().Unix())},
	} {
		resp, words := b.post(c[0], c[1:]...)
		to, query, _ := strings.Cut(resp.Header.Get("X-Fromcache-Undo"), "?id=")
		if to != "admin/undo" || maps.Equal(before, spool()) {
			t.Fatalf("%v: %s, undo %q", c, words, to)
		}
		if resp, words := b.post("/admin/undo", "id", query); resp.StatusCode != http.StatusOK || !maps.Equal(before, spool()) {
			t.Errorf("%v: %s, then there is %v", c, words, spool())
		}
		if resp, _ := b.post("/admin/undo", "id", query); resp.StatusCode != http.StatusConflict {
			t.Errorf("%v: twice: %s", c, resp.Status)
		}
	}
	resp, _ := b.post("/admin/evict", "key", held)
	_, id, _ := strings.Cut(resp.Header.Get("X-Fromcache-Undo"), "?id=")
	w.hold("https://vendor.example/held.bin", []byte("newer"), noOrigin)
	if resp, words := b.post("/admin/undo", "id", id); resp.StatusCode != http.StatusConflict {
		t.Errorf("what came anew: %d %s", resp.StatusCode, words)
	}
	resp, _ = b.post("/admin/approve", "key", keys[1])
	_, id, _ = strings.Cut(resp.Header.Get("X-Fromcache-Undo"), "?id=")
	c, err := w.store.Claim(keys[1] + ".job")
	w.must(err)
	p, err := c.Part(t.Context(), false)
	w.must(err)
	if _, err := c.Publish(p, noOrigin); err != nil {
		t.Fatal(err)
	}
	if resp, words := b.post("/admin/undo", "id", id); resp.StatusCode != http.StatusConflict || w.is("misses/"+keys[1]) {
		t.Errorf("what is held by now: %d %s", resp.StatusCode, words)
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
