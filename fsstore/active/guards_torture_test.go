package active_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// Two queue files of one key, claimed at once: whoever looks last sees the
// other. The moment between one's look and the other's rename is made here.
func TestOfTwoClaimsAtOnceTheLaterGoesBack(t *testing.T) {
	for _, later := range []string{"0000000000000000", "ffffffffffffffff"} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		storetest.Run(t, s.Dir(), fmt.Sprintf("echo %s > queue/%s.job; cp queue/%s.job queue/%s.2.job", storetest.CudaURL, k, k, k))
		storetest.MustClaim(t, s, k+".job")
		f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Queue, k+".2.job"))
		if err != nil || tree.Lock(f) != nil {
			t.Fatal(err)
		}
		second := s.ReadClaim(f, k+".2.job", storetest.CudaURL+"\n")
		second.Worker = later
		if c, err := second.Take(k + ".2.job"); c != nil || err != nil {
			t.Errorf("%s: two claims of one key: %v", later, err)
		}
		f.Close()
		if len(storetest.Ls(t, s, fsstore.Active)) != 1 || len(storetest.Ls(t, s, fsstore.Queue)) != 1 {
			t.Errorf("%s: active %q, queue %q", later, storetest.Ls(t, s, fsstore.Active), storetest.Ls(t, s, fsstore.Queue))
		}
	}
}

// Somebody else appends to a part under the hands of its writer.
func TestSomebodyElseWritesToAPart(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, err := c.Part(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	p.Write([]byte("mine"))
	storetest.Run(t, s.Dir(), "printf theirs >> $(echo tmp/*.part)")
	if _, err := c.Publish(p, fsstore.Origin{}); err == nil {
		t.Error("published what somebody else wrote")
	}
	storetest.Sound(t, s)
}

// An editor saves over a queue file between its open and its rename: what it
// saved is not what was read.
func TestAnEditorSavesOverAClaim(t *testing.T) {
	for _, save := range []string{
		"mv x queue/NAME",
		"mv queue/NAME queue/NAME~; mv x queue/NAME", // as vim keeps a backup
	} {
		s := storetest.TestStore(t)
		name := storetest.Add(t, s, storetest.CudaURL)
		f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Queue, name))
		if err != nil || tree.Lock(f) != nil {
			t.Fatal(err)
		}
		text := storetest.Text(t, s, fsstore.Queue, name)
		storetest.Run(t, s.Dir(), "echo https://example.com/new.run > x; "+strings.ReplaceAll(save, "NAME", name))
		if got, err := s.ReadClaim(f, name, text).Take(name); got != nil || err != nil {
			t.Errorf("%s: claimed, %v", save, err)
		}
		if q := storetest.Ls(t, s, fsstore.Queue); len(q) != 1 || !strings.Contains(storetest.Text(t, s, fsstore.Queue, q[0]), "new.run") {
			t.Errorf("%s: queue %q", save, q)
		}
		f.Close()
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

// An artifact is held, its URL was approved again, and the second worker died:
// what the first committed does not make the second job done.
func TestAnOrphanOfAnotherClaimIsNotDone(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL)).Close()
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(storetest.Ls(t, s, fsstore.Queue)) != 1 {
		t.Errorf("queue %q, done %q", storetest.Ls(t, s, fsstore.Queue), storetest.Ls(t, s, fsstore.Done))
	}
}

// A hard link leads out of the tree: what a claim appends must not stand there,
// and a part that somebody can change by another name must not become a blob.
func TestHardLinksLeadNowhere(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	const at = "2026-11-22T21:31:00Z "
	text := storetest.CudaURL + "\n" + at + "claim host 1 0123456789abcdef\n" + at + "start 9 \"e\" host 1\n"
	if err := os.WriteFile(s.Dir()+"/../outside", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "chmod 644 ../outside; ln ../outside queue/"+k+".job; ln ../outside queue/"+k+".2.job")
	storetest.Run(t, s.Dir(), "printf half > ../part; chmod 660 ../part; ln ../part tmp/"+k+"@0123456789abcdef.part")
	c := storetest.MustClaim(t, s, k+".job")
	if again, err := s.Claim(k + ".2.job"); again != nil || err != nil {
		t.Errorf("one file is claimed by both of its names: %v", err)
	}
	p, err := c.Part(t.Context(), true)
	if err != nil || p.Size() != 0 {
		t.Fatalf("a part with a second name is resumed: %v", err)
	}
	p.Write([]byte("bytes"))
	if _, err := c.Publish(p, fsstore.Origin{}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(s.Dir() + "/../outside"); err != nil || string(b) != text {
		t.Errorf("%q, %v", b, err)
	}
	storetest.Run(t, s.Dir(), `test "$(cat ../part)" = half; test "$(stat -c %a ../outside)" = 644; test "$(stat -c %h blobs/* done/* | sort -u)" = 1; rm queue/*.2.job tmp/*.part`)
	storetest.Sound(t, s)
}
