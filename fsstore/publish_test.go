package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"
)

func TestResumeHashesTheFile(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, _ := c.Part(t.Context(), true)
	p.Write([]byte("hello "))
	if err := c.PutBack("stopped"); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "printf J | dd of=$(echo tmp/*.part) bs=1 conv=notrunc status=none") // rot
	c = claimNext(t, s)
	p, err := c.Part(t.Context(), true)
	if err != nil || p.Size() != 6 || string(p.Head()) != "Jello " {
		t.Fatalf("adopted %d bytes %q, %v", p.Size(), p.Head(), err)
	}
	p.Write([]byte("world"))
	a, err := c.Publish(p, Origin{})
	if err != nil || a.SHA256 != digestOf("Jello world") {
		t.Errorf("%+v, %v", a, err)
	}
	run(t, s.dir, "test -z \"$(ls tmp)\"")
	sound(t, s)
}

func TestAPartHasOneWriter(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, _ := c.Part(t.Context(), true)
	p.Write([]byte("mine"))
	if err := c.Start(Started{Size: 8, ETag: `"a"`}); err != nil {
		t.Fatal(err)
	}
	c2 := &Claim{Key: c.Key, Worker: newWorker(), Job: c.Job, s: s, f: c.f, path: c.path, url: c.url}
	p2, err := c2.Part(t.Context(), true)
	if err != nil || p2.Size() != 0 {
		t.Fatalf("adopted a part that is being written: %d bytes, %v", p2.Size(), err)
	}
	run(t, s.dir, "f=$(ls tmp/*@"+c.Worker+".part) && cp $f x && mv x $f")
	if _, err := c.Publish(p, Origin{}); err == nil || errors.Is(err, ErrLost) {
		t.Errorf("published a part that was replaced: %v", err)
	}
}

func TestDiscardAndRestart(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("wrong"))
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	p.Write([]byte("right"))
	if got := p.SHA256(); got != digestOf("right") || p.Size() != 5 {
		t.Errorf("%s, %d bytes", got, p.Size())
	}
	if err := p.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := c.Fail("an HTML page"); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "test -z \"$(ls tmp)\"")
	run(t, s.dir, "tail -1 failed/* | grep -q ' failed an HTML page$'")
}

func TestEvictAndGC(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	if r, err := s.GC(GCOptions{}); err != nil || len(r.Gone) != 0 {
		t.Fatalf("gc took %q, %v", r.Gone, err)
	}
	if err := s.Evict(a.Key, By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.GC(GCOptions{DryRun: true}); err != nil || len(r.Gone) != 1 {
		t.Fatalf("dry run: %+v, %v", r, err)
	}
	run(t, s.dir, "test -f blobs/"+a.SHA256)
	if r, err := s.GC(GCOptions{}); err != nil || len(r.Gone) != 1 || len(r.Unlinked) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	hold(t, s, cudaURL, "bytes") // fetched again: gc must not take it, nor keep a second copy
	run(t, s.dir, "test -f blobs/"+a.SHA256)
	if _, err := s.GC(GCOptions{Older: time.Nanosecond}); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "test -f blobs/"+a.SHA256+" && test -z \"$(ls tmp)\"")

	s.Evict(a.Key, By{})
	s.GC(GCOptions{})
	if r, err := s.GC(GCOptions{Older: time.Nanosecond}); err != nil || len(r.Unlinked) != 1 || r.Bytes != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	run(t, s.dir, "test -z \"$(ls blobs tmp | grep -v :)\"")
}

