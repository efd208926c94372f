package active_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
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

func TestCancelInTheQueueKeepsHistory(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	for i := range 3 {
		if err := s.Cancel(storetest.Add(t, s, storetest.CudaURL), fsstore.Operator{Via: "cli", Addr: fmt.Sprint("x", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, by := range map[string]string{".2.job": "x0", ".3.job": "x1", ".job": "x2"} { // the newest has the name
		if got := storetest.Text(t, s, fsstore.Cancelled, k+name); !strings.Contains(got, " cancelled cli "+by+"\n") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A full disk cut a miss in half: the approval must not become its tail, or
// what is noted later would be fetched under it.
func TestApproveAfterACutLine(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), "printf '2026-11-22T21:27:26Z miss 10.0.0.8 curl/8 https://exa' >> misses/"+k)
	if _, err := s.Add(fsstore.Addition{URL: storetest.CudaURL, AcceptAny: true}, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	c := storetest.ClaimNext(t, s)
	if c.Job.Approval().Via != "web" || !c.Job.AcceptAny {
		t.Errorf("the approval is lost:\n%s", storetest.Text(t, s, fsstore.Active, storetest.Ls(t, s, fsstore.Active)[0]))
	}
}

// A server killed while it makes a new tree leaves one that can be opened.
func TestATreeHalfMade(t *testing.T) {
	for _, script := range []string{"mkdir d", "mkdir d d/blobs", "mkdir -p d/tmp; echo x > d/tmp/.new-1", "mkdir -p d/meta; echo 1234567890123456789012345678901234 > d/session-secret"} {
		dir := t.TempDir()
		storetest.Run(t, dir, script)
		s := storetest.OpenAt(t, dir+"/d", fsstore.Options{})
		storetest.Run(t, s.Dir(), "test \"$(head -1 README)\" = 'fromcache data 1'; test ! -e .README*")
	}
}

// Misses are not fsynced: a power cut leaves empty ones, and ones full of
// zeros. The next client's miss is noted whole, and can be approved.
func TestAMissThatAPowerCutEmptied(t *testing.T) {
	for _, script := range []string{": > misses/*", "head -c 200 /dev/zero > misses/*"} {
		s := storetest.TestStore(t)
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		storetest.Run(t, s.Dir(), strings.ReplaceAll(script, "misses/*", "misses/"+storetest.KeyOf(t, storetest.CudaURL)))
		storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.8")
		storetest.NoteMiss(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=x", "10.0.0.9")
		storetest.ApproveShown(t, s, storetest.KeyOf(t, storetest.CudaURL))
		if c := storetest.ClaimNext(t, s); c.URL != storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=x" {
			t.Errorf("fetching %s", c.URL)
		}
	}
}

// A thousand clients at once find no more room than one after the other.
func TestRoomIsTakenBeforeTheFileIsMade(t *testing.T) {
	s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{MaxMisses: 100})
	var clients sync.WaitGroup
	for i := range 400 {
		clients.Go(func() {
			addr := fmt.Sprintf("10.0.%d.1", i%2)
			if _, err := s.NoteMiss(fmt.Sprintf("https://example.com/%d.run", i), fsstore.Asker{Addr: addr, UserAgent: "curl"}); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if n := len(storetest.Ls(t, s, fsstore.Misses)); n != 20 {
		t.Errorf("two clients made %d misses of 100, not a tenth each", n)
	}
}

// Someone who knows a key can make a meta of that name for another URL.
func TestAForgedKeyIsAMiss(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	other := "https://example.com/other.run"
	storetest.Run(t, s.Dir(), "cp meta/"+a.Key+".json meta/"+storetest.KeyOf(t, other)+".json")
	if _, err := s.Lookup(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("served under another URL: %v", err)
	}
	storetest.Run(t, s.Dir(), "chmod 644 blobs/*; printf byte > blobs/"+a.SHA256)
	if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a truncated blob is served: %v", err)
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

// A giant job costs no memory: it is refused with a reason.
func TestGiantJob(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > queue/x.job; truncate -s 10G queue/x.job; echo >> queue/x.job")
	storetest.Run(t, s.Dir(), "(echo "+storetest.CudaURL+"; yes '# a long story' | head -n 400000) > queue/y.job")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, name := range []string{"x.job", "y.job"} {
		c, err := s.Claim(storetest.WaitDue(t, s, name))
		if c != nil || err != nil {
			t.Fatalf("%s: %v, %v", name, c, err)
		}
	}
	runtime.ReadMemStats(&after)
	t.Logf("%d MiB of garbage", (after.TotalAlloc-before.TotalAlloc)>>20)
	if n := after.TotalAlloc - before.TotalAlloc; n > 200<<20 {
		t.Errorf("it took %d MiB", n>>20)
	}
	storetest.Want(t, s, fsstore.Queue)
	if list, _ := s.Jobs(fsstore.Failed); len(list) != 2 {
		t.Errorf("%+v", list)
	}
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

// Whatever else has a name in the tree does not exist, and is not waited for.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "mkfifo tmp/fifo; mkdir tmp/dir; ln -s ../README tmp/link; ln -s /dev/zero tmp/device")
	for _, name := range []string{"fifo", "dir", "link", "device"} {
		if f, err := tree.Open(storetest.Path(s, "tmp", name), os.O_RDONLY); !errors.Is(err, tree.ErrNotRegular) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

func TestAMissStopsGrowing(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), fmt.Sprintf("yes '# a long story' | head -c %d >> misses/%s; echo >> misses/%s", job.MissRoom, k, k))
	before := len(storetest.Text(t, s, fsstore.Misses, k))
	storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.99")
	if after := len(storetest.Text(t, s, fsstore.Misses, k)); after != before {
		t.Errorf("it grew from %d to %d bytes", before, after)
	}
	if err := s.Approve(k, "", fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	if c := storetest.ClaimNext(t, s); c.Job.Approval().Via != "cli" {
		t.Error("there was no room left for the approval")
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
