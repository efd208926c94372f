package fsstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"
	"time"
)

// TestOpenVersion: each version of a URL that meta remembers is had by its digest, before and after gc has taken its blob
// out of service; none of another URL's, and none once the artifact is evicted or gc has unlinked it.
func TestOpenVersion(t *testing.T) {
	s := testStore(t)
	hold(t, s, "https://vendor.example/other.run", "of another URL")
	one := holdWith(t, s, cudaURL, "version one", Origin{Ranges: true, Header: map[string]string{"Content-Type": "text/x-one", "Date": "Tue, 03 Nov 2026 10:00:00 GMT"}})
	two := hold(t, s, cudaURL, "version two")
	has := func(when, digest, body string, earlier bool) {
		t.Helper()
		a, f, err := s.OpenVersion(cudaURL, digest)
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
	has("of another URL", digestOf("of another URL"), "", false)
	has("no digest", "../meta", "", false)
	a, f, err := s.OpenVersion(cudaURL, one.SHA256)
	if err != nil || !a.Ranges || len(a.Header) != 1 || a.Header["Content-Type"] != "text/x-one" {
		t.Errorf("%+v %v", a, err)
	}
	f.Close()
	if _, err := s.GC(GCOptions{}); err != nil || !exists(s.path("tmp", one.SHA256+goneSuffix)) {
		t.Fatal("gc took nothing out: ", err)
	}
	has("taken out", one.SHA256, "version one", true)
	os.WriteFile(s.path("blobs", one.SHA256), []byte("half"), 0o444)
	has("beside a blob of another size", one.SHA256, "version one", true)
	os.Remove(s.path("blobs", one.SHA256))
	if _, err := s.GC(GCOptions{Older: time.Nanosecond}); err != nil {
		t.Fatal(err)
	}
	has("unlinked", one.SHA256, "", false)
	has("and now", two.SHA256, "version two", false)
	if err := s.Evict(two.Key, By{"cli", "test"}); err != nil {
		t.Fatal(err)
	}
	has("evicted", two.SHA256, "", false)
}

// holdWith is hold of what an origin said something of.
func holdWith(t testing.TB, s *Store, url, body string, o Origin) *Artifact {
	t.Helper()
	c := mustClaim(t, s, add(t, s, url))
	p, err := c.Part(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	p.Write([]byte(body))
	a, err := c.Publish(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
