package active_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

func TestPlantedLinksReadAsAbsent(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "ln -s /etc/passwd meta/"+k+".json; ln -s /etc/passwd misses/"+k)
	if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := s.NoteMiss(storetest.CudaURL, fsstore.Asker{Addr: storetest.Client1, UserAgent: "curl"}); err == nil {
		t.Error("a miss was noted through a link")
	}
	if err := s.Approve(k, "", fsstore.Operator{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestWhatIsRottenIsNotUnchanged: an origin's 304 is of the bytes that it sent.
func TestWhatIsRottenIsNotUnchanged(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Add(t, s, storetest.CudaURL)
	c := storetest.ClaimNext(t, s)
	if !c.VerifyHeld(t.Context()) {
		t.Error("nothing to compare with")
	}
	storetest.Run(t, s.Dir(), "chmod 644 blobs/*; printf Bytes > blobs/"+a.SHA256)
	if c.VerifyHeld(t.Context()) {
		t.Error("rotten bytes are compared by their tag")
	}
}

// A gc comes between a publisher's blob and its commit.
func TestCommitAfterGC(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	if err := os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())); err != nil {
		t.Fatal(err)
	}
	if r, err := s.GC(fsstore.GCOptions{}); err != nil || len(r.Gone) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{})); err != nil {
		t.Fatal(err)
	}
	if !tree.Exists(storetest.Path(s, "blobs", p.SHA256())) { // before a lookup, which brings it back, too
		t.Error("committed, and its blob is out of service")
	}
}
