package active_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

func TestResumeHashesTheFile(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), true)
	p.Write([]byte("hello "))
	if err := c.Requeue("stopped"); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "printf J | dd of=$(echo tmp/*.part) bs=1 conv=notrunc status=none") // rot
	c = storetest.ClaimNext(t, s)
	p, err := c.Part(t.Context(), true)
	if err != nil || p.Size() != 6 || string(p.Head()) != "Jello " {
		t.Fatalf("adopted %d bytes %q, %v", p.Size(), p.Head(), err)
	}
	p.Write([]byte("world"))
	a, err := c.Publish(p, fsstore.Origin{})
	if err != nil || a.SHA256 != storetest.DigestOf("Jello world") {
		t.Errorf("%+v, %v", a, err)
	}
	storetest.Run(t, s.Dir(), "test -z \"$(ls tmp)\"")
	storetest.Sound(t, s)
}

func TestAPartHasOneWriter(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), true)
	p.Write([]byte("mine"))
	if err := c.Start(fsstore.Started{Size: 8, ETag: `"a"`}); err != nil {
		t.Fatal(err)
	}
	c2 := s.ReadClaim(c.F(), c.Key+".job", storetest.Text(t, s, fsstore.Active, tree.Base(c.Path())))
	p2, err := c2.Part(t.Context(), true)
	if err != nil || p2.Size() != 0 {
		t.Fatalf("adopted a part that is being written: %d bytes, %v", p2.Size(), err)
	}
	storetest.Run(t, s.Dir(), "f=$(ls tmp/*@"+c.Worker+".part) && cp $f x && mv x $f")
	if _, err := c.Publish(p, fsstore.Origin{}); err == nil || errors.Is(err, fsstore.ErrLost) {
		t.Errorf("published a part that was replaced: %v", err)
	}
}

func TestDiscardAndRestart(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("wrong"))
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	p.Write([]byte("right"))
	if got := p.SHA256(); got != storetest.DigestOf("right") || p.Size() != 5 {
		t.Errorf("%s, %d bytes", got, p.Size())
	}
	if err := p.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := c.Fail("an HTML page"); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "test -z \"$(ls tmp)\"")
	storetest.Run(t, s.Dir(), "tail -1 failed/* | grep -q ' failed an HTML page$'")
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

// A client need not wait for gc, and a blob of another size is none.
func TestALookBringsBackWhatIsWanted(t *testing.T) {
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

// An evict can be undone for a day: meta comes back, and so does the blob.
func TestGCBringsBackWhatIsWanted(t *testing.T) {
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

func TestHistoryKeepsTen(t *testing.T) {
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

func TestSpaceIsReserved(t *testing.T) {
	s := storetest.TestStore(t)
	free, _, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	s.MinFree = free / 2
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Reserve(free); !errors.Is(err, fsstore.ErrNoSpace) {
		t.Errorf("reserve of all there is: %v", err)
	}
	if err := c.Reserve(free / 3); err != nil {
		t.Errorf("reserve of a third: %v", err)
	}
	c2 := storetest.MustClaim(t, s, storetest.Add(t, s, "https://example.com/other.run"))
	if err := c2.Reserve(free / 3); !errors.Is(err, fsstore.ErrNoSpace) {
		t.Errorf("two thirds, promised to two: %v", err)
	}
	if err := c2.Reserve(math.MaxInt64); !errors.Is(err, fsstore.ErrNoSpace) {
		t.Errorf("all that a header can promise: %v", err)
	}
	if err := c.Defer("no room", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := c2.Reserve(free / 3); err != nil {
		t.Errorf("after the first gave up: %v", err)
	}
}

func TestWatchWakes(t *testing.T) {
	s := storetest.TestStore(t)
	wake := s.Watch(t.Context(), time.Hour, fsstore.Queue)
	end := time.After(30 * time.Second)
	for i := 0; ; i++ { // the watch begins in its own time
		storetest.Run(t, s.Dir(), fmt.Sprintf("echo https://example.com/x.run > queue/%d.job", i))
		select {
		case <-wake:
			return
		case <-end:
			t.Fatal("no wake-up for a file in queue/")
		case <-time.After(100 * time.Millisecond):
		}
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
