package read

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
)

// healthz says what is wrong, a line each, in the words that the pages have.
// It is red only where a load balancer should ask another server: what is held
// can't be read, or nothing new can be written.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) {
	troubles := s.store.Health()
	code, text := http.StatusOK, "ok"
	if slices.ContainsFunc(troubles, func(t fsstore.Trouble) bool { return t.Grave }) {
		code, text = http.StatusServiceUnavailable, "not well"
	}
	var b strings.Builder
	b.WriteString(text)
	for _, t := range troubles {
		b.WriteString("\n" + t.What)
	}
	lost, kept := lostAndKept(s.store.Findings())
	if lost > 0 {
		fmt.Fprintf(&b, "\n%d artifacts have lost their blobs, and are not held until they are fetched or carried in again: see the pages or run fromcache fsck", lost)
	}
	if kept > 0 {
		fmt.Fprintf(&b, "\n%d rotten blobs that no artifact is known to need lie in tmp/: the list of artifacts says what to do with each", kept)
	}
	answer.Text(w, code, b.String())
}

// lostAndKept counts the artifacts among the findings, and the blobs that no
// artifact is known to need.
func lostAndKept(list []fsstore.Finding) (lost, kept int) {
	for i := range list {
		if list[i].Key == "" {
			kept++
		} else {
			lost++
		}
	}
	return lost, kept
}
