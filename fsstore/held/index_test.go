package held_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
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
