package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// unprivileged runs do as one to whom modes apply, root too.
func unprivileged(t *testing.T, do func()) {
	t.Helper()
	runtime.LockOSThread() // the thread's own
	defer runtime.UnlockOSThread()
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&h, &had[0]); err != nil {
		t.Fatal(err)
	}
	less := had
	less[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	if err := unix.Capset(&h, &less[0]); err != nil {
		t.Fatal(err)
	}
	defer unix.Capset(&h, &had[0])
	do()
}

// A meta that nobody can read may be of any blob.
func TestGCTouchesNothingUnreadably(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "chmod 0 meta/*")
	unprivileged(t, func() {
		if _, err := s.GC(GCOptions{}); !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
	})
	if !exists(s.path("blobs", a.SHA256)) {
		t.Error("gc took the blob")
	}
}

// committedOrphan is a claim whose worker died between the commit and the move
// to done/.
func committedOrphan(t *testing.T, s *Store) *Claim {
	t.Helper()
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	must(t, os.Rename(p.path, s.path("blobs", p.SHA256())))
	if _, err := c.commit(c.meta(p.SHA256(), p.Size(), Origin{})); err != nil {
		t.Fatal(err)
	}
	c.close()
	return c
}

// While a part of the tree is away nothing is put in order: with meta/ an
// orphan's commit is away, and with another in its place every blob is nobody's.
func TestHalfATreeIsLeftAlone(t *testing.T) {
	s := testStore(t)
	c := committedOrphan(t, s)
	run(t, s.dir, "mv meta ../meta")
	s.health.last.Store(nil)
	s.beat()
	if len(ls(t, s, Active)) != 1 {
		t.Errorf("recovered without meta/: queue %q", ls(t, s, Queue))
	}
	run(t, s.dir, "mkdir ../empty; ln -s ../empty meta")
	s.health.last.Store(nil)
	s.tidy(t.Context())
	if !exists(s.path("blobs", digestOf("bytes"))) {
		t.Error("gc went by another meta/")
	}
	run(t, s.dir, "rm meta; mv ../meta meta")
	s.health.last.Store(nil)
	s.tidy(t.Context())
	want(t, s, Done, c.Key+".job")
	sound(t, s)
}

func TestOneFileSystemHoldsAll(t *testing.T) {
	dir := t.TempDir()
	elsewhere, err := os.Stat("/proc")
	if err != nil {
		t.Fatal(err)
	}
	if err := laySub(dir, elsewhere); err == nil || !strings.Contains(err.Error(), "another file system") {
		t.Error(err)
	}
}

// What meta says a dead claim has committed is done only if it is held.
func TestAnOrphanIsDoneIfItIsHeld(t *testing.T) {
	for script, done := range map[string]bool{
		"mv blobs/D tmp/D.gone":                    true, // by gc
		"chmod 644 blobs/D; truncate -s 3 blobs/D": false,
		"rm blobs/D": false,
	} {
		s := testStore(t)
		committedOrphan(t, s)
		run(t, s.dir, strings.ReplaceAll(script, "D", digestOf("bytes")))
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Lookup(cudaURL); (err == nil) != done || len(ls(t, s, Done)) == 1 != done {
			t.Errorf("%s: %v, done %q, queue %q", script, err, ls(t, s, Done), ls(t, s, Queue))
		}
	}
}

func TestFsckBringsBackNoRottenBlob(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	run(t, s.dir, strings.ReplaceAll("mv blobs/D tmp/D.gone", "D", a.SHA256))
	fsck(t, s, FsckOptions{Repair: true})
	if _, err := s.Lookup(cudaURL); err == nil || !exists(s.path("tmp", a.SHA256+rottenSuffix)) {
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
		s := quickStore(t)
		a := hold(t, s, cudaURL, strings.Repeat("0123456789abcdef", 1<<17))
		run(t, s.dir, "cp blobs/* ../sound; chmod 644 blobs/*; printf rot | dd of=blobs/"+a.SHA256+" conv=notrunc status=none")
		synctest.Test(t, func(t *testing.T) {
			mended := make(chan error, 1)
			go func() {
				time.Sleep(time.Second / 2)
				mended <- exec.Command("sh", "-c", "cd "+s.dir+" && "+strings.ReplaceAll(mend, "D", a.SHA256)).Run()
			}()
			scrubOnce(t, s, ScrubOptions{Rate: 1 << 20})
			if err := <-mended; err != nil {
				t.Error(err)
			}
		})
		if list := s.Problems(); len(list) != 0 || len(ls(t, s, Queue)) != 0 {
			t.Errorf("%s: %+v, queue %q", name, list, ls(t, s, Queue))
		}
		sound(t, s)
	}
}

