package held_test

import (
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
)

// FuzzMeta: any bytes are a meta that can be written and read again, or none. What gc
// wants for a meta is what is served.
func FuzzMeta(f *testing.F) {
	good := fsstore.Meta{URL: storetest.CudaURL, URLSum: strings.Repeat("a", 64), SHA256: strings.Repeat("0", 64), Size: 5}
	b, err := good.Encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(b), "", "{", "null", "[]", `{"sha256":"../../etc/passwd"}`,
		strings.Replace(string(b), `"size": 5`, `"size": -5`, 1), strings.Replace(string(b), `"size": 5`, `"size": 1e400`, 1),
		strings.Replace(string(b), `"size": 5`, `"asked_sha256": "../x", "size": 5`, 1),
		strings.Replace(string(b), good.SHA256, "../../../etc/passwd", 1), strings.Replace(string(b), good.URLSum, "", 1),
		strings.Replace(string(b), `"size": 5`, `"SHA256": "`+strings.Repeat("1", 64)+`", "size": 5`, 1)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m fsstore.Meta
		named := held.DigestIn(b)
		if m.Decode(b) != nil {
			if named != "" && !fsstore.IsDigest(named) {
				t.Fatalf("%q: %q", b, named)
			}
			return
		}
		if named != m.SHA256 {
			t.Fatalf("%q: %q is wanted, and %q is served", b, named, m.SHA256)
		}
		if !fsstore.IsDigest(m.SHA256) || !fsstore.IsDigest(m.URLSum) || m.Size < 0 ||
			m.AskedSum != "" && !fsstore.IsDigest(m.AskedSum) {
			t.Fatalf("taken: %+v", m)
		}
		again, err := m.Encode()
		if err != nil {
			t.Skip() // a year that JSON can't hold
		}
		var n fsstore.Meta
		if err := n.Decode(again); err != nil || n.SHA256 != m.SHA256 || n.Size != m.Size || n.URLSum != m.URLSum {
			t.Fatalf("%+v became %+v, %v", m, n, err)
		}
	})
}
