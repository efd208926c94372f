package read

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/julienschmidt/httprouter"

	"fromcache/fsstore"
)

// FuzzPlainTarget: what a plain request is taken to ask for is what the routes would make of it.
func FuzzPlainTarget(f *testing.F) {
	token := base64.RawURLEncoding.EncodeToString([]byte("https://x.example/a?b=c"))
	digest := strings.Repeat("0123456789abcdef", 4)
	for _, s := range []string{
		"/b/" + token, "/b/" + token + "/a.bin", "/b/" + token + "/..", "/b/" + token + "/a/b", "/b/" + token + "." + digest, "/b/" + token + "?or=origin",
		"/b//a", "/b/", "//b/" + token, "/b/" + token + "//", "/blob?url=https%3A%2F%2Fx%2Fa+b%3Fc", "/blob?url=https://x/?url=y", "/blob?url=x&or=origin",
		"/blob/?url=x", "/blob?url=%zz", "/blob?url=", "/by-hash/sha256/" + digest, "/by-hash/sha256/" + digest + ".json", "/by-hash/sha256/../" + digest, "/by-hash/sha256/" + digest + "?x",
	} {
		f.Add(s)
	}
	var raw, asked string // by the routes
	router := httprouter.New()
	byToken := func(_ http.ResponseWriter, r *http.Request, p httprouter.Params) {
		if b, err := base64.RawURLEncoding.DecodeString(p[0].Value); err == nil && !asksForOrigin(r.URL.RawQuery) {
			raw = string(b)
		}
	}
	router.GET("/b/:token", byToken)
	router.GET("/b/:token/*name", byToken)
	router.GET("/blob", func(_ http.ResponseWriter, r *http.Request, _ httprouter.Params) {
		if u, err := queryURL(r.URL.RawQuery); err == nil && !asksForOrigin(r.URL.RawQuery) {
			raw = u
		}
	})
	router.GET("/by-hash/sha256/:digest", func(_ http.ResponseWriter, _ *http.Request, p httprouter.Params) { asked = p[0].Value })
	router.RedirectFixedPath, router.RedirectTrailingSlash = false, false
	f.Fuzz(func(t *testing.T, target string) {
		path, _, _ := strings.Cut(target, "?")
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(path, "%") || strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' }) {
			return // not plain
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		raw, asked = "", ""
		router.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: http.MethodGet, URL: u})
		if digest, ok := strings.CutPrefix(target, hashPath); ok && fsstore.IsDigest(digest) && digest != asked {
			t.Errorf("%q: the digest is %q, and the routes have %q", target, digest, asked)
		}
		if name, ok := nameIn([]byte(target)); ok {
			if got, ok := urlIn(string(name)); ok && got != raw {
				t.Errorf("%q: the URL is %q, and the routes have %q", target, got, raw)
			}
		}
	})
}
