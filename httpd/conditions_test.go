package httpd

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fromcache/fsstore"
)

// FuzzConditions: whatever a client asks under whichever conditions, the bytes
// of a 200 are all, those of a 206 are where it says, and none come otherwise.
func FuzzConditions(f *testing.F) {
	const body, modified = "0123456789", "Tue, 03 Nov 2026 10:00:00 GMT"
	d := newDesk(f)
	w := &world{t: f, store: d.store}
	a := w.hold("https://vendor.example/digits.bin", []byte(body), fsstore.Origin{Ranges: true, Header: map[string]string{"Last-Modified": modified}})
	tag := `"` + a.SHA256 + `"`
	for _, v := range []string{"", tag, "W/" + tag, `"other"`, "*", modified, "Tue, 03 Nov 2026 09:00:00 GMT", "yesterday", tag[:9], `"a", ` + tag} {
		f.Add("bytes=2-4", v, "", "", "")
		f.Add("bytes=-3", "", v, "", "")
		f.Add("bytes=0-0,5-", "", "", v, "")
		f.Add("", "", "", "", v)
	}
	f.Add("bytes=2-4", tag+"'~j", "", "", "")
	path := "/b/" + token("https://vendor.example/digits.bin") + "/digits.bin"
	f.Fuzz(func(t *testing.T, ranges, ifRange, ifNoneMatch, ifMatch, since string) {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for k, v := range map[string]string{"Range": ranges, "If-Range": ifRange, "If-None-Match": ifNoneMatch, "If-Match": ifMatch, "If-Modified-Since": since, "If-Unmodified-Since": since} {
			if v != "" {
				r.Header[k] = []string{v}
			}
		}
		rec := httptest.NewRecorder()
		d.srv.ServeHTTP(rec, r)
		got, said := rec.Body.String(), rec.Header().Get("Content-Range")
		var first, last int
		switch rec.Code {
		case http.StatusOK:
			if got != body {
				t.Errorf("200 and %q", got)
			}
		case http.StatusPartialContent:
			if ifRange != "" && !strings.HasPrefix(ifRange, tag) && ifRange != modified { // net/http reads the first tag only
				if when, err := http.ParseTime(ifRange); err != nil || when.UTC().Format(http.TimeFormat) != modified {
					t.Errorf("206 if it is %q", ifRange)
				}
			}
			if said == "" && strings.HasPrefix(rec.Header().Get("Content-Type"), "multipart/byteranges") {
				return
			}
			if n, err := fmt.Sscanf(said, "bytes %d-%d/10", &first, &last); n != 2 || err != nil || got != body[first:last+1] {
				t.Errorf("%q: 206 of %q and %q", ranges, said, got)
			}
		case http.StatusNotModified, http.StatusPreconditionFailed:
			if got != "" {
				t.Errorf("%d and %q", rec.Code, got)
			}
		case http.StatusRequestedRangeNotSatisfiable:
		default:
			t.Errorf("%d", rec.Code)
		}
	})
}

// TestEncodedHasALength: an artifact that is stored encoded promises its length
// in each answer that is a hit, whatever was asked for beside it.
func TestEncodedHasALength(t *testing.T) {
	w := newWorld(t, Options{})
	const rawURL = "https://vendor.example/x.tar.gz"
	a := w.hold(rawURL, []byte("\x1f\x8b34567890"), fsstore.Origin{Ranges: true, Header: map[string]string{"Content-Encoding": "gzip", "Last-Modified": "Tue, 03 Nov 2026 10:00:00 GMT"}})
	tag := `"` + a.SHA256 + `"`
	for _, c := range []struct {
		name, value string
		code        int
		length      string
	}{
		{"X-Nothing", "", 200, "10"}, {"If-None-Match", `"other"`, 200, "10"}, {"If-None-Match", tag, 304, ""}, {"If-Match", tag, 200, ""},
		{"If-Match", `"other"`, 412, "0"}, {"If-Modified-Since", "Tue, 03 Nov 2026 09:00:00 GMT", 200, "10"}, {"Range", "bytes=2-4", 206, "3"},
		{"Range", "bytes=10-", 416, ""}, {"Range", "bytes=9-5", 416, ""}, {"If-Unmodified-Since", "Tue, 03 Nov 2026 09:00:00 GMT", 412, "0"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequest(method, w.url("/b/"+token(rawURL)+"/x.tar.gz"), nil)
			w.must(err)
			req.Header.Set(c.name, c.value)
			req.Header.Set("Accept-Encoding", "identity")
			resp, err := http.DefaultTransport.RoundTrip(req)
			w.must(err)
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != c.code {
				t.Errorf("%s %s: %s: %s, %v", method, c.name, c.value, resp.Status, err)
			}
			if got := resp.Header.Get("Content-Length"); c.length != "" && got != c.length && (method == http.MethodGet || c.code != 412) {
				t.Errorf("%s %s: %s: Content-Length %q, want %s", method, c.name, c.value, got, c.length)
			}
			if method == http.MethodGet && c.code == 200 && len(body) != 10 {
				t.Errorf("%s: %s: %d bytes", c.name, c.value, len(body))
			}
		}
	}
}
