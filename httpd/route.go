package httpd

import (
	"fromcache/httpd/answer"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/julienschmidt/httprouter"
)

// table is every address that this server knows.
func (s *Server) table() []answer.Route {
	return slices.Concat(s.read.Routes(), s.pages.Routes())
}

func (s *Server) routes() *httprouter.Router {
	r := httprouter.New()
	r.RedirectFixedPath = false
	r.RedirectTrailingSlash = false
	r.HandleOPTIONS = false
	r.NotFound = http.HandlerFunc(answer.NotFound)
	r.MethodNotAllowed = http.HandlerFunc(methodNotAllowed)
	for _, t := range s.table() {
		for _, m := range strings.Fields(t.Methods) {
			r.Handle(m, t.Path, t.Handle)
		}
	}
	return r
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := badPath(r.URL.Path); why != "" {
		answer.Text(w, http.StatusBadRequest, "bad path: "+why)
		return
	}
	s.router.ServeHTTP(w, r)
}

// badPath says what no address of ours holds, decoded. The name at the end of
// /b/ may be anything else, in any encoding of characters: it is the origin's.
func badPath(p string) string {
	dot := false
	for i := range len(p) {
		if c := p[i]; c < 0x20 || c == 0x7f {
			return "it holds a control character"
		} else if c == '.' && i > 0 && p[i-1] == '/' {
			dot = true
		}
	}
	if !utf8.ValidString(p) && !strings.HasPrefix(p, "/b/") {
		return "it is not UTF-8"
	}
	if !dot {
		return ""
	}
	for seg := range strings.SplitSeq(p, "/") {
		if seg == "." || seg == ".." {
			return "it holds the segment " + seg
		}
	}
	return ""
}

// methodNotAllowed takes OPTIONS out of what httprouter has put into Allow:
// it is not answered here.
func methodNotAllowed(w http.ResponseWriter, _ *http.Request) {
	var known []string
	for m := range strings.SplitSeq(w.Header().Get("Allow"), ", ") {
		if m != http.MethodOptions {
			known = append(known, m)
		}
	}
	allow := strings.Join(known, ", ")
	w.Header()["Allow"] = []string{allow}
	answer.Text(w, http.StatusMethodNotAllowed, "method not allowed: this address takes "+allow)
}