// A verb's name leads nowhere else.
func TestVerbsStayInTheirDirectories(t *testing.T) {
	s := testStore(t)
	hold(t, s, cudaURL, "bytes")
	k := keyOf(t, cudaURL)
	run(t, s.dir, "echo "+cudaURL+" > ../x.job; cp ../x.job ../x.json; cp ../x.job ../x")
	before := fmt.Sprint(ls(t, s, Queue), ls(t, s, Failed), ls(t, s, Cancelled), ls(t, s, Done))
	for verb, do := range map[string]func(string, By) error{"approve": approveOne(s), "dismiss": s.Dismiss, "cancel": s.Cancel, "retry": s.Retry, "evict": s.Evict} {
		for _, name := range []string{"../../x", "../../x.job", "../done/" + k, "../done/" + k + ".job"} {
			if err := do(name, tester); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s %s: %v", verb, name, err)
			}
		}
	}
	run(t, s.dir, "test -f ../x -a -f ../x.job -a -f ../x.json")
	if after := fmt.Sprint(ls(t, s, Queue), ls(t, s, Failed), ls(t, s, Cancelled), ls(t, s, Done)); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

// A job whose log has no room for its attempts any more ends.
func TestAFullLogEnds(t *testing.T) {
	s := testStore(t)
	k := add(t, s, cudaURL)
	run(t, s.dir, fmt.Sprintf("yes '2026-11-22T21:31:00Z error 503' | head -c %d >> queue/%s; echo >> queue/%s", job.MaxFile-512, k, k))
	if err := claimNext(t, s).Again("503", time.Now()); err != nil {
		t.Fatal(err)
	}
	want(t, s, Queue)
	want(t, s, Failed, k)
}

// Of two copies gc drops neither while the one in its place is rotten: it may be
// wanted again within the day.
func TestGCKeepsTheSoundOfTwo(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	gone := s.path("tmp", a.SHA256+goneSuffix)
	run(t, s.dir, "cp blobs/* "+gone)
	flip(t, s, a.SHA256)
	if _, err := s.GC(GCOptions{Older: 1}); err != nil || !exists(gone) {
		t.Error("dropped, for a rotten one is in its place:", err)
	}
	run(t, s.dir, "mv meta/* ../saved")
	if _, err := s.GC(GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(gone); err != nil || string(b) != "bytes" {
		t.Errorf("a rotten one was taken out over it: %q, %v", b, err)
	}
}

// The clock is the test's own: a week after the last look at what is half-written.
func TestGCKeepsThePartsOfJobs(t *testing.T) {
	s := testStore(t)
	var kept []string
	for st, url := range map[State]string{Failed: "f", Cancelled: "c", Queue: "q", Active: "a", "": "none"} {
		url = "https://example.com/" + url + ".run"
		k := keyOf(t, url)
		part := partName(k, "0123456789abcdef")
		name := k + ".job"
		if st == Active {
			name = activeJobName(k, "0123456789abcdef")
		}
		if st != "" {
			kept = append(kept, part)
			run(t, s.dir, fmt.Sprintf("echo %s > %s/%s", url, st, name))
		}
		run(t, s.dir, "echo x > tmp/"+part)
	}
	run(t, s.dir, "echo x > tmp/.new-0")
	week := time.Now().Add(8 * 24 * time.Hour)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(week))
		if r, err := s.GC(GCOptions{}); err != nil || len(r.Unlinked) != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	for _, part := range kept {
		if !exists(s.path("tmp", part)) {
			t.Errorf("%s has a job, and is gone", part)
		}
	}
}

// An operator moves the job away while the one before it gets a number: that has its name again.
func TestHistoryComesToNoOtherPlace(t *testing.T) {
	s := testStore(t)
	hold(t, s, cudaURL, "bytes")
	c := mustClaim(t, s, add(t, s, cudaURL))
	run(t, s.dir, "mv active/* cancelled/")
	if _, err := s.moveEnded(c.path, Done, c.Key); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if n := strings.Count(text(t, s, Done, c.Key+".job"), " approve "); n != 1 || len(ls(t, s, Cancelled)) != 1 {
		t.Errorf("%d approvals in done/, cancelled/ %q", n, ls(t, s, Cancelled))
	}
	run(t, s.dir, `test -z "$(ls active tmp | grep -v :)"`)
	c.close()
}

// What stands under the name of the newest and is no job of ours gets a number like any other.
func TestHistoryThatIsInTheWay(t *testing.T) {
	for _, place := range []string{
		"mkdir done/K.job",
		"echo history > done/K.job; chmod 0 done/K.job",
	} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		run(t, s.dir, strings.ReplaceAll(place, "K", k))
		unprivileged(t, func() { hold(t, s, cudaURL, "bytes") })
		want(t, s, Active)
		if got := text(t, s, Done, k+".job"); !strings.Contains(got, " done 5 ") {
			t.Errorf("%s: %s", place, got)
		}
		run(t, s.dir, fmt.Sprintf("test -d done/%[1]s.2.job || grep -q history done/%[1]s.2.job", k))
	}
}

func TestNoURLWithAPasswordIsAdded(t *testing.T) {
	s := testStore(t)
	if _, err := s.Add(Addition{URL: "https://user:word@example.com/x.run"}, tester); !errors.Is(err, key.ErrBadURL) {
		t.Error(err)
	}
	want(t, s, Queue)
}
