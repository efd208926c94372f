package httpd

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore"
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
	if n := len(s.store.Findings()); n > 0 {
		fmt.Fprintf(&b, "\n%d artifacts were found rotten and wait to be fetched again: see the pages or run fromcache fsck", n)
	}
	plainText(w, code, b.String())
}
