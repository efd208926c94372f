package held_test

import (
	"errors"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"io/fs"
	"testing"
)

// A client need not wait for gc, and a blob of another size is none.
func TestLookupRestoresABlobThatGCTook(t *testing.T) {
	for name, look := range map[string]func(s *fsstore.Store) error{
		"lookup": func(s *fsstore.Store) error { _, err := s.Lookup(storetest.CudaURL); return err },
		"open": func(s *fsstore.Store) error {
			_, f, err := s.Open(storetest.CudaURL)
			if err == nil {
				f.Close()
			}
			return err
		},
	} {
		s := storetest.TestStore(t)
		a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), "mv meta/"+a.Key+".json saved")
		s.GC(fsstore.GCOptions{})
		storetest.Run(t, s.Dir(), "test -z \"$(ls blobs)\"; mv saved meta/"+a.Key+".json")
		if err := look(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		storetest.Run(t, s.Dir(), "mv blobs/* tmp/"+a.SHA256+".gone; chmod +w tmp/*.gone; echo more >> tmp/"+a.SHA256+".gone")
		if err := look(s); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: served with another size: %v", name, err)
		}
	}
}
