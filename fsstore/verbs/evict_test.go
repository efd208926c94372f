package verbs_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
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
