package upkeep_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/upkeep"
)

// A meta that nobody can read may be of any blob.
func TestGCTouchesNothingUnreadably(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "chmod 0 meta/*")
	storetest.Unprivileged(t, func() {
		if _, err := s.GC(fsstore.GCOptions{}); !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
	})
	if !tree.Exists(storetest.Path(s, "blobs", a.SHA256)) {
		t.Error("gc took the blob")
	}
}

func TestFsckBringsBackNoRottenBlob(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Flip(t, s, a.SHA256)
	storetest.Run(t, s.Dir(), strings.ReplaceAll("mv blobs/D tmp/D.gone", "D", a.SHA256))
	storetest.Fsck(t, s, fsstore.FsckOptions{Repair: true})
	if _, err := s.Lookup(storetest.CudaURL); err == nil || !tree.Exists(storetest.Path(s, "tmp", a.SHA256+upkeep.RottenSuffix)) {
		t.Error(err)
	}
}

// The clock is the test's own: 2 MiB at 1 MiB/s, so that half a second after its
// begin the scrub has read the first, and must read it again.
func TestScrubLooksTwice(t *testing.T) {
	for name, mend := range map[string]string{
		"a bit that flips back":       "cat ../sound > blobs/D",
		"a blob that is put in place": "mv ../sound blobs/D",
	} {
		s := storetest.QuickStore(t)
		a := storetest.Hold(t, s, storetest.CudaURL, strings.Repeat("0123456789abcdef", 1<<17))
		storetest.Run(t, s.Dir(), "cp blobs/* ../sound; chmod 644 blobs/*; printf rot | dd of=blobs/"+a.SHA256+" conv=notrunc status=none")
		synctest.Test(t, func(t *testing.T) {
			mended := make(chan error, 1)
			go func() {
				time.Sleep(time.Second / 2)
				mended <- exec.Command("sh", "-c", "cd "+s.Dir()+" && "+strings.ReplaceAll(mend, "D", a.SHA256)).Run()
			}()
			scrubOnce(t, s, fsstore.ScrubOptions{Rate: 1 << 20})
			if err := <-mended; err != nil {
				t.Error(err)
			}
		})
		if list := s.Problems(); len(list) != 0 || len(storetest.Ls(t, s, fsstore.Queue)) != 0 {
			t.Errorf("%s: %+v, queue %q", name, list, storetest.Ls(t, s, fsstore.Queue))
		}
		storetest.Sound(t, s)
	}
}

// Of two copies gc drops neither while the one in its place is rotten: it may be
// wanted again within the day.
func TestGCKeepsTheSoundOfTwo(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	gone := storetest.Path(s, "tmp", a.SHA256+held.GoneSuffix)
	storetest.Run(t, s.Dir(), "cp blobs/* "+gone)
	storetest.Flip(t, s, a.SHA256)
	if _, err := s.GC(fsstore.GCOptions{Older: 1}); err != nil || !tree.Exists(gone) {
		t.Error("dropped, for a rotten one is in its place:", err)
	}
	storetest.Run(t, s.Dir(), "mv meta/* ../saved")
	if _, err := s.GC(fsstore.GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(gone); err != nil || string(b) != "bytes" {
		t.Errorf("a rotten one was taken out over it: %q, %v", b, err)
	}
}

// The clock is the test's own: a week after the last look at what is half-written.
func TestGCKeepsThePartsOfJobs(t *testing.T) {
	s := storetest.TestStore(t)
	var kept []string
	for st, url := range map[fsstore.State]string{fsstore.Failed: "f", fsstore.Cancelled: "c", fsstore.Queue: "q", fsstore.Active: "a", "": "none"} {
		url = "https://example.com/" + url + ".run"
		k := storetest.KeyOf(t, url)
		part := tree.PartName(k, "0123456789abcdef")
		name := k + ".job"
		if st == fsstore.Active {
			name = tree.ActiveJobName(k, "0123456789abcdef")
		}
		if st != "" {
			kept = append(kept, part)
			storetest.Run(t, s.Dir(), fmt.Sprintf("echo %s > %s/%s", url, st, name))
		}
		storetest.Run(t, s.Dir(), "echo x > tmp/"+part)
	}
	storetest.Run(t, s.Dir(), "echo x > tmp/.new-0")
	week := time.Now().Add(8 * 24 * time.Hour)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(week))
		if r, err := s.GC(fsstore.GCOptions{}); err != nil || len(r.Unlinked) != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	for _, part := range kept {
		if !tree.Exists(storetest.Path(s, "tmp", part)) {
			t.Errorf("%s has a job, and is gone", part)
		}
	}
}

// One gc lists what is old, another takes a blob out to the same name, and
// then the first unlinks: only what was old may go.
func TestGCUnlinksOnlyWhatIsOld(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	gone := storetest.Path(s, "tmp", a.SHA256+held.GoneSuffix)
	storetest.Run(t, s.Dir(), "cp blobs/* "+gone)
	old, err := tree.Open(gone, os.O_RDONLY)
	if err != nil || tree.Lock(old) != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "mv meta/* ../saved")
	if _, err := s.GC(fsstore.GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if !tree.Exists(storetest.Path(s, "blobs", a.SHA256)) {
		t.Error("taken out over a file that another gc is unlinking")
	}
	old.Close()
	if r, err := s.GC(fsstore.GCOptions{}); err != nil || len(r.Gone) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if tree.New(s.Dir(), nil).RemoveOld(gone, time.Hour) {
		t.Error("unlinked what was taken out a moment ago")
	}
	storetest.Run(t, s.Dir(), "mv ../saved meta/"+a.Key+".json")
	s.DropSecond(a.SHA256, 0)
	if _, err := s.GC(fsstore.GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(storetest.CudaURL); err != nil {
		t.Error(err)
	}
}

func TestGCTrustsNoMalformedMeta(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "sed -i 's/\"size\": 5/\"size\": five/' meta/*")
	if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("served by a malformed meta: %v", err)
	}
	s.GC(fsstore.GCOptions{})
	storetest.Run(t, s.Dir(), "test -f blobs/"+a.SHA256)
}

