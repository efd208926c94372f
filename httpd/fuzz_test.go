package httpd

import (
	"bufio"
	"mime"
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
		case 200, 206, 303, 400, 403, 404, 405, 414, 416:
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

// FuzzFields: whatever an origin said, no field that we pass on can end its
// line, and no name can leave the directory that a client saves to.
func FuzzFields(f *testing.F) {
	f.Add("text/plain", `attachment; filename="a.run"`, "Tue, 03 Nov 2026 10:00:00 GMT", "gzip")
	f.Add("text/html\r\nX: y", `attachment; filename*=UTF-8''..%2f..%2fx`, "yesterday", "\x00")
	f.Add("text/plain; x=\"ü\"", "attachment; filename=\"ü\tx.run\"", "", "é")
	f.Add("multipart/byteranges", `inline; filename="C:\\x"`, "", "br, gzip")
	f.Fuzz(func(t *testing.T, ctype, disposition, modified, encoding string) {
		h := http.Header{}
		artifactReply(&fsstore.Artifact{Meta: fsstore.Meta{SHA256: strings.Repeat("0", 64), Header: map[string]string{
			"Content-Type": ctype, "Content-Disposition": disposition, "Last-Modified": modified, "Content-Encoding": encoding,
		}}}).put(h)
		for k, vs := range h {
			for _, c := range []byte(strings.Join(vs, "")) {
				if c < 0x20 || c > 0x7e {
					t.Errorf("%s: %q", k, vs)
				}
			}
		}
		if v := h.Get("Content-Disposition"); v != "" {
			_, params, err := mime.ParseMediaType(v)
			if err != nil || strings.ContainsAny(params["filename"], "/\\") {
				t.Errorf("Content-Disposition: %q", v)
			}
		}
		if h.Get("Content-Type") == "" {
			t.Error("no Content-Type: net/http would guess")
		}
	})
}