// A client need not wait for gc, and a blob of another size is none.
func TestALookBringsBackWhatIsWanted(t *testing.T) {
	for name, look := range map[string]func(s *Store) error{
		"lookup": func(s *Store) error { _, err := s.Lookup(cudaURL); return err },
		"open": func(s *Store) error {
			_, f, err := s.Open(cudaURL)
			if err == nil {
				f.Close()
			}
			return err
		},
	} {
		s := testStore(t)
		a := hold(t, s, cudaURL, "bytes")
		run(t, s.dir, "mv meta/"+a.Key+".json saved")
		s.GC(GCOptions{})
		run(t, s.dir, "test -z \"$(ls blobs)\"; mv saved meta/"+a.Key+".json")
		if err := look(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		run(t, s.dir, "mv blobs/* tmp/"+a.SHA256+".gone; chmod +w tmp/*.gone; echo more >> tmp/"+a.SHA256+".gone")
		if err := look(s); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: served with another size: %v", name, err)
		}
	}
}

// An evict can be undone for a day: meta comes back, and so does the blob.
func TestGCBringsBackWhatIsWanted(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "mv meta/"+a.Key+".json saved")
	s.GC(GCOptions{})
	run(t, s.dir, "mv saved meta/"+a.Key+".json; test -f tmp/"+a.SHA256+".gone")
	if r, err := s.GC(GCOptions{Older: time.Nanosecond}); err != nil || len(r.Restored) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := s.Lookup(cudaURL); err != nil {
		t.Error(err)
	}
}

func TestGCTrustsNoMalformedMeta(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "sed -i 's/\"size\": 5/\"size\": five/' meta/*")
	if _, err := s.Lookup(cudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("served by a malformed meta: %v", err)
	}
	s.GC(GCOptions{})
	run(t, s.dir, "test -f blobs/"+a.SHA256)
}

