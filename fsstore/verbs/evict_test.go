package verbs_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/verbs"
)

func TestEvictLeavesALine(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	if err := s.Evict(a.Key, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "tail -n 1 done/"+a.Key+".job | grep -q ' evicted web 10.0.0.2$'")
	if err := s.Evict(a.Key, fsstore.Operator{Via: "cli", Addr: "x"}); !errors.Is(err, fs.ErrNotExist) {
		t.Error("twice:", err)
	}
	storetest.Sound(t, s)
	storetest.Hold(t, s, storetest.CudaURL, "bytes") // fetched again, it is held
	storetest.Run(t, s.Dir(), "rm done/*")           // of an older server
	if err := s.Evict(a.Key, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "tail -n 1 done/"+a.Key+".job | grep -q ' evicted cli x$' && grep -q '^20.* done 5 "+a.SHA256+"$' done/"+a.Key+".job")
	if err := s.Retry(a.Key, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	storetest.Publish(t, storetest.ClaimNext(t, s), "bytes")
	storetest.Sound(t, s)
}

// TestRestore: an evict undone leaves the artifact as it was, byte for byte, and is no loss to fsck;
// what came meanwhile stays, and without its bytes nothing is held.
func TestRestore(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	kept, err := s.KeepArtifact(a.Key)
	storetest.Must(t, err)
	storetest.Must(t, s.Evict(a.Key, storetest.Operator))
	storetest.Must(t, s.Restore(kept, storetest.Operator))
	storetest.Run(t, s.Dir(), "tail -n 1 done/"+a.Key+".job | grep -q ' restored '")
	if now, err := s.KeepArtifact(a.Key); err != nil || now != kept || storetest.Served(t, s, storetest.CudaURL) != "bytes" {
		t.Errorf("%v: %s became %s", err, kept.Text, now.Text)
	}
	storetest.Sound(t, s)
	storetest.Run(t, s.Dir(), "rm meta/*") // by nobody's verb
	if r := storetest.Checked(t, s, fsstore.FsckOptions{}); len(r.Problems) != 1 {
		t.Errorf("a loss after a restore: %+v", r.Problems)
	}
	storetest.Hold(t, s, storetest.CudaURL, "newer")
	if err := s.Restore(kept, storetest.Operator); !errors.Is(err, fs.ErrExist) || storetest.Served(t, s, storetest.CudaURL) != "newer" {
		t.Error("over what is held:", err)
	}
	storetest.Must(t, s.Evict(a.Key, storetest.Operator))
	storetest.Run(t, s.Dir(), "rm -f blobs/"+a.SHA256)
	if err := s.Restore(kept, storetest.Operator); !errors.Is(err, fs.ErrNotExist) {
		t.Error("without its bytes:", err)
	}
	kept.Name = "../x"
	if err := s.Restore(kept, storetest.Operator); !errors.Is(err, fs.ErrNotExist) {
		t.Error("outside of meta/:", err)
	}
}

// A verb says that it was meant.
func TestEvictOfWhatIsLost(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "rm meta/*")
	if r := storetest.Checked(t, s, fsstore.FsckOptions{}); len(r.Problems) != 1 || r.Problems[0].Path != "meta/"+a.Key+".json" || !strings.Contains(r.Problems[0].Do, "`fromcache evict "+a.Key+"`") {
		t.Fatalf("%+v", r.Problems)
	}
	if err := s.Evict(a.Key, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	storetest.Sound(t, s)
	if r, err := s.GC(fsstore.GCOptions{Older: time.Nanosecond}); err != nil || len(r.Gone) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestNoEvictWithoutItsLine: what fsck would take for a loss is not removed.
func TestNoEvictWithoutItsLine(t *testing.T) {
	if !storetest.Alone(t) {
		return
	}
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	before := storetest.Text(t, s, fsstore.Done, a.Key+".job")
	roomy := storetest.FullAt(t, int64(len(before)+10))
	err := s.Evict(a.Key, storetest.Operator)
	roomy()
	if err == nil || !strings.Contains(err.Error(), "nothing is evicted") {
		t.Error("evicted without a line in done/:", err)
	}
	if got := storetest.Served(t, s, storetest.CudaURL); got != "bytes" {
		t.Errorf("served %q after an evict that failed", got)
	}
	if got := storetest.Text(t, s, fsstore.Done, a.Key+".job"); got != before {
		t.Errorf("half a line is left: %q", strings.TrimPrefix(got, before))
	}
	storetest.Sound(t, s)
	storetest.Must(t, s.Evict(a.Key, storetest.Operator))
	storetest.Sound(t, s)
}

// TestEvictLineWithoutItsRemoval: where only the line could be written, the artifact is held as
// before, and a second evict removes it.
func TestEvictLineWithoutItsRemoval(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "chmod a-w meta")
	storetest.Unprivileged(t, func() {
		if err := s.Evict(a.Key, storetest.Operator); !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
	})
	storetest.Run(t, s.Dir(), "chmod u+w meta; tail -n 1 done/"+a.Key+".job | grep -q evicted")
	if got := storetest.Served(t, s, storetest.CudaURL); got != "bytes" {
		t.Errorf("served %q", got)
	}
	r, err := s.Why(storetest.CudaURL)
	if err != nil || r.Artifact == nil || r.Broken != "" {
		t.Errorf("%+v, %v", r, err)
	}
	storetest.Sound(t, s)
	storetest.Must(t, s.Evict(a.Key, storetest.Operator))
	storetest.Sound(t, s)
}

// TestEvictWhereAnotherUserMadeTheJob: the line goes into a job of the server's own.
func TestEvictWhereAnotherUserMadeTheJob(t *testing.T) {
	for _, mode := range []string{"a-w", "a-rw"} {
		s := storetest.TestStore(t)
		a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), "chmod "+mode+" done/*")
		storetest.Unprivileged(t, func() { storetest.Must(t, s.Evict(a.Key, storetest.Operator)) })
		storetest.Run(t, s.Dir(), "tail -n 1 done/"+a.Key+".job | grep -q evicted && ls done/"+a.Key+".2.job && chmod u+rw done/*")
		storetest.Sound(t, s)
	}
}

// TestEvictLeavesANewerVersion: what is put after the line of an evict stays.
func TestEvictLeavesANewerVersion(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	meta, err := os.ReadFile(storetest.Path(s, "meta", a.Key+".json"))
	storetest.Must(t, err)
	storetest.Must(t, verbs.LogEvict(s.Verbs, a.Key, storetest.Operator))
	_, err = storetest.Put(s, fsstore.Addition{URL: storetest.CudaURL}, "newer")
	storetest.Must(t, err)
	err = verbs.RemoveMeta(s.Verbs, a.Key, meta)
	if !errors.Is(err, fsstore.ErrBusy) || !strings.Contains(err.Error(), "newer version") {
		t.Error(err)
	}
	if got := storetest.Served(t, s, storetest.CudaURL); got != "newer" {
		t.Errorf("served %q", got)
	}
	storetest.Want(t, s, "tmp")
	storetest.Sound(t, s)
	storetest.Must(t, s.Evict(a.Key, storetest.Operator))
	storetest.Want(t, s, "meta")
	storetest.Want(t, s, "tmp")
	storetest.Sound(t, s)
}
