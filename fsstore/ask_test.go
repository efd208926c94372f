package fsstore

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"testing"
)

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
		line, err := s.Shell().Ask(keyOf(t, origin.URL+path))
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
