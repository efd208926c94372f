package held_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// A Handle answers at each call for the files as they are then, as Lookup does.
func TestHandleSeesEachChange(t *testing.T) {
	t.Run("by files", func(t *testing.T) { seesEachChange(t, storetest.TestStore(t), func() {}) })
	t.Run("by moments", func(t *testing.T) {
		s := storetest.TestStore(t)
		seesEachChange(t, s, storetest.Watch(t, s.WatchHeld, s.InMoment))
	})
}

func seesEachChange(t *testing.T, s *fsstore.Store, settle func()) {
	h, ok := s.Handle(storetest.CudaURL)
	if !ok || h.URL() != storetest.CudaURL {
		t.Fatal("no handle")
	}
	check := func(when, want string) {
		t.Helper()
		for i := range 4 { // the second finds what the first has kept, the last what is not looked at
			if i == 2 {
				settle()
			}
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
	storetest.Hold(t, s, storetest.CudaURL, "three")
	check("held again", "three")
	storetest.Run(t, s.Dir(), "mv meta x; mkdir meta")
	check("meta/ is another", "")
	storetest.Run(t, s.Dir(), "rmdir meta; mv x meta; chmod 600 blobs/*; for b in blobs/*; do echo more >> $b; done")
	check("its blob is longer", "")
}

// What stays open for the next answer is closed when something has changed, so that the bytes of a
// blob that is removed are free; an answer that has it goes on.
func TestOpenBlobsAreLetGo(t *testing.T) {
	s := storetest.TestStore(t)
	settle := storetest.Watch(t, s.WatchHeld, s.InMoment)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	h, _ := s.Handle(storetest.CudaURL)
	settle()
	_, first, err := h.Open()
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := h.Open()
	if err != nil {
		t.Fatal(err)
	}
	if first.Fd() != second.Fd() {
		t.Skip("something has changed in this millisecond") // on a busy machine
	}
	second.Close()
	storetest.Run(t, s.Dir(), "rm blobs/"+a.SHA256)
	if _, _, err := h.Open(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a blob that is removed: %v", err)
	}
	settle()
	var b [8]byte
	if n, err := unix.Pread(first.Fd(), b[:], 0); string(b[:n]) != "bytes" {
		t.Errorf("an answer that has begun: %q, %v", b[:n], err)
	}
	first.Close()
	if n := openTo(t, a.SHA256); n != 0 {
		t.Errorf("%d descriptors are open to a blob that is removed", n)
	}
}

// openTo counts this process's descriptors of a file.
func openTo(t *testing.T, name string) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, fd := range list {
		to, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		if strings.Contains(to, name) {
			n++
		}
	}
	return n
}

func readBlob(t *testing.T, b fsstore.Blob, a *fsstore.Artifact) string {
	t.Helper()
	defer b.Close()
	text := make([]byte, a.Size+1)
	n, _ := unix.Pread(b.Fd(), text, 0)
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
