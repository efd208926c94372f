package httpd

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/julienschmidt/httprouter"
)

// route is one line of the table below.
type route struct {
	methods string // separated by a space
	path    string
	handle  httprouter.Handle
}

// table is every address that this server knows.
func (s *Server) table() []route {
	return append([]route{
		{"GET HEAD", "/b/:token", s.byToken}, // httprouter gives *name no empty match without its slash
		{"GET HEAD", "/b/:token/*name", s.byToken},
		{"GET HEAD", "/blob", s.byQuery},
		{"GET HEAD", "/by-hash/sha256/:digest", s.byDigest},
		{"GET HEAD", "/healthz", s.healthz},

		{"GET HEAD", "/", s.page(s.showAll)},
		{"GET HEAD", "/misses", s.page(s.showMisses)},
		{"GET HEAD", "/downloads", s.page(s.showDownloads)},
		{"GET HEAD", "/artifacts", s.page(s.showArtifacts)},
		{"GET HEAD", "/artifacts/:key", s.page(s.showArtifact)},
		{"GET HEAD", "/job", s.page(s.showJob)},
		{"GET HEAD", "/add", s.page(s.showAdd)},
		{"GET HEAD", "/stats", s.page(s.showStats)},
		{"GET HEAD", "/events", s.page(s.events)},
		{"GET HEAD", "/ui/login", s.open(s.showLogin)},
		{"GET HEAD", "/static/*name", s.static},

		{"POST", "/ui/login", s.open(s.login)},
		{"POST", "/ui/logout", s.open(s.logout)},
	}, s.verbRoutes()...)
}

func (s *Server) routes() *httprouter.Router {
	r := httprouter.New()
	r.RedirectFixedPath = false
	r.RedirectTrailingSlash = false
	r.HandleOPTIONS = false
	r.NotFound = http.HandlerFunc(notFound)
	r.MethodNotAllowed = http.HandlerFunc(methodNotAllowed)
	for _, t := range s.table() {
		for _, m := range strings.Fields(t.methods) {
			r.Handle(m, t.path, t.handle)
		}
	}
	return r
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := badPath(r.URL.Path); why != "" {
		plainText(w, http.StatusBadRequest, "bad path: "+why)
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

func notFound(w http.ResponseWriter, _ *http.Request) {
	plainText(w, http.StatusNotFound, "no such page")
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
	plainText(w, http.StatusMethodNotAllowed, "method not allowed: this address takes "+allow)
}

// plainText is a short answer in words, never cached.
func plainText(w http.ResponseWriter, code int, text string) {
	h := w.Header()
	h["Content-Type"] = textPlain
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = nosniff
	w.WriteHeader(code)
	w.Write([]byte(text + "\n"))
}
