package fsstore_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// TestAReplicaIsNotWritten: a store that is opened as a replica serves, and refuses what would write,
// also where the file system would let it.
func TestAReplicaIsNotWritten(t *testing.T) {
	dir := t.TempDir() + "/data"
	main := storetest.OpenAt(t, dir, fsstore.Options{})
	storetest.Hold(t, main, storetest.CudaURL, "bytes")
	storetest.Run(t, dir, "rm -r misses queue active tmp hits stats tokens queries allowed")

	s := storetest.OpenAt(t, dir, fsstore.Options{Replica: true, Main: "main.example.com"})
	if _, f, err := s.Open(storetest.CudaURL); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if v := storetest.NoteMiss(t, s, "https://example.com/other", "192.0.2.1"); v != fsstore.VerdictCopy {
		t.Errorf("the verdict of a miss is %s", v)
	}
	s.Hit(storetest.KeyOf(t, storetest.CudaURL))
	storetest.Must(t, s.Close())
	if n := s.Hits(storetest.KeyOf(t, storetest.CudaURL)); n != 1 {
		t.Errorf("%d hits in memory", n)
	}
	_, err := storetest.Put(s, fsstore.Addition{URL: "https://example.com/x", AcceptAny: true}, "x")
	if _, is := errors.AsType[*fsstore.ReplicaError](err); !is || !strings.Contains(err.Error(), "main.example.com") {
		t.Errorf("a put into a replica: %v", err)
	}
	if ill := s.Health(); len(ill) > 0 {
		t.Errorf("it is not well: %v", ill)
	}
	storetest.Run(t, dir, `test "$(ls | tr '\n' ' ')" = "README blobs cancelled denied done failed meta "`)

	storetest.Must(t, os.WriteFile(dir+"/"+tree.MarkName, []byte("of main.example.com:/data\n"), 0o660))
	if _, err := fsstore.Open(dir, fsstore.Options{}); err == nil || !strings.Contains(err.Error(), "--replica") {
		t.Errorf("opened as a cache of its own: %v", err)
	}
}

// TestReplicaHealth: a replica whose blobs/ or meta/ is gone is not well, and nothing is made in it.
func TestReplicaHealth(t *testing.T) {
	dir := t.TempDir() + "/data"
	storetest.Hold(t, storetest.OpenAt(t, dir, fsstore.Options{}), storetest.CudaURL, "bytes")
	s := storetest.OpenAt(t, dir, fsstore.Options{Replica: true})
	storetest.Run(t, dir, "mv blobs ../blobs")
	storetest.HealthIs(t, s, "blobs/ is gone from the replica", true)
	storetest.Run(t, dir, "test ! -e blobs; mv ../blobs .")
	storetest.HealthIs(t, s, "", false)
}

// FuzzMark: whatever a mark holds, it is no control character that a page or a terminal could obey.
func FuzzMark(f *testing.F) {
	f.Add("of host:/data\nsynced 2026-11-29T11:00:00Z\n")
	f.Add("of \x1b[31mred\n")
	f.Add(tree.Replica{Of: "a"}.Mark())
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		storetest.Must(t, os.WriteFile(dir+"/"+tree.MarkName, []byte(text), 0o600))
		r, marked := tree.ReadMark(dir)
		if !marked || strings.ContainsAny(r.Of, "\x00\x1b\n\r\x7f") {
			t.Errorf("%q: %v, %q", text, marked, r.Of)
		}
		again, _ := tree.ReadMark(dir)
		if again != r {
			t.Errorf("%v, then %v", r, again)
		}
	})
}
