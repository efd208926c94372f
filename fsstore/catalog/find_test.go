package catalog_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/catalog"
	"fromcache/fsstore/internal/storetest"
)

func TestByDigestOnlyWhatIsHeld(t *testing.T) {
	const listed = 5 * time.Second // meta/ is listed no sooner again
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
		other := storetest.Hold(t, s, "https://example.com/same.run", "bytes")
		opened := func() error {
			_, f, err := s.OpenDigest(a.SHA256)
			if err == nil {
				f.Close()
			}
			return err
		}
		if err := opened(); err != nil {
			t.Fatal(err)
		}
		b := storetest.Hold(t, s, "https://example.com/new.run", "new")
		if _, f, err := s.OpenDigest(b.SHA256); err != nil {
			t.Error("published after the listing:", err)
		} else {
			f.Close()
		}
		storetest.Run(t, s.Dir(), "rm meta/"+a.Key+".json")
		time.Sleep(listed)
		if err := opened(); err != nil {
			t.Error("another artifact has the same bytes:", err)
		}
		storetest.Run(t, s.Dir(), "truncate -s 3 blobs/"+a.SHA256)
		if err := opened(); !errors.Is(err, fs.ErrNotExist) {
			t.Error("a short blob:", err)
		}
		storetest.Run(t, s.Dir(), "rm meta/"+other.Key+".json")
		time.Sleep(listed)
		if err := opened(); !errors.Is(err, fs.ErrNotExist) {
			t.Error("evicted:", err)
		}
		for _, bad := range []string{"", "../README", a.SHA256[:63], strings.ToUpper(a.SHA256)} {
			if _, _, err := s.OpenDigest(bad); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

// TestByName: every artifact with that basename, and none that is evicted, short, or of another
// name.
func TestByName(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		one := storetest.Hold(t, s, "https://one.example/v1/setup.exe?x=1", "one")
		keys := func(name string) (found []string) {
			for _, a := range s.ByName(name) {
				found = append(found, a.Key)
			}
			return found
		}
		if got := keys("setup.exe"); !slices.Equal(got, []string{one.Key}) {
			t.Error(got)
		}
		two := storetest.Hold(t, s, "https://two.example/a%2Fb/setup%2eexe", "two")
		storetest.Hold(t, s, "https://two.example/setup.exe.sig", "three")
		if got := keys("setup.exe"); !slices.Equal(got, []string{one.Key, two.Key}) {
			t.Error("published after the listing:", got)
		}
		storetest.Hold(t, s, "https://one.example/v1/setup.exe?x=1", "again")
		if got := keys("setup.exe"); len(got) != 2 {
			t.Error("fetched again:", got)
		}
		storetest.Run(t, s.Dir(), "rm meta/"+one.Key+".json")
		if got := keys("setup.exe"); !slices.Equal(got, []string{two.Key}) {
			t.Error("evicted:", got)
		}
		storetest.Run(t, s.Dir(), "truncate -s 2 blobs/"+two.SHA256)
		if got := keys("setup.exe"); got != nil {
			t.Error("a short blob:", got)
		}
		for i := range catalog.MaxByName + 5 {
			storetest.Hold(t, s, fmt.Sprintf("https://many.example/%d/x", i), "x")
		}
		if got := keys("x"); len(got) != catalog.MaxByName || !slices.IsSorted(got) {
			t.Error(len(got), slices.IsSorted(got))
		}
	})
}
