package held_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// A Handle answers at each call for the files as they are then, as Lookup does.
func TestHandleSeesEachChange(t *testing.T) {
	s := storetest.TestStore(t)
	h, ok := s.Handle(storetest.CudaURL)
	if !ok || h.URL() != storetest.CudaURL {
		t.Fatal("no handle")
	}
	check := func(when, want string) {
		t.Helper()
		for range 3 { // the second finds what the first has kept
			a, err := h.Lookup()
			opened, b, openErr := h.Open()
			if want == "" {
				if !errors.Is(err, fs.ErrNotExist) || !errors.Is(openErr, fs.ErrNotExist) {
					t.Errorf("%s: %v, %v", when, err, openErr)
				}
				continue
			}
			if err != nil || openErr != nil || a != opened || storetest.Served(t, s, storetest.CudaURL) != want {
				t.Fatalf("%s: %v, %v", when, err, openErr)
			}
			if got := readBlob(t, b, a); got != want {
				t.Errorf("%s: %q", when, got)
			}
		}
	}
	check("nothing is held", "")
	a := storetest.Hold(t, s, storetest.CudaURL, "one")
	check("held", "one")
	storetest.Run(t, s.Dir(), "mv meta/"+a.Key+".json x")
	check("its meta is away", "")
	storetest.Run(t, s.Dir(), "mv x meta/"+a.Key+".json; mv blobs/"+a.SHA256+" x")
	check("its blob is away", "")
	storetest.Run(t, s.Dir(), "mv x blobs/"+a.SHA256)
	check("both are back", "one")
	s.Withhold(a.SHA256, true)
	check("withheld", "")
	s.Withhold(a.SHA256, false)
	storetest.Hold(t, s, storetest.CudaURL, "two")
	check("fetched again", "two")
	u := storetest.MustURL(storetest.CudaURL)
	storetest.Run(t, s.Dir(), "mv meta/"+a.Key+".json meta/"+u.OldKey()+".json")
	check("under the key of an earlier server", "two")
	storetest.Run(t, s.Dir(), "rm meta/"+u.OldKey()+".json")
	check("gone", "")
	other := storetest.Hold(t, s, "https://example.com/other.run", "other")
	storetest.Run(t, s.Dir(), "cp meta/"+other.Key+".json meta/"+a.Key+".json")
	check("a meta of another URL", "")
}

func readBlob(t *testing.T, b fsstore.Blob, a *fsstore.Artifact) string {
	t.Helper()
	f := os.NewFile(uintptr(b.Fd()), "blob")
	defer f.Close()
	text := make([]byte, a.Size+1)
	n, _ := f.ReadAt(text, 0)
	return string(text[:n])
}

// A URL with a query has no Handle, because files in queries/ decide about its key.
func TestNoHandle(t *testing.T) {
	s := storetest.TestStore(t)
	for _, raw := range []string{storetest.CudaURL + "?t=1", "ftp://example.com/x", ""} {
		if _, ok := s.Handle(raw); ok {
			t.Errorf("%q has a handle", raw)
		}
	}
}
