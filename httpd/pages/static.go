package pages

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"fromcache/httpd/answer"
	"fromcache/templates"
)

// static serves the embedded files of the pages. It says nothing of the cache
// and needs no sign-in. An address with the file's version in it may be kept
// for good.
func (s *Server) static(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
	a := templates.Assets()[strings.TrimPrefix(p.ByName("name"), "/")]
	if a == nil {
		answer.NotFound(w, r)
		return
	}
	h := w.Header()
	secure(h, r)
	h["Cache-Control"] = []string{"max-age=300"}
	if r.URL.RawQuery == "v="+a.Version {
		h["Cache-Control"] = answer.AYear
	}
	h["Content-Type"] = []string{a.Type}
	h["Vary"] = []string{"Accept-Encoding"}
	body, etag := a.Plain, a.Version
	if a.Gzip != nil && takesGzip(r) {
		body, etag = a.Gzip, a.Version+"-gzip"
		h["Content-Encoding"] = []string{"gzip"}
	}
	r.Header.Del("Range") // a part is of no use to a page
	h["Etag"] = []string{`"` + etag + `"`}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// takesGzip reads Accept-Encoding as browsers write it: a list of names, of
// which one with q=0 is refused.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q = strings.ReplaceAll(q, " ", "")
			return strings.Trim(strings.TrimPrefix(q, "q="), "0.") != "" || q == ""
		}
	}
	return false
}
