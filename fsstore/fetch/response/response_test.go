package response

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/kind"
)

func TestAnnounced(t *testing.T) {
	b := []byte("hello")
	sum, md5sum := sha256.Sum256(b), md5.Sum(b)
	sha := base64.StdEncoding.EncodeToString(sum[:])
	md := base64.StdEncoding.EncodeToString(md5sum[:])
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
		list := Announced(h, c.partial)
		for _, d := range list {
			got = append(got, d.Algorithm)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q, want %q", c.header, got, c.want)
		}
		if wrong, err := Verify(t.Context(), list, nil, text("hello")); wrong != "" || err != nil {
			t.Errorf("%q: %v", c.header, err)
		}
		if wrong, err := Verify(t.Context(), list, nil, text("other")); (wrong != "") != (len(list) > 0) || err != nil {
			t.Errorf("%q is true of other bytes", c.header)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	list := Announced(http.Header{"Content-Md5": {"XUFAKrxLKna5cZ2REBfFkg=="}}, false)
	if _, err := Verify(over, list, nil, text("hello")); !errors.Is(err, context.Canceled) {
		t.Errorf("a stop does not end it: %v", err)
	}
}

// text plays a part.
type text string

func (s text) SHA256() string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

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
		if err := CheckCoding(c.name, h); (err == nil) != c.ok {
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

func FuzzFields(f *testing.F) {
	f.Add("bytes 5-9/10", "sha-256=:AAAA:, md5=:")
	f.Fuzz(func(t *testing.T, cr, digests string) {
		first, last, total, ok := contentRange(http.Header{"Content-Range": {cr}})
		if ok && (first < 0 || first > last || last >= total) {
			t.Errorf("%q: %d-%d/%d", cr, first, last, total)
		}
		for _, d := range Announced(http.Header{"Repr-Digest": {digests}, "X-Goog-Hash": {digests}, "Content-Md5": {digests}}, false) {
			if len(d.sum) != hashers[d.Algorithm]().Size() {
				t.Errorf("%q: %v", digests, d)
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
		start, ok := Resumable(&file.Jobs[0])
		if !ok || start.ETag != tag {
			t.Fatalf("%q became %q", tag, start.ETag)
		}
		if h, from := ResumeFields(start, 5); h.Get("If-Range") != tag || from != 5 {
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
		err := CheckCoding(name, http.Header{"Content-Encoding": {coding}})
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
		if CheckCoding(name, http.Header{"Content-Encoding": {coding, coding}}) == nil {
			t.Fatalf("%q is kept as twice %q", name, coding)
		}
	})
}
