package active_test

import (
	"errors"
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
