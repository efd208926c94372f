package httpd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"fromcache/templates"
)

// static serves the embedded files of the pages: the style sheet, the icon. It
// says nothing of the cache and needs no sign-in.
func (s *Server) static(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
	name := strings.TrimPrefix(p.ByName("name"), "/")
	b, err := fs.ReadFile(templates.Static(), name)
	if err != nil {
		notFound(w, r)
		return
	}
	sum := sha256.Sum256(b)
	h := w.Header()
	secure(h)
	h["Cache-Control"] = []string{"max-age=300"}
	h["Etag"] = []string{`"` + hex.EncodeToString(sum[:8]) + `"`}
	h["Content-Type"] = []string{contentType(name)}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// contentType knows what we embed; the system's table may say anything.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}
