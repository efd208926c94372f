package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A job that names a digest gets those bytes or none, though an upstream sends others whose digest
// it names rightly, as an edge before it does that goes by the URL without the digest.
func TestUpstreamWithAnotherDigestThanTheJobs(t *testing.T) {
	o, file, content := vendor(t, 100_000)
	top, site := newProcess(t, ""), newProcess(t, "")
	top.start()
	top.run("add", file)
	top.eventually("the top holds it", func() bool { return top.there("done/*tool*") })
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
	top.run("add", file)
	top.eventually("the top holds it", func() bool { return top.there("done/*tool*") })
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
