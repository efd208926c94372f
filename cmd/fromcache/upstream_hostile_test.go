package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A job that names a digest gets those bytes or none, though an upstream sends others whose digest
// it names rightly, as an edge before it does that goes by the URL without the digest.
func TestUpstreamWithAnotherDigestThanTheJobs(t *testing.T) {
	o, file, content := vendor(t, 100_000)
	top, site := newProcess(t, ""), newProcess(t, "")
	top.start()
	top.fetch(file)
	l := newLine(t, top.url)
	l.set(func(w http.ResponseWriter, r *http.Request, from *http.Response) {
		if from.StatusCode == http.StatusNotFound { // asked for a digest: what the URL has is sent
			token, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/b/"), ".")
			_, name, _ := strings.Cut(rest, "/")
			answer, err := http.Get(top.url + "/b/" + token + "/" + name)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			defer answer.Body.Close()
			for k := range w.Header() {
				w.Header().Del(k)
			}
			for k, v := range answer.Header {
				w.Header()[k] = v
			}
			from = answer
		}
		w.WriteHeader(from.StatusCode)
		io.Copy(w, from.Body) //nolint:errcheck // the client may have gone
	})
	next := []byte(strings.Repeat("the version after", len(content)/17))
	if err := os.WriteFile(filepath.Join(o.dir, "tool.bin"), next, 0o644); err != nil {
		t.Fatal(err)
	}
	site.start("--upstream", l.URL)
	site.run("add", "--sha256", fmt.Sprintf("%x", sha256.Sum256(next)), file)
	site.eventually("it has ended", func() bool { return site.there("done/*tool*") || site.there("failed/*tool*") })
	if site.text("blobs/*") != string(next) {
		t.Errorf("not what the job names:\n%s", site.text("*/*tool*"))
	}
}

// What failed here once is not fetched again because an upstream holds it and a client asks again.
func TestFollowAfterAFailure(t *testing.T) {
	_, file, _ := vendor(t, 100_000)
	top, site := newProcess(t, ""), newProcess(t, "")
	top.start()
	top.fetch(file)
	l := newLine(t, top.url)
	site.start("--upstream", l.URL, "--follow", "--upstream-only", "--max-artifact-size", "1000")
	head(t, site.url, file)
	site.eventually("it has failed", func() bool { return site.there("failed/*tool*") })
	gets := strings.Count(l.requests(), "GET ")
	for range 5 {
		head(t, site.url, file)
		time.Sleep(time.Second)
	}
	if n := strings.Count(l.requests(), "GET "); n != gets {
		t.Errorf("%d more downloads of what fails", n-gets)
	}
}

// What --upstream-credentials say goes to the upstream alone: over http only if the file allows it,
// not to where it redirects, nor to an origin on the same host. The files of --origins are not used
// for it.
func TestUpstreamCredentials(t *testing.T) {
	type noted struct {
		sync.Mutex
		seen []string
	}
	listener := func(answer http.HandlerFunc) (*httptest.Server, *noted) {
		n := &noted{}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.Lock()
			n.seen = append(n.seen, r.Header.Get("Authorization"))
			n.Unlock()
			answer(w, r)
		}))
		t.Cleanup(s.Close)
		return s, n
	}
	elsewhere, there := listener(http.NotFound)
	above, seen := listener(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	vendor, atOrigin := listener(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "bytes") }) //nolint:errcheck // the client may have gone
	site := newProcess(t, "")
	for dir, text := range map[string]string{"above": "Authorization: Bearer above\n", "origins": "# allow http\nAuthorization: Bearer origin\n"} {
		site.must(os.Mkdir(filepath.Join(site.dir, dir), 0o700))
		site.must(os.WriteFile(filepath.Join(site.dir, dir, "127.0.0.1"), []byte(text), 0o600))
	}
	site.start("--upstream", above.URL, "--upstream-credentials", "above", "--origins", "origins")
	site.fetch(vendor.URL + "/one.bin")
	site.must(os.WriteFile(filepath.Join(site.dir, "above", "127.0.0.1"), []byte("# allow http\nAuthorization: Bearer above\n"), 0o600))
	site.fetch(vendor.URL + "/two.bin")
	got := fmt.Sprint(seen.seen, there.seen, atOrigin.seen)
	if got != "[ Bearer above] [] [Bearer origin Bearer origin]" {
		t.Errorf("the upstream, where it redirects to, and the origin heard %s", got)
	}
	if all := site.text("*/*"); strings.Contains(all, "Bearer") || strings.Contains(site.log(), "Bearer") {
		t.Error("the data directory or the log has the secret")
	}
}

// newRing starts servers of which each has the next as its upstream, and the last one the first.
func newRing(t *testing.T, n int, flags ...string) (servers []*process) {
	var lines []*line
	for range n {
		servers, lines = append(servers, newProcess(t, "")), append(lines, newLine(t, ""))
	}
	for i, p := range servers {
		p.start(append(flags, "--upstream", lines[(i+1)%n].URL)...)
	}
	for i, l := range lines {
		l.mu.Lock()
		l.to = servers[i].url
		l.mu.Unlock()
	}
	return servers
}

// Servers that name each other in a ring, all of which are to fetch the same, don't wait for each
// other for ever. They pass a wish on once, and it does not come back.
func TestUpstreamsInARing(t *testing.T) {
	for _, n := range []int{2, 3} {
		o, file, content := vendor(t, 10_000)
		servers := newRing(t, n, "--follow")
		head(t, servers[0].url, o.server.URL+"/wish.bin")
		for _, p := range servers {
			p.run("add", file)
		}
		for _, p := range servers {
			p.fetched(file)
			if p.text("blobs/*") != string(content) {
				t.Error("not what the origin has")
			}
		}
		if asked := o.requests(); asked > n {
			t.Errorf("the origin was asked %d times by %d servers", asked, n)
		}
		for _, p := range servers[1:] {
			p.saysIn("misses/*wish*", "+fromcache-site")
		}
		time.Sleep(3 * time.Second)
		for i, p := range servers {
			s := p.text("misses/*wish*")
			if n := strings.Count(s, " miss "); n != 1 || i == 0 && strings.Contains(s, "+fromcache-site") {
				t.Errorf("the wish came to server %d %d times:\n%s", i, n, s)
			}
		}
	}
}
