package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"fromcache/fsstore/fetch/origins"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for field, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "86400": 24 * time.Hour, "86401": 24 * time.Hour,
		"99999999999999999999999": 24 * time.Hour, "-5": 0, "+5": 0, "1.5": 0, "soon": 0, "1e3": 0,
		"Mon, 23 Nov 2026 12:00:30 GMT":  30 * time.Second,
		"Monday, 23-Nov-26 12:00:30 GMT": 30 * time.Second,
		"Mon Nov 23 12:00:30 2026":       30 * time.Second,
		"Mon, 23 Nov 2026 11:00:00 GMT":  0,
		"Tue, 24 Nov 2026 11:59:59 GMT":  24*time.Hour - time.Second,
		"Sat, 23 Nov 2126 12:00:00 GMT":  24 * time.Hour,
	} {
		if got := retryAfter(field, now); got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	}
}

func TestDelay(t *testing.T) {
	o := Options{}.withDefaults()
	for n, base := range map[int]time.Duration{1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute, 7: 32 * time.Minute, 8: time.Hour, 99: time.Hour} {
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 200 {
			d := o.delay(n, 0)
			least, most = min(least, d), max(most, d)
		}
		if least < base*3/4 || most > base*5/4 || least == most {
			t.Errorf("%d: %v to %v around %v", n, least, most, base)
		}
	}
	if d := o.delay(1, 5*time.Hour); d != 5*time.Hour {
		t.Errorf("the origin asked for 5 h and gets %v", d)
	}
}

func TestAnnounced(t *testing.T) {
	b := []byte("hello")
	sha, md := b64(sum256(b)), b64(sumMD5(b))
	for _, c := range []struct {
		header  string
		partial bool
		want    string
	}{
		{"", false, ""},
		{"Repr-Digest: sha-256=:" + sha + ":", false, "sha-256"},
		{"Repr-Digest: sha-256=:" + sha + ":", true, "sha-256"},
		{"Repr-Digest:  SHA-256=:" + sha + ":;q=1 ,\tmd5=:" + md + ":", false, "sha-256 md5"},
		{"Repr-Digest: md5=:" + md + ":\nRepr-Digest: sha-256=:" + sha + ":", false, "md5 sha-256"},
		{"Repr-Digest: sha-256=:" + strings.TrimRight(sha, "=") + ":", false, "sha-256"},
		{"Repr-Digest: sha-256=" + sha, false, ""},
		{"Repr-Digest: sha-256=:" + md + ":", false, ""},
		{"Repr-Digest: sha-256=::", false, ""},
		{"Repr-Digest: sha-256=:", false, ""},
		{"Repr-Digest: sha-256", false, ""},
		{"Repr-Digest: sha=:" + md + ":", false, ""},
		{"Repr-Digest: sha-256=:!!!!:", false, ""},
		{"Content-Digest: sha-256=:" + sha + ":", false, "sha-256"},
		{"Content-Digest: sha-256=:" + sha + ":", true, ""},
		{"Content-Md5: " + md, false, "md5"},
		{"Content-Md5: " + md, true, ""},
		{"Content-Md5: " + sha, false, ""},
		{"X-Goog-Hash: crc32c=mnG7TA==", false, "crc32c"},
		{"X-Goog-Hash: crc32c=mnG7TA==, md5=" + md, true, "crc32c md5"},
		{"X-Goog-Hash: crc32c=mnG7TA==\nX-Goog-Hash: md5=" + md, false, "crc32c md5"},
		{"X-Goog-Hash: crc32c=mnG7TA==\nX-Goog-Stored-Content-Encoding: gzip", false, ""},
		{"X-Goog-Hash: crc32c=mnG7TA==\nX-Goog-Stored-Content-Encoding: identity", false, "crc32c"},
		{"X-Goog-Hash: crc32c=mnG7TA==\nX-Goog-Stored-Content-Encoding: gzip\nContent-Encoding: gzip", false, "crc32c"},
	} {
		h := http.Header{}
		for _, line := range strings.Split(c.header, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				h.Add(name, strings.TrimSpace(value))
			}
		}
		var got []string
		list := announced(h, c.partial)
		for _, d := range list {
			got = append(got, d.algorithm)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q, want %q", c.header, got, c.want)
		}
		if wrong, err := verify(t.Context(), list, nil, text("hello")); wrong != "" || err != nil {
			t.Errorf("%q: %v", c.header, err)
		}
		if wrong, err := verify(t.Context(), list, nil, text("other")); (wrong != "") != (len(list) > 0) || err != nil {
			t.Errorf("%q is true of other bytes", c.header)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	list := announced(http.Header{"Content-Md5": {"XUFAKrxLKna5cZ2REBfFkg=="}}, false)
	if _, err := verify(over, list, nil, text("hello")); !errors.Is(err, context.Canceled) {
		t.Errorf("a stop does not end it: %v", err)
	}
}

// text plays a part.
type text string

func (s text) SHA256() string { return fmt.Sprintf("%x", sum256([]byte(s))) }
func (s text) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, string(s))
	return int64(n), err
}

