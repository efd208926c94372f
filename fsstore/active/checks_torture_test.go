package active_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// committedOrphan is a claim whose worker died between the commit and the move
// to done/.
func committedOrphan(t *testing.T, s *fsstore.Store) *fsstore.Claim {
	t.Helper()
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	storetest.Must(t, os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())))
	if _, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{})); err != nil {
		t.Fatal(err)
	}
	c.Close()
	return c
}

// While a part of the tree is away nothing is put in order: with meta/ an
// orphan's commit is away, and with another in its place every blob is nobody's.
func TestHalfATreeIsLeftAlone(t *testing.T) {
	dir, today := t.TempDir()+"/data", time.Now()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(today))
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		c := committedOrphan(t, s)
		storetest.Run(t, dir, "mv meta ../meta")
		tidied(s)
		if len(storetest.Ls(t, s, fsstore.Active)) != 1 {
			t.Errorf("recovered without meta/: queue %q", storetest.Ls(t, s, fsstore.Queue))
		}
		storetest.Run(t, dir, "mkdir ../empty; ln -s ../empty meta")
		tidied(s)
		if !tree.Exists(storetest.Path(s, "blobs", storetest.DigestOf("bytes"))) {
			t.Error("gc went by another meta/")
		}
		storetest.Run(t, dir, "rm meta; mv ../meta meta")
		tidied(s)
		storetest.Want(t, s, fsstore.Done, c.Key+".job")
		storetest.Sound(t, s)
	})
}

// tidied has Run go on until its hourly round, the first of which comes after a minute.
func tidied(s *fsstore.Store) {
	ctx, cancel := context.WithTimeout(context.Background(), 61*time.Second)
	defer cancel()
	_ = s.Run(ctx)
}

// What meta says a dead claim has committed is done only if it is held.
func TestAnOrphanIsDoneIfItIsHeld(t *testing.T) {
	for script, done := range map[string]bool{
		"mv blobs/D tmp/D.gone":                    true, // by gc
		"chmod 644 blobs/D; truncate -s 3 blobs/D": false,
		"rm blobs/D": false,
	} {
		s := storetest.TestStore(t)
		committedOrphan(t, s)
		storetest.Run(t, s.Dir(), strings.ReplaceAll(script, "D", storetest.DigestOf("bytes")))
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Lookup(storetest.CudaURL); (err == nil) != done || len(storetest.Ls(t, s, fsstore.Done)) == 1 != done {
			t.Errorf("%s: %v, done %q, queue %q", script, err, storetest.Ls(t, s, fsstore.Done), storetest.Ls(t, s, fsstore.Queue))
		}
	}
}

// A job whose log has no room for its attempts any more ends.
func TestAFullLogEnds(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.Add(t, s, storetest.CudaURL)
	storetest.Run(t, s.Dir(), fmt.Sprintf("yes '2026-11-22T21:31:00Z error 503' | head -c %d >> queue/%s; echo >> queue/%s", job.MaxFile-512, k, k))
	if err := storetest.ClaimNext(t, s).Retry("503", time.Now()); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Failed, k)
}
