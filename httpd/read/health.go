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
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) answer.Outcome {
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
	if n := len(s.store.Problems()); n > 0 {
		fmt.Fprintf(&b, "\n%d artifacts or blobs are rotten, missing or can't be read: the list of artifacts and fromcache fsck say what to do", n)
	}
	answer.Text(w, code, b.String())
	return answer.Outcome{Result: answer.ResultOf(code), Status: code, Bytes: int64(b.Len()) + 1}
}