func TestCheckCoding(t *testing.T) {
	for _, c := range []struct {
		name, coding string
		ok           bool
	}{
		{"a.run", "", true}, {"a.run", "identity", true}, {"a.run", "gzip", false}, {"a.tar.gz", "gzip", true}, {"a.tgz", "x-gzip", true},
		{"a.tar.gz", "br", false}, {"a.tar.zst", "zstd", true}, {"a.tar.gz", "gzip, gzip", false}, {"a.json", "deflate", false}, {"a.run", "aws-chunked", true},
		{"a.run", "GZIP", false}, {"a.gz", "GZip", true}, {"a.xz", "x-xz", true}, {"", "br", false},
	} {
		h := http.Header{}
		if c.coding != "" {
			h.Set("Content-Encoding", c.coding)
		}
		if err := checkCoding(c.name, h); (err == nil) != c.ok {
			t.Errorf("%s: %q: %v", c.name, c.coding, err)
		}
	}
}

func TestContentRange(t *testing.T) {
	for s, ok := range map[string]bool{
		"bytes 0-0/1": true, "bytes 5-9/10": true, "Bytes 5-9/10": true, "bytes 9-5/10": false, "bytes 5-10/10": false, "bytes 5-9/*": false,
		"bytes */10": false, "bytes=5-9/10": false, "bytes 5-9": false, "": false, "bytes -5-9/10": false, "bytes 5-+9/10": false,
		"bytes 5-9/99999999999999999999": false, "bytes 0x5-9/10": false, "items 5-9/10": false, "bytes 5 - 9 / 10": false,
	} {
		if _, _, _, got := contentRange(http.Header{"Content-Range": {s}}); got != ok {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestStrongETag(t *testing.T) {
	for s, ok := range map[string]bool{
		`"a"`: true, `""`: true, ` "a" `: true, `W/"a"`: false, `w/"a"`: false, `a`: false, `"a`: false, `"`: false, `"a"b"`: false, `"a b"`: false,
		"\"\x01\"": false, "\"\xc3\xa4\"": false, "": false, `"` + strings.Repeat("x", 600) + `"`: false, `"a","b"`: false,
	} {
		if got := strongETag(s) != ""; got != ok {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestRedirectTarget(t *testing.T) {
	const base = "https://h.example:8443/a/b/c.run?q=1"
	for loc, want := range map[string]string{
		"d.run": "https://h.example:8443/a/b/d.run", "./d": "https://h.example:8443/a/b/d", "../d": "https://h.example:8443/a/d",
		"/d": "https://h.example:8443/d", "//o.example/d": "https://o.example/d", "?x=2": "https://h.example:8443/a/b/c.run?x=2",
		"#f": "", "": "", "https://o.example": "https://o.example/", "HTTP://O.EXAMPLE:80/D": "http://o.example/D",
		"/d e": "https://h.example:8443/d%20e", "/\u00e4": "https://h.example:8443/%C3%A4", " /d ": "https://h.example:8443/d",
		"/d#frag": "https://h.example:8443/d", "/%zz|": "https://h.example:8443/%zz|", "../../../../x": "https://h.example:8443/x",
		"javascript:alert(1)": "", "ftp://o.example/": "", "mailto:a@b": "", "data:,x": "", "https:d": "", "https:/d": "",
		"a:b": "", "./a:b": "https://h.example:8443/a/b/a:b", "http://": "", "http:///d": "", "//": "", "/\\evil": "https://h.example:8443/\\evil",
		"https://u@o.example/": "", "https://o.example:99999/": "", "https://o.example:0443/": "https://o.example/",
	} {
		h, err := parseHop(base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.redirect(loc)
		if (err == nil) != (want != "") || err == nil && got.raw != want {
			t.Errorf("%q: %q %v, want %q", loc, got.raw, err, want)
		}
	}
}

func TestHop(t *testing.T) {
	for _, c := range []struct{ raw, host, address, target string }{
		{"http://H.example/a%zz|?x=^", "h.example", "h.example:80", "/a%zz|?x=^"},
		{"https://h.example:8443", "h.example", "h.example:8443", "/"},
		{"https://[2001:DB8::1]/x", "2001:db8::1", "[2001:db8::1]:443", "/x"},
		{"https://h.example//a/b.run", "h.example", "h.example:443", "//a/b.run"},
		{"https://h.example//a|b.run", "h.example", "h.example:443", "//a|b.run"},
		{"https://h.example/a%2Fb%2e%20?x=%zz", "h.example", "h.example:443", "/a%2Fb%2e%20?x=%zz"},
		{"https://[2001:db8::1]:444/x", "2001:db8::1", "[2001:db8::1]:444", "/x"},
	} {
		h, err := parseHop(c.raw)
		if err != nil || h.host != c.host || h.address() != c.address || h.target != c.target {
			t.Errorf("%s: %+v %s %v", c.raw, h, h.address(), err)
		}
		if got := h.url(false).RequestURI(); got != c.target && got != c.raw {
			t.Errorf("%s: %q is sent", c.raw, got)
		}
	}
}

func FuzzRedirect(f *testing.F) {
	f.Add("/d?x=http://u:p@h/#f")
	f.Add("//h:1/../%2e%2e/\\")
	f.Fuzz(func(t *testing.T, loc string) {
		h, err := parseHop("https://h.example/a/b?c")
		if err != nil {
			t.Fatal(err)
		}
		next, err := h.redirect(loc)
		if err != nil {
			return
		}
		if norm, err := key.FetchURL(next.raw); err != nil || norm != next.raw || !strings.HasPrefix(next.target, "/") || next.host == "" || key.HasUserInfo(next.raw) {
			t.Errorf("%q: %+v %v", loc, next, err)
		}
		if u := next.url(false); u.Host != next.authority || u.RequestURI() != next.target && u.RequestURI() != next.raw {
			t.Errorf("%q: %q is sent to %q", loc, u.RequestURI(), u.Host)
		}
	})
}

func FuzzFields(f *testing.F) {
	f.Add("bytes 5-9/10", "sha-256=:AAAA:, md5=:", "Mon, 23 Nov 2026 12:00:30 GMT", "A: b\n# allow http")
	f.Fuzz(func(t *testing.T, cr, digests, after, creds string) {
		first, last, total, ok := contentRange(http.Header{"Content-Range": {cr}})
		if ok && (first < 0 || first > last || last >= total) {
			t.Errorf("%q: %d-%d/%d", cr, first, last, total)
		}
		for _, d := range announced(http.Header{"Repr-Digest": {digests}, "X-Goog-Hash": {digests}, "Content-Md5": {digests}}, false) {
			if len(d.sum) != hashers[d.algorithm]().Size() {
				t.Errorf("%q: %v", digests, d)
			}
		}
		if d := retryAfter(after, time.Now()); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", after, d)
		}
		site, err := origins.Dir{Files: fstest.MapFS{}}.Parse("h", creds)
		for name, values := range site.Header {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") || origins.Reserved[name] || err != nil {
				t.Errorf("%q: %q %v", creds, site.Header, err)
			}
		}
	})
}

// FuzzETag: what a resume goes by is strong, can be sent, and is in the job as it was said.
func FuzzETag(f *testing.F) {
	for _, s := range []string{`"a"`, `W/"a"`, `""`, ` "a" `, `"a"b"`, "\"a\r\nX: y\"", `"a b"`, `"ü"`, `"` + strings.Repeat("x", 300) + `"`, `"a" from 5`, `"from"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tag := strongETag(s)
		if tag == "" {
			return
		}
		if tag != strings.TrimSpace(s) || len(tag) < 2 || tag[0] != '"' || strings.ContainsFunc(tag, func(r rune) bool { return r <= 0x20 || r >= 0x7f }) {
			t.Fatalf("%q: %q", s, tag)
		}
		e := job.Event{Time: time.Unix(1795383086, 0), Kind: job.Start, Count: 1, Size: 9, ETag: tag, Host: "h", PID: 1}
		file := job.Parse([]byte("http://h/a\n" + e.Line()))
		if len(file.Jobs) != 1 || len(file.Bad) != 0 {
			t.Fatalf("%q: %+v", tag, file)
		}
		start, ok := resumable(&file.Jobs[0])
		if !ok || start.ETag != tag {
			t.Fatalf("%q became %q", tag, start.ETag)
		}
		if h, from := resumeFields(start, 5); h.Get("If-Range") != tag || from != 5 {
			t.Fatalf("%q: %v", tag, h)
		}
	})
}

// FuzzCoding: what comes encoded is kept where its name says the same coding, and no field of an origin changes what may be sent on.
func FuzzCoding(f *testing.F) {
	for _, s := range []string{"", "gzip", "GZip ", "x-gzip", "br", "identity", "gzip, gzip", "gzip,", "aws-chunked", "aws-chunked,gzip", "none", "utf-8", "deflate", "zstd", "\x00"} {
		f.Add("https://h/a.run", s)
		f.Add("https://h/a.tar.gz?x=.br", s)
		f.Add("https://h/.gz/", s)
	}
	f.Fuzz(func(t *testing.T, rawURL, coding string) {
		name := kind.Name(rawURL)
		err := checkCoding(name, http.Header{"Content-Encoding": {coding}})
		if err != nil {
			if len(err.Error()) > 600 {
				t.Fatalf("%q: %v", coding, err)
			}
			return
		}
		word := strings.ToLower(strings.TrimSpace(coding))
		switch word {
		case "", "identity", "none", "binary", "utf-8", "aws-chunked":
			return
		}
		endings := map[string]string{"gzip": ".gz .tgz .gzip .crate", "br": ".br", "zstd": ".zst .zstd .tzst", "xz": ".xz .txz", "bzip2": ".bz2 .tbz .tbz2", "compress": ".z"}
		i := strings.LastIndexByte(name, '.')
		if i < 0 || !slices.Contains(strings.Fields(endings[strings.TrimPrefix(word, "x-")]), name[i:]) {
			t.Fatalf("%q is kept as %q", name, coding)
		}
		if checkCoding(name, http.Header{"Content-Encoding": {coding, coding}}) == nil {
			t.Fatalf("%q is kept as twice %q", name, coding)
		}
	})
}
