package held_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// TestOpenVersion: each version of a URL that meta remembers is had by its digest, before and after
// gc has taken its blob out of service; none of another URL's, and none once the artifact is
// evicted or gc has unlinked it.
func TestOpenVersion(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, "https://vendor.example/other.run", "of another URL")
	one := storetest.HoldWith(t, s, storetest.CudaURL, "version one", fsstore.Origin{Ranges: true, Header: map[string]string{"Content-Type": "text/x-one", "Date": "Tue, 03 Nov 2026 10:00:00 GMT"}})
	two := storetest.Hold(t, s, storetest.CudaURL, "version two")
	has := func(when, digest, body string, earlier bool) {
		t.Helper()
		a, f, err := s.OpenVersion(storetest.CudaURL, digest)
		if body == "" {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v, %v", when, a, err)
			}
			return
		}
		if err != nil {
			t.Errorf("%s: %v", when, err)
			return
		}
		defer f.Close()
		if b, _ := io.ReadAll(f); string(b) != body || a.SHA256 != digest || a.Size != int64(len(body)) || a.Earlier() != earlier {
			t.Errorf("%s: %q %+v", when, b, a)
		}
	}
	has("now", two.SHA256, "version two", false)
	has("replaced", one.SHA256, "version one", true)
	has("of another URL", storetest.DigestOf("of another URL"), "", false)
	has("no digest", "../meta", "", false)
	a, f, err := s.OpenVersion(storetest.CudaURL, one.SHA256)
	if err != nil || !a.Ranges || len(a.Header) != 1 || a.Header["Content-Type"] != "text/x-one" {
		t.Errorf("%+v %v", a, err)
	}
	f.Close()
	if _, err := s.GC(fsstore.GCOptions{}); err != nil || !tree.Exists(storetest.Path(s, "tmp", one.SHA256+held.GoneSuffix)) {
		t.Fatal("gc took nothing out: ", err)
	}
	has("taken out", one.SHA256, "version one", true)
	os.WriteFile(storetest.Path(s, "blobs", one.SHA256), []byte("half"), 0o444)
	has("beside a blob of another size", one.SHA256, "version one", true)
	os.Remove(storetest.Path(s, "blobs", one.SHA256))
	if _, err := s.GC(fsstore.GCOptions{Older: time.Nanosecond}); err != nil {
		t.Fatal(err)
	}
	has("unlinked", one.SHA256, "", false)
	has("and now", two.SHA256, "version two", false)
	if err := s.Evict(two.Key, fsstore.Operator{Via: "cli", Addr: "test"}); err != nil {
		t.Fatal(err)
	}
	has("evicted", two.SHA256, "", false)
}
