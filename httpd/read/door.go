package read

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
)

var errDoor = answer.Refuse(http.StatusBadRequest,
	"bad address: /m/ is followed by https/<host>/<path>, http/<host>/<path>, or or-origin/ and one of them")

// HasScheme reports whether a path is an origin's URL behind the slash: /https://<host>/<path>, or
// with one slash for two, as clients send it that clean paths. The table of addresses can't hold
// such a path, because a colon begins a parameter there.
func HasScheme(path string) bool {
	return strings.HasPrefix(path, "/https:/") || strings.HasPrefix(path, "/http:/")
}

// IsDoor reports whether a path is an address of ByPrefix.
func IsDoor(path string) bool { return strings.HasPrefix(path, "/m/") || HasScheme(path) }

// ByPrefix answers for tools that can only put a prefix before a URL, or replace its scheme and
// host: /m/https/<host>/<path>, /m/https://<host>/<path> and /https://<host>/<path>, and the same
// with http. The query is the origin's. It answers a miss with 404, or redirects it to the origin
// where the server was told so, or where or-origin/ follows /m/.
func (s *Server) ByPrefix(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
	s.told(s.byPrefix)(w, r, p)
}

func (s *Server) byPrefix(w http.ResponseWriter, r *http.Request, _ httprouter.Params) answer.Outcome {
	raw, orOrigin, ok := prefixedURL(r.URL)
	switch {
	case !ok:
		return s.errs.Fail(w, errDoor)
	case len(raw) > key.MaxURL:
		return s.errs.Fail(w, errLong)
	}
	return s.byURL(w, r, raw, orOrigin || s.redirectMisses)
}

// prefixedURL returns the origin's URL in a request's, byte for byte as it came, because the origin
// may tell %2F from a slash. Only the colons and brackets of scheme and host are decoded: some
// clients encode them, and they mean nothing else there.
func prefixedURL(u *url.URL) (raw string, orOrigin, ok bool) {
	path := strings.TrimPrefix(strings.TrimPrefix(rawPath(u), "/m/"), "/")
	path, orOrigin = strings.CutPrefix(path, "or-origin/")
	scheme, rest, ok := strings.Cut(path, "/")
	scheme, hasColon := strings.CutSuffix(decodeHost(scheme), ":")
	if hasColon {
		rest = strings.TrimPrefix(rest, "/")
	}
	host := len(rest)
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host = i
	}
	raw = scheme + "://" + decodeHost(rest[:host]) + rest[host:]
	if u.RawQuery != "" {
		raw += "?" + u.RawQuery
	}
	return raw, orOrigin, ok && (scheme == "https" || scheme == "http")
}

var hostDecoder = strings.NewReplacer("%3A", ":", "%3a", ":", "%5B", "[", "%5b", "[", "%5D", "]", "%5d", "]")

func decodeHost(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	return hostDecoder.Replace(s)
}

// rawPath returns the path as it was sent. EscapedPath alone would encode bytes that a client has
// not encoded.
func rawPath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}

// asksForOrigin reports whether a query of ours, which no origin has a part in, says or=origin.
func asksForOrigin(query string) bool {
	for field := range strings.SplitSeq(query, "&") {
		if field == "or=origin" {
			return true
		}
	}
	return false
}

// toOrigin redirects a miss. FetchURL leaves no user-info, and no byte that could end the line.
func (s *Server) toOrigin(w http.ResponseWriter, raw string, status []string) {
	to, err := key.FetchURL(raw)
	if err != nil {
		s.errs.Fail(w, err)
		return
	}
	h := w.Header()
	h["Cache-Status"] = status
	h["Location"] = []string{to}
	h["Referrer-Policy"] = []string{"no-referrer"}
	answer.Text(w, http.StatusTemporaryRedirect, "not held: the origin has it")
}
