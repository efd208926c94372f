package answer

import (
	"net"
	"net/http"
	"strings"

	"github.com/julienschmidt/httprouter"
)

// Values of header fields that never change. net/http only reads them.
var (
	TextPlain = []string{"text/plain; charset=utf-8"}
	NoStore   = []string{"no-store"}
	Nosniff   = []string{"nosniff"}
	AYear     = []string{"public, max-age=31536000, immutable"}
)

// Text writes a short answer in words, which nobody may keep.
func Text(w http.ResponseWriter, code int, text string) {
	h := w.Header()
	h["Content-Type"] = TextPlain
	h["Cache-Control"] = NoStore
	h["X-Content-Type-Options"] = Nosniff
	w.WriteHeader(code)
	w.Write([]byte(text + "\n"))
}

// NotFound answers that there is nothing at an address.
func NotFound(w http.ResponseWriter, _ *http.Request) {
	Text(w, http.StatusNotFound, "no such page")
}

// Allow takes OPTIONS, which is not answered here, out of the methods that httprouter has put into
// Allow, and returns the others.
func Allow(h http.Header) string {
	var known []string
	for m := range strings.SplitSeq(h.Get("Allow"), ", ") {
		if m != http.MethodOptions {
			known = append(known, m)
		}
	}
	allow := strings.Join(known, ", ")
	h["Allow"] = []string{allow}
	return allow
}

// ClientAddr returns the address of the connection's other end, without port and
// zone. What a client says of itself (X-Forwarded-For) is not believed.
func ClientAddr(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// OverTLS reports whether a client's request came over TLS, to us or to a proxy that says so.
func OverTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// Route is an address and what answers there.
type Route struct {
	Methods string // separated by spaces
	Path    string // as httprouter reads it
	Handle  httprouter.Handle
}
