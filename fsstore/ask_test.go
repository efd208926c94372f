package fsstore

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestAskAgain: where an origin refuses HEAD the line asks as the button does, and as the tool that asked.
func TestAskAgain(t *testing.T) {
	var asked []string
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Header.Get("Range")+" "+r.UserAgent())
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Range", "bytes 0-0/77")
		w.WriteHeader(http.StatusPartialContent)
	}))
	defer origin.Close()
	s := testStore(t)
	if _, err := s.Miss(origin.URL+"/a.run", Asker{client1, "curl/8.5.0"}); err != nil {
		t.Fatal(err)
	}
	line, err := s.Shell().Ask(Shown{Name: keyOf(t, origin.URL+"/a.run")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", line).Output()
	if err != nil || !strings.Contains(string(out), "bytes 0-0/77") || !slices.Equal(asked, []string{"HEAD  curl/8.5.0", "GET bytes=0-0 curl/8.5.0"}) {
		t.Errorf("%s: %v, asked %q\n%s", line, err, asked, out)
	}
}

// TestAskAsksOnce: a client chooses the URL that is noted, and curl would make
// many of one with brackets in it.
func TestAskAsksOnce(t *testing.T) {
	requests := make(chan string, 100)
	origin := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests <- r.Method + " " + r.RequestURI
	}))
	defer origin.Close()
	for _, path := range []string{"/[1-3].run", "/{a,b}.run", "/plain.run"} {
		s := testStore(t)
		noteMiss(t, s, origin.URL+path, client1)
		line, err := s.Shell().Ask(Shown{Name: keyOf(t, origin.URL+path)})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		var asked []string
		for len(requests) > 0 {
			asked = append(asked, <-requests)
		}
		if !slices.Equal(asked, []string{"HEAD " + path}) {
			t.Errorf("%s: asked for %q", line, asked)
		}
	}
}
