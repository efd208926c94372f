package httpd

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fromcache/fsstore"
)

// FuzzTarget sends any request target: the answer is one of the few that the
// read path has, and nothing is written but a miss under a valid name.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"/b/aHR0cHM6Ly9hL2E/x", "/b//x", "/b/%2e%2e/x", "/blob?url=https://h/x", "/blob?url=%00", "/by-hash/sha256/" + strings.Repeat("a", 64),
		"/healthz", "/b/aHR0cHM6Ly9hL2E/../../x", "*", "http://h/b/aHR0cHM6Ly9hL2E/x", "/static/%2e%2e/frame.html", "/\xff", "/artifacts?q=%ff&page=-9",
		"/m/https/h/x?y=1", "/m/or-origin/http://h/%0d%0aSet-Cookie:x", "/https:/h/%2e%2e", "/by-name/x", "/m/http/h/x%ff|\"",
	} {
		f.Add(s)
	}
	dir := filepath.Join(f.TempDir(), "data")
	store, err := fsstore.Open(dir, fsstore.Options{MaxMisses: 100})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { store.Close() })
	srv, err := New(store, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")))
		if err != nil {
			return
		}
		if r.URL.Path == "/events" {
			return // a stream does not end
		}
		r.RemoteAddr = "10.0.0.1:99"
		rec := httptest.NewRecorder()
		srv.ServeHTTP(rec, r)
		switch rec.Code {
		case 200, 206, 300, 303, 307, 400, 403, 404, 405, 414, 416:
		default:
			t.Errorf("%q: %d", target, rec.Code)
		}
		for k, vs := range rec.Header() {
			if strings.ContainsAny(k+strings.Join(vs, ""), "\r\n\x00") {
				t.Errorf("%q: field %s: %q", target, k, vs)
			}
		}
		if rec.Code != http.StatusNotFound {
			return
		}
		if list, err := os.ReadDir(filepath.Join(dir, "misses")); err != nil || len(list) > 100 {
			t.Errorf("%d misses, %v", len(list), err)
		}
	})
}