func TestByDigestOnlyWhatIsHeld(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	other := hold(t, s, "https://example.com/same.run", "bytes")
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
	b := hold(t, s, "https://example.com/new.run", "new")
	if _, f, err := s.OpenDigest(b.SHA256); err != nil {
		t.Error("published after the listing:", err)
	} else {
		f.Close()
	}
	run(t, s.dir, "rm meta/"+a.Key+".json")
	s.digests.next = time.Time{}
	if err := opened(); err != nil {
		t.Error("another artifact has the same bytes:", err)
	}
	run(t, s.dir, "truncate -s 3 blobs/"+a.SHA256)
	if err := opened(); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a short blob:", err)
	}
	run(t, s.dir, "rm meta/"+other.Key+".json")
	s.digests.next = time.Time{}
	if err := opened(); !errors.Is(err, fs.ErrNotExist) {
		t.Error("evicted:", err)
	}
	for _, bad := range []string{"", "../README", a.SHA256[:63], strings.ToUpper(a.SHA256)} {
		if _, _, err := s.OpenDigest(bad); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPlantedLinksReadAsAbsent(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	run(t, s.dir, "ln -s /etc/passwd meta/"+k+".json; ln -s /etc/passwd misses/"+k)
	if _, err := s.Lookup(cudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := s.Miss(cudaURL, Asker{client1, "curl"}); err == nil {
		t.Error("a miss was noted through a link")
	}
	if err := s.Approve(k, "", By{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestHistoryKeepsTen(t *testing.T) {
	s := testStore(t)
	var a *Artifact
	for i := range 13 {
		a = hold(t, s, cudaURL, fmt.Sprint("version ", i))
	}
	if len(a.History) != 10 || a.History[0].SHA256 != digestOf("version 11") {
		t.Errorf("%+v", a.History)
	}
	c := mustClaim(t, s, add(t, s, cudaURL))
	if err := c.Unchanged(); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Lookup(cudaURL); err != nil || b.SHA256 != a.SHA256 || len(b.History) != 10 {
		t.Errorf("after a 304: %+v, %v", b, err)
	}
}

func TestSpaceIsReserved(t *testing.T) {
	s := testStore(t)
	free, _, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	s.minFree = free / 2
	c := mustClaim(t, s, add(t, s, cudaURL))
	if err := c.Reserve(free); !errors.Is(err, ErrNoSpace) {
		t.Errorf("reserve of all there is: %v", err)
	}
	if err := c.Reserve(free / 3); err != nil {
		t.Errorf("reserve of a third: %v", err)
	}
	c2 := mustClaim(t, s, add(t, s, "https://example.com/other.run"))
	if err := c2.Reserve(free / 3); !errors.Is(err, ErrNoSpace) {
		t.Errorf("two thirds, promised to two: %v", err)
	}
	if err := c2.Reserve(math.MaxInt64); !errors.Is(err, ErrNoSpace) {
		t.Errorf("all that a header can promise: %v", err)
	}
	if err := c.Wait("no room", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := c2.Reserve(free / 3); err != nil {
		t.Errorf("after the first gave up: %v", err)
	}
}

func TestFsckFindsAndMends(t *testing.T) {
	s := testStore(t)
	rotten := hold(t, s, cudaURL, "bytes")
	hold(t, s, "https://example.com/lost.run", "lost")
	hold(t, s, "https://example.com/fine.run", "fine")
	run(t, s.dir, "chmod 644 blobs/"+rotten.SHA256+"; printf Bytes > blobs/"+rotten.SHA256+"; rm blobs/"+digestOf("lost")+"; ln -s /etc/passwd meta/x.json; echo hi > misses/y")
	r, err := s.Fsck(t.Context(), FsckOptions{})
	if err != nil || len(r.Problems) != 4 {
		t.Errorf("%d problems: %+v, %v", len(r.Problems), r.Problems, err)
	}
	r, err = s.Fsck(t.Context(), FsckOptions{Repair: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := retryLost(t, s); n != 2 {
		t.Errorf("%d are lost", n)
	}
	run(t, s.dir, "test -f tmp/"+rotten.SHA256+".rotten")
	publish(t, claimNext(t, s), "bytes")
	publish(t, claimNext(t, s), "lost")
	if r, _ = s.Fsck(t.Context(), FsckOptions{Quick: true}); len(r.Problems) != 2 {
		t.Errorf("after mending: %+v", r.Problems)
	}
}

func noteErr(s *Store) {
	s.Miss(cudaURL, Asker{client1, "curl"})
	s.Hit("k")
	s.Close()
	s.beat()
}

func TestPruneGoesByTheLog(t *testing.T) {
	s := testStore(t)
	hold(t, s, cudaURL, "x")
	noteMiss(t, s, "https://example.com/old.run", client1)
	run(t, s.dir, "touch -d 2001-01-01 done/* misses/*")
	if err := s.prune(time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(ls(t, s, Done)) != 1 || len(ls(t, s, Misses)) != 1 {
		t.Error("pruned by modification time")
	}
	if err := s.prune(time.Now().Add(91 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	want(t, s, Done)
	want(t, s, Misses)
	if _, err := s.Lookup(cudaURL); err != nil {
		t.Errorf("history goes, artifacts stay: %v", err)
	}
}

func TestWatchWakes(t *testing.T) {
	s := testStore(t)
	wake := s.Watch(t.Context(), time.Hour, Queue)
	end := time.After(30 * time.Second)
	for i := 0; ; i++ { // the watch begins in its own time
		run(t, s.dir, fmt.Sprintf("echo https://example.com/x.run > queue/%d.job", i))
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
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	add(t, s, cudaURL)
	c := claimNext(t, s)
	if !c.PreviousIsSound(t.Context()) {
		t.Error("nothing to compare with")
	}
	run(t, s.dir, "chmod 644 blobs/*; printf Bytes > blobs/"+a.SHA256)
	if c.PreviousIsSound(t.Context()) {
		t.Error("rotten bytes are compared by their tag")
	}
}

// TestGCLeavesHalfATreeAlone: a download that wants room calls gc at any time.
func TestGCLeavesHalfATreeAlone(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "mv meta ../meta; mkdir ../empty; ln -s ../empty meta")
	if _, err := s.GC(GCOptions{Older: 1}); err == nil {
		t.Error("gc went through half a tree")
	}
	run(t, s.dir, "test -f blobs/"+a.SHA256+"; rm meta; mv ../meta meta")
	if _, err := s.GC(GCOptions{}); err != nil {
		t.Error(err)
	}
}
