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

// ClientAddr returns the address of the client, without its port. httpd.Server has put it into
// RemoteAddr where a proxy stands between.
func ClientAddr(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// OverTLS reports whether a client's request came over TLS, to the proxy that says so or not, or
// else to us. httpd.Server has left only what a proxy of ours says.
func OverTLS(r *http.Request) bool {
	if proto := r.Header["X-Forwarded-Proto"]; proto != nil {
		return proto[0] == "https"
	}
	return r.TLS != nil
}

// Prefix returns the path below which a proxy shows this server, as /tools/fromcache, or "" where
// that is the root. httpd.Server has left only what a proxy of ours says.
func Prefix(r *http.Request) string {
	if prefix := r.Header["X-Forwarded-Prefix"]; prefix != nil {
		return prefix[0]
	}
	return ""
}

// Route is an address and what answers there.
type Route struct {
	Methods string // separated by spaces
	Path    string // as httprouter reads it
	Handle  httprouter.Handle
}
