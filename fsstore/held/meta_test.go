package held_test

import (
	"fmt"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"testing"
)

func TestMetaKeepsTenVersions(t *testing.T) {
	s := storetest.TestStore(t)
	var a *fsstore.Artifact
	for i := range 13 {
		a = storetest.Hold(t, s, storetest.CudaURL, fmt.Sprint("version ", i))
	}
	if len(a.History) != 10 || a.History[0].SHA256 != storetest.DigestOf("version 11") {
		t.Errorf("%+v", a.History)
	}
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Unchanged(); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Lookup(storetest.CudaURL); err != nil || b.SHA256 != a.SHA256 || len(b.History) != 10 {
		t.Errorf("after a 304: %+v, %v", b, err)
	}
}
