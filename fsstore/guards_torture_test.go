package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Two queue files of one key, claimed at once: whoever looks last sees the
// other. The moment between one's look and the other's rename is made here.
func TestOfTwoClaimsAtOnceTheLaterGoesBack(t *testing.T) {
	for _, later := range []string{"0000000000000000", "ffffffffffffffff"} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		run(t, s.dir, fmt.Sprintf("echo %s > queue/%s.job; cp queue/%s.job queue/%s.2.job", cudaURL, k, k, k))
		first := mustClaim(t, s, k+".job")
		f, err := openJob(s.job(Queue, k+".2.job"))
		if err != nil || lock(f) != nil {
			t.Fatal(err)
		}
		second := &Claim{Key: k, Worker: later, Job: first.Job, s: s, f: f, url: first.url}
		if c, err := second.take(f.Name(), k); c != nil || err != nil {
			t.Errorf("%s: two claims of one key: %v", later, err)
		}
		f.Close()
		if len(ls(t, s, Active)) != 1 || len(ls(t, s, Queue)) != 1 {
			t.Errorf("%s: active %q, queue %q", later, ls(t, s, Active), ls(t, s, Queue))
		}
	}
}

// One gc lists what is old, another takes a blob out to the same name, and
// then the first unlinks: only what was old may go.
func TestGCUnlinksOnlyWhatIsOld(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	gone := s.path("tmp", a.SHA256+goneSuffix)
	run(t, s.dir, "cp blobs/* "+gone)
	old, err := open(gone, os.O_RDONLY)
	if err != nil || lock(old) != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "mv meta/* ../saved")
	if _, err := s.GC(GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if !exists(s.path("blobs", a.SHA256)) {
		t.Error("taken out over a file that another gc is unlinking")
	}
	old.Close()
	if r, err := s.GC(GCOptions{}); err != nil || len(r.Gone) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if s.dropOld(gone, time.Hour) {
		t.Error("unlinked what was taken out a moment ago")
	}
	run(t, s.dir, "mv ../saved meta/"+a.Key+".json")
	s.dropSecond(a.SHA256, 0)
	if _, err := s.GC(GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(cudaURL); err != nil {
		t.Error(err)
	}
}

func TestCancelInTheQueueKeepsHistory(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	for i := range 3 {
		if err := s.Cancel(add(t, s, cudaURL), By{"cli", fmt.Sprint("x", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, by := range map[string]string{".2.job": "x0", ".3.job": "x1", ".job": "x2"} { // the newest has the name
		if got := text(t, s, Cancelled, k+name); !strings.Contains(got, " cancelled cli "+by+"\n") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A full disk cut a miss in half: the approval must not become its tail, or
// what is noted later would be fetched under it.
func TestApproveAfterACutLine(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	noteMiss(t, s, cudaURL, client1)
	run(t, s.dir, "printf '2026-11-22T21:27:26Z miss 10.0.0.8 curl/8 https://exa' >> misses/"+k)
	if _, err := s.Add(Addition{URL: cudaURL, AcceptAny: true}, By{"web", "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	c := claimNext(t, s)
	if c.Job.Approval().Via != "web" || !c.Job.AcceptAny {
		t.Errorf("the approval is lost:\n%s", text(t, s, Active, ls(t, s, Active)[0]))
	}
}

// A server killed while it makes a new tree leaves one that can be opened.
func TestATreeHalfMade(t *testing.T) {
	for _, script := range []string{"mkdir d", "mkdir d d/blobs", "mkdir -p d/tmp; echo x > d/tmp/.new-1", "mkdir -p d/meta; echo 1234567890123456789012345678901234 > d/session-secret"} {
		dir := t.TempDir()
		run(t, dir, script)
		s := openAt(t, dir+"/d", Options{})
		run(t, s.dir, "test \"$(head -1 README)\" = 'fromcache data 1'; test ! -e .README*")
	}
}

// Misses are not fsynced: a power cut leaves empty ones, and ones full of
// zeros. The next client's miss is noted whole, and can be approved.
func TestAMissThatAPowerCutEmptied(t *testing.T) {
	for _, script := range []string{": > misses/*", "head -c 200 /dev/zero > misses/*"} {
		s := testStore(t)
		noteMiss(t, s, cudaURL, client1)
		run(t, s.dir, strings.ReplaceAll(script, "misses/*", "misses/"+keyOf(t, cudaURL)))
		noteMiss(t, s, cudaURL, "10.0.0.8")
		noteMiss(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=x", "10.0.0.9")
		approveShown(t, s, keyOf(t, cudaURL))
		if c := claimNext(t, s); c.URL != cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=x" {
			t.Errorf("fetching %s", c.URL)
		}
	}
}

// A thousand clients at once find no more room than one after the other.
func TestRoomIsTakenBeforeTheFileIsMade(t *testing.T) {
	s := openAt(t, t.TempDir()+"/data", Options{MaxMisses: 100})
	var clients sync.WaitGroup
	for i := range 400 {
		clients.Go(func() {
			addr := fmt.Sprintf("10.0.%d.1", i%2)
			if _, err := s.Miss(fmt.Sprintf("https://example.com/%d.run", i), Asker{addr, "curl"}); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if n := len(ls(t, s, Misses)); n != 20 {
		t.Errorf("two clients made %d misses of 100, not a tenth each", n)
	}
}

// Someone who knows a key can make a meta of that name for another URL.
func TestAForgedKeyIsAMiss(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	other := "https://example.com/other.run"
	run(t, s.dir, "cp meta/"+a.Key+".json meta/"+keyOf(t, other)+".json")
	if _, err := s.Lookup(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("served under another URL: %v", err)
	}
	run(t, s.dir, "chmod 644 blobs/*; printf byte > blobs/"+a.SHA256)
	if _, err := s.Lookup(cudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a truncated blob is served: %v", err)
	}
}

// Somebody else appends to a part under the hands of its writer.
func TestSomebodyElseWritesToAPart(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, err := c.Part(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	p.Write([]byte("mine"))
	run(t, s.dir, "printf theirs >> $(echo tmp/*.part)")
	if _, err := c.Publish(p, Origin{}); err == nil {
		t.Error("published what somebody else wrote")
	}
	sound(t, s)
}

// A giant job costs no memory: it is refused with a reason.
func TestGiantJob(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, "echo "+cudaURL+" > queue/x.job; truncate -s 10G queue/x.job; echo >> queue/x.job")
	run(t, s.dir, "(echo "+cudaURL+"; yes '# a long story' | head -n 400000) > queue/y.job")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, name := range []string{"x.job", "y.job"} {
		c, err := s.Claim(waitDue(t, s, name))
		if c != nil || err != nil {
			t.Fatalf("%s: %v, %v", name, c, err)
		}
	}
	runtime.ReadMemStats(&after)
	t.Logf("%d MiB of garbage", (after.TotalAlloc-before.TotalAlloc)>>20)
	if n := after.TotalAlloc - before.TotalAlloc; n > 200<<20 {
		t.Errorf("it took %d MiB", n>>20)
	}
	want(t, s, Queue)
	if list, _ := s.Jobs(Failed); len(list) != 2 {
		t.Errorf("%+v", list)
	}
}

// An editor saves over a queue file between its open and its rename: what it
// saved is not what was read.
func TestAnEditorSavesOverAClaim(t *testing.T) {
	s := testStore(t)
	name := add(t, s, cudaURL)
	f, err := openJob(s.job(Queue, name))
	if err != nil || lock(f) != nil {
		t.Fatal(err)
	}
	defer f.Close()
	j, err := s.JobFile(Queue, name)
	if err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "echo https://example.com/new.run > x; mv x queue/"+name)
	u, _ := key.Parse(cudaURL, key.Auto)
	c := &Claim{Key: u.Key(), Worker: newWorker(), Job: j.Job, s: s, f: f, url: u}
	if got, _ := c.take(s.job(Queue, name), u.Key()); got != nil {
		t.Errorf("claimed %s, and the file says %s", got.URL, text(t, s, Active, ls(t, s, Active)[0]))
	}
	if q := ls(t, s, Queue); len(q) != 1 || !strings.Contains(text(t, s, Queue, q[0]), "new.run") {
		t.Errorf("queue %q", q)
	}
}

// A gc comes between a publisher's blob and its commit.
func TestCommitAfterGC(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	if err := os.Rename(p.path, s.path("blobs", p.SHA256())); err != nil {
		t.Fatal(err)
	}
	if r, err := s.GC(GCOptions{}); err != nil || len(r.Gone) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := c.commit(c.meta(p.SHA256(), p.Size(), Origin{})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(cudaURL); err != nil {
		t.Error("committed, and not held:", err)
	}
}

// An artifact is held, its URL was approved again, and the second worker died:
// what the first committed does not make the second job done.
func TestAnOrphanOfAnotherClaimIsNotDone(t *testing.T) {
	s := testStore(t)
	hold(t, s, cudaURL, "bytes")
	mustClaim(t, s, add(t, s, cudaURL)).close()
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(ls(t, s, Queue)) != 1 {
		t.Errorf("queue %q, done %q", ls(t, s, Queue), ls(t, s, Done))
	}
}

// Whatever else has a name in the tree does not exist, and is not waited for.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, "mkfifo tmp/fifo; mkdir tmp/dir; ln -s ../README tmp/link; ln -s /dev/zero tmp/device")
	for _, name := range []string{"fifo", "dir", "link", "device"} {
		if f, err := open(s.path("tmp", name), os.O_RDONLY); !errors.Is(err, errForeign) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

func TestAMissStopsGrowing(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	noteMiss(t, s, cudaURL, client1)
	run(t, s.dir, fmt.Sprintf("yes '# a long story' | head -c %d >> misses/%s; echo >> misses/%s", job.MissRoom, k, k))
	before := len(text(t, s, Misses, k))
	noteMiss(t, s, cudaURL, "10.0.0.99")
	if after := len(text(t, s, Misses, k)); after != before {
		t.Errorf("it grew from %d to %d bytes", before, after)
	}
	if err := s.Approve(k, "", By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	if c := claimNext(t, s); c.Job.Approval().Via != "cli" {
		t.Error("there was no room left for the approval")
	}
}

// A hard link leads out of the tree: what a claim appends must not stand there,
// and a part that somebody can change by another name must not become a blob.
func TestHardLinksLeadNowhere(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	const at = "2026-11-22T21:31:00Z "
	text := cudaURL + "\n" + at + "claim host 1 0123456789abcdef\n" + at + "start 9 \"e\" host 1\n"
	if err := os.WriteFile(s.dir+"/../outside", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "chmod 644 ../outside; ln ../outside queue/"+k+".job; ln ../outside queue/"+k+".2.job")
	run(t, s.dir, "printf half > ../part; chmod 660 ../part; ln ../part tmp/"+k+"@0123456789abcdef.part")
	c := mustClaim(t, s, k+".job")
	if again, err := s.Claim(k + ".2.job"); again != nil || err != nil {
		t.Errorf("one file is claimed by both of its names: %v", err)
	}
	p, err := c.Part(t.Context(), true)
	if err != nil || p.Size() != 0 {
		t.Fatalf("a part with a second name is resumed: %v", err)
	}
	p.Write([]byte("bytes"))
	if _, err := c.Publish(p, Origin{}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(s.dir + "/../outside"); err != nil || string(b) != text {
		t.Errorf("%q, %v", b, err)
	}
	run(t, s.dir, `test "$(cat ../part)" = half; test "$(stat -c %a ../outside)" = 644; test "$(stat -c %h blobs/* done/* | sort -u)" = 1; rm queue/*.2.job tmp/*.part`)
	sound(t, s)
}