// TestGCLeavesHalfATreeAlone: a download that wants room calls gc at any time.
func TestGCLeavesHalfATreeAlone(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "mv meta ../meta; mkdir ../empty; ln -s ../empty meta")
	if _, err := s.GC(fsstore.GCOptions{Older: 1}); err == nil {
		t.Error("gc went through half a tree")
	}
	storetest.Run(t, s.Dir(), "test -f blobs/"+a.SHA256+"; rm meta; mv ../meta meta")
	if _, err := s.GC(fsstore.GCOptions{}); err != nil {
		t.Error(err)
	}
}

func TestFsckFindsAndMends(t *testing.T) {
	s := storetest.TestStore(t)
	rotten := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Hold(t, s, "https://example.com/lost.run", "lost")
	storetest.Hold(t, s, "https://example.com/fine.run", "fine")
	storetest.Run(t, s.Dir(), "chmod 644 blobs/"+rotten.SHA256+"; printf Bytes > blobs/"+rotten.SHA256+"; rm blobs/"+storetest.DigestOf("lost")+"; ln -s /etc/passwd meta/x.json; echo hi > misses/y")
	r, err := s.Fsck(t.Context(), fsstore.FsckOptions{})
	if err != nil || len(r.Problems) != 4 {
		t.Errorf("%d problems: %+v, %v", len(r.Problems), r.Problems, err)
	}
	r, err = s.Fsck(t.Context(), fsstore.FsckOptions{Repair: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := storetest.RetryLost(t, s); n != 2 {
		t.Errorf("%d are lost", n)
	}
	storetest.Run(t, s.Dir(), "test -f tmp/"+rotten.SHA256+".rotten")
	storetest.Publish(t, storetest.ClaimNext(t, s), "bytes")
	storetest.Publish(t, storetest.ClaimNext(t, s), "lost")
	if r, _ = s.Fsck(t.Context(), fsstore.FsckOptions{Quick: true}); len(r.Problems) != 2 {
		t.Errorf("after mending: %+v", r.Problems)
	}
}

func TestPruneGoesByTheLog(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "x")
	storetest.NoteMiss(t, s, "https://example.com/old.run", storetest.Client1)
	storetest.Run(t, s.Dir(), "touch -d 2001-01-01 done/* misses/*")
	if err := s.Prune(time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(storetest.Ls(t, s, fsstore.Done)) != 1 || len(storetest.Ls(t, s, fsstore.Misses)) != 1 {
		t.Error("pruned by modification time")
	}
	if err := s.Prune(time.Now().Add(91 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Done)
	storetest.Want(t, s, fsstore.Misses)
	if _, err := s.Lookup(storetest.CudaURL); err != nil {
		t.Errorf("history goes, artifacts stay: %v", err)
	}
}

func TestEvictAndGC(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	if r, err := s.GC(fsstore.GCOptions{}); err != nil || len(r.Gone) != 0 {
		t.Fatalf("gc took %q, %v", r.Gone, err)
	}
	if err := s.Evict(a.Key, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.GC(fsstore.GCOptions{DryRun: true}); err != nil || len(r.Gone) != 1 {
		t.Fatalf("dry run: %+v, %v", r, err)
	}
	storetest.Run(t, s.Dir(), "test -f blobs/"+a.SHA256)
	if r, err := s.GC(fsstore.GCOptions{}); err != nil || len(r.Gone) != 1 || len(r.Unlinked) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	storetest.Hold(t, s, storetest.CudaURL, "bytes") // fetched again: gc must not take it, nor keep a second copy
	storetest.Run(t, s.Dir(), "test -f blobs/"+a.SHA256)
	if _, err := s.GC(fsstore.GCOptions{Older: time.Nanosecond}); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "test -f blobs/"+a.SHA256+" && test -z \"$(ls tmp)\"")

	s.Evict(a.Key, fsstore.Operator{})
	s.GC(fsstore.GCOptions{})
	if r, err := s.GC(fsstore.GCOptions{Older: time.Nanosecond}); err != nil || len(r.Unlinked) != 1 || r.Bytes != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	storetest.Run(t, s.Dir(), "test -z \"$(ls blobs tmp | grep -v :)\"")
}

// An evict can be undone for a day: meta comes back, and so does the blob.
func TestGCRestoresABlobWhoseMetaIsBack(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "mv meta/"+a.Key+".json saved")
	s.GC(fsstore.GCOptions{})
	storetest.Run(t, s.Dir(), "mv saved meta/"+a.Key+".json; test -f tmp/"+a.SHA256+".gone")
	if r, err := s.GC(fsstore.GCOptions{Older: time.Nanosecond}); err != nil || len(r.Restored) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := s.Lookup(storetest.CudaURL); err != nil {
		t.Error(err)
	}
}
