package active_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/active"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

const (
	settle    = 2 * time.Second  // a person's file stands still for so long before it is claimed
	openStill = 10 * time.Minute // and for so long where a program has it open for writing
)

func TestCancelByAnyMove(t *testing.T) {
	k := storetest.KeyOf(t, storetest.CudaURL)
	for _, script := range []string{
		"rm active/*",
		"mv active/* cancelled/",
		"mv active/* cancelled/" + k + ".job",
		"mv active/* ..",
		"mv active/* failed/",
		"mv active/* done/whatever.job",
	} {
		s := storetest.TestStore(t)
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		if !c.Owns() {
			t.Fatal("a fresh claim is not held")
		}
		storetest.Run(t, s.Dir(), script)
		if c.Owns() {
			t.Fatalf("%s: still held", script)
		}
		p, err := c.Part(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		p.Write([]byte("x"))
		if _, err := c.Publish(p, fsstore.Origin{}); !errors.Is(err, fsstore.ErrLost) {
			t.Errorf("%s: publish: %v", script, err)
		}
		if err := c.Cancel(); err != nil {
			t.Errorf("%s: %v", script, err)
		}
		storetest.Want(t, s, fsstore.Cancelled, k+".job")
		storetest.Want(t, s, fsstore.Active)
		storetest.Want(t, s, fsstore.Done)
		if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: cancelled, and yet held: %v", script, err)
		}
		if text := storetest.Text(t, s, fsstore.Cancelled, k+".job"); !strings.HasPrefix(text, storetest.CudaURL+"\n") || !strings.Contains(text, " cancelled shell\n") {
			t.Errorf("%s: %s", script, text)
		}
	}
}

func TestCancelAfterTheCommitSaysSo(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	if err := os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())); err != nil {
		t.Fatal(err)
	}
	a, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{}))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "rm active/*")
	if err := c.Finish(job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}); !errors.Is(err, fsstore.ErrLost) {
		t.Fatal(err)
	}
	if err := c.Cancel(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(storetest.CudaURL); err != nil {
		t.Error("the artifact had been committed, and is gone:", err)
	}
	if got := storetest.Text(t, s, fsstore.Cancelled, c.Key+".job"); !strings.Contains(got, " done 5 ") || !strings.Contains(got, " cancelled shell") {
		t.Error(got)
	}
}

// A disk that takes neither the last line nor a copy with it: the job stays in
// active/, and recovery ends it when the disk takes lines again.
func TestDoneWaitsForItsLine(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	storetest.Must(t, os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())))
	a, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{}))
	storetest.Must(t, err)
	f := c.F()
	unwritable, err := os.Open(c.Path())
	storetest.Must(t, err)
	c.SetF(unwritable)
	storetest.Run(t, s.Dir(), "mv tmp ../tmp")
	if err := c.Finish(job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}); err == nil {
		t.Error("finished without its line")
	}
	f.Close()
	storetest.Run(t, s.Dir(), "mv ../tmp tmp")
	storetest.Want(t, s, fsstore.Done)
	storetest.Must(t, s.Recover())
	if got := storetest.Text(t, s, fsstore.Done, c.Key+".job"); strings.Count(got, " done 5 ") != 1 {
		t.Error(got)
	}
}

func TestCancelByVerb(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	by := fsstore.Operator{Via: "web", Addr: "10.0.0.2"}
	for range 2 { // the second finds the job of the first
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		if err := s.Cancel(k, by); err != nil {
			t.Fatal(err)
		}
		if err := c.Cancel(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(storetest.Text(t, s, fsstore.Cancelled, k+".job"), " cancelled web 10.0.0.2"); n != 1 {
			t.Errorf("%d cancelled lines", n)
		}
	}
	name := storetest.Add(t, s, storetest.CudaURL)
	if err := s.Cancel(name, by); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Cancelled, k+".2.job", k+".3.job", k+".job")
	if err := s.Retry(k, by); err != nil {
		t.Fatal(err)
	}
	if c := storetest.ClaimNext(t, s); c.Key != k {
		t.Errorf("retried %s", c.Key)
	}
	if err := s.Cancel("nothing", by); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cancel of nothing: %v", err)
	}
}

// Retry and Dismiss of a job that a listing showed before its worker noticed
// the cancel, and of one whose worker has not noticed yet.
// TestCancelOfWhatGoesBackAndForth: a job that is claimed and put back again and
// again, as where a host has no address, is found where it is.
func TestCancelOfWhatGoesBackAndForth(t *testing.T) {
	s := storetest.TestStore(t)
	const k = "v.example--x.run--0123456789abcdef0123456789abcdef"
	queued, active := storetest.JobPath(s, fsstore.Queue, k+".job"), storetest.JobPath(s, fsstore.Active, tree.ActiveJobName(k, "0123456789abcdef"))
	for range 200 {
		if err := os.WriteFile(queued, []byte("https://v.example/x.run\n"), 0o660); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for os.Rename(queued, active) == nil {
				time.Sleep(100 * time.Microsecond)
				if os.Rename(active, queued) != nil {
					return
				}
				time.Sleep(100 * time.Microsecond)
			}
		}()
		err := s.Cancel(k, fsstore.Operator{Via: "web"})
		os.Remove(queued) // where it is still there, that ends the moves
		os.Remove(active)
		for still := true; still; {
			select {
			case <-done:
				still = false
			default:
				os.Remove(queued)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetryRightAfterCancel(t *testing.T) {
	for _, noticed := range []bool{true, false} {
		s := storetest.TestStore(t)
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		storetest.Must(t, s.Cancel(c.Key, fsstore.Operator{Via: "cli", Addr: "test"}))
		seen := storetest.Ls(t, s, fsstore.Cancelled)
		if noticed {
			storetest.Must(t, c.Cancel())
		}
		if err := s.Retry(seen[0], fsstore.Operator{Via: "cli", Addr: "test"}); err != nil {
			t.Fatalf("noticed %v: retry of %s: %v", noticed, seen[0], err)
		}
		if !noticed {
			storetest.Must(t, c.Cancel())
		}
		storetest.Want(t, s, fsstore.Queue, c.Key+".job")
		storetest.Want(t, s, fsstore.Cancelled)
		storetest.Must(t, s.Cancel(c.Key, fsstore.Operator{Via: "cli", Addr: "test"}))
		if err := s.Dismiss(seen[0], fsstore.Operator{Via: "cli", Addr: "test"}); err != nil {
			t.Errorf("dismiss of %s: %v", seen[0], err)
		}
	}
}

// What was cleared does not come back because its worker notices late.
func TestClearRightAfterCancel(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	storetest.Must(t, s.Cancel(c.Key, fsstore.Operator{Via: "cli", Addr: "test"}))
	if n, err := s.Clear(fsstore.Operator{Via: "cli", Addr: "test"}); n != 1 || err != nil {
		t.Fatalf("cleared %d, %v", n, err)
	}
	storetest.Must(t, c.Cancel())
	storetest.Want(t, s, fsstore.Cancelled)
	storetest.Want(t, s, fsstore.Queue)
}

// An operator cancels while no server lives to notice.
func TestCancelOfAnOrphanGetsItsName(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	c.Close() // the process has died
	storetest.Run(t, s.Dir(), "mv active/* cancelled/")
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Cancelled, k+".job")
}

func TestOrphans(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(storetest.Ls(t, s, fsstore.Active)) != 1 {
		t.Fatal("a living claim was taken for an orphan")
	}
	c.Close()
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Queue, k+".job")
	c = storetest.MustClaim(t, s, k+".job")
	if a := c.Job.Attempts(); a != 0 {
		t.Errorf("an orphan's death counts as %d attempts", a)
	}

	// It dies between the commit and its last rename.
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	if err := os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{})); err != nil {
		t.Fatal(err)
	}
	c.Close()
	for range 2 {
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Want(t, s, fsstore.Active)
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Done, k+".job")
	if n := strings.Count(storetest.Text(t, s, fsstore.Done, k+".job"), " done "); n != 1 {
		t.Errorf("%d done lines", n)
	}
}

func TestOrphanOfAnotherHostIsGivenTime(t *testing.T) {
	s := storetest.TestStore(t)
	boot := s.Boot()
	s.CallMachine("elsewhere", "0000000e")
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	c.Close()
	s.CallMachine("here", boot)
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(storetest.Ls(t, s, fsstore.Active)) != 1 {
		t.Error("another host's claim was taken at once")
	}
}

// A container that is made anew has another name, on the same machine.
func TestOrphanOfThisBootIsTakenAtOnce(t *testing.T) {
	for name, then := range map[string]func(s *fsstore.Store){
		"under another name":      func(s *fsstore.Store) { s.CallMachine("another", s.Boot()) },
		"after the machine began": func(s *fsstore.Store) { s.CallMachine(s.Host(), "0000000e") },
	} {
		s := storetest.TestStore(t)
		k := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		k.Close()
		then(s)
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if len(storetest.Ls(t, s, fsstore.Queue)) != 1 {
			t.Errorf("%s: the orphan was left", name)
		}
	}
}

// Two servers and the real mv: each job is done once, none is lost.
func TestClaimsRace(t *testing.T) {
	dir := t.TempDir() + "/data"
	first := storetest.OpenAt(t, dir, fsstore.Options{})
	const jobs = 300
	for i := range jobs {
		storetest.Add(t, first, fmt.Sprintf("https://example.com/file-%d.run", i))
	}
	var wg sync.WaitGroup
	for range 4 {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		wg.Go(func() { storetest.Drain(t, s) })
	}
	wg.Wait()
	if done := storetest.Ls(t, first, fsstore.Done); len(done) != jobs {
		t.Errorf("%d of %d are done", len(done), jobs)
	}
	for _, name := range storetest.Ls(t, first, fsstore.Done) {
		if n := strings.Count(storetest.Text(t, first, fsstore.Done, name), " done "); n != 1 {
			t.Errorf("%s was done %d times", name, n)
		}
	}
	storetest.Want(t, first, fsstore.Active)
	storetest.Sound(t, first)
}

func TestOneClaimAKey(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	storetest.Run(t, s.Dir(), fmt.Sprintf("echo '%s?AWSAccessKeyId=k&Expires=1&Signature=2' > queue/again.job", storetest.CudaURL))
	again := storetest.WaitDue(t, s, "again.job")
	if c2, err := s.Claim(again); c2 != nil || err != nil {
		t.Fatalf("a second claim of one key: %v, %v", c2, err)
	}
	storetest.Publish(t, c, "one")
	c2 := storetest.MustClaim(t, s, again)
	if c2.Key != c.Key {
		t.Errorf("key %s", c2.Key)
	}
	a := storetest.Publish(t, c2, "two")
	if len(a.History) != 1 || a.History[0].SHA256 != storetest.DigestOf("one") {
		t.Errorf("history %+v", a.History)
	}
	for name, digest := range map[string]string{c.Key + ".2.job": storetest.DigestOf("one"), c.Key + ".job": storetest.DigestOf("two")} {
		if log := storetest.Text(t, s, fsstore.Done, name); strings.Count(log, " done ") != 1 || !strings.Contains(log, digest) {
			t.Errorf("%s:\n%s", name, log)
		}
	}
}

func TestWhatPeopleWriteIsTakenWhole(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "printf https://example.com/half > queue/half.job; : > queue/empty.job; echo https://example.com/x.run > queue/x.txt; echo https://example.com/y.run > queue/y.job~; echo https://example.com/z.run > queue/.z.job.Xy12")
	s.Due()
	if v := storetest.NoteMiss(t, s, "https://example.com/half", storetest.Client1); v != fsstore.VerdictQueued {
		t.Errorf("a miss of what a person has queued: %s", v)
	}
	time.Sleep(settle + 200*time.Millisecond)
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("taken: %q", due)
	}
	list, _ := s.Jobs(fsstore.Queue)
	notes := map[string]string{}
	for _, j := range list {
		notes[j.Name] = j.Note
	}
	if notes["x.txt"] != "ignored: name it x.txt.job" || !strings.Contains(notes["half.job"], "newline") || len(notes) != 3 {
		t.Errorf("notes %q", notes)
	}
	storetest.Run(t, s.Dir(), "echo .run >> queue/half.job")
	if c := storetest.MustClaim(t, s, storetest.WaitDue(t, s, "half.job")); c.URL != "https://example.com/half.run" {
		t.Errorf("fetching %s", c.URL)
	}
}

// TestAListOfWhatIsDueGrowsOld: while long downloads keep every worker busy, what
// waits on the list may be put off, or written anew.
func TestAListOfWhatIsDueGrowsOld(t *testing.T) {
	s := storetest.TestStore(t)
	off, job := storetest.Add(t, s, storetest.CudaURL), "echo https://example.com/x.run > queue/x.job"
	storetest.Run(t, s.Dir(), job)
	storetest.WaitDue(t, s, "x.job")
	storetest.Run(t, s.Dir(), "echo after 2999-01-01T00:00:00Z >> queue/"+off+"; "+strings.Replace(job, "x.run", "y.run", 1))
	for _, name := range []string{off, "x.job"} {
		if c, err := s.Claim(name); c != nil || err != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if c := storetest.MustClaim(t, s, storetest.WaitDue(t, s, "x.job")); c.URL != "https://example.com/y.run" {
		t.Errorf("fetching %s", c.URL)
	}
	storetest.Want(t, s, fsstore.Queue, off)
}

func TestBatch(t *testing.T) {
	s := storetest.TestStore(t)
	sum := storetest.DigestOf("b")
	storetest.Run(t, s.Dir(), "cat > queue/cuda.job <<'E'\n# a list\nhttps://example.com/a.run\r\n\nhttps://example.com/b.run\nsha256 "+sum+"\nhttps://example.com/c.run\nafter 2999-01-01T00:00:00Z\nhttps://example.com/a.run\nE")
	name := storetest.WaitDue(t, s, "cuda.job")
	if c, err := s.Claim(name); c != nil || err != nil {
		t.Fatalf("a batch is a claim: %v, %v", c, err)
	}
	if q := storetest.Ls(t, s, fsstore.Queue); len(q) != 3 {
		t.Fatalf("queue/ holds %q", q)
	}
	storetest.Want(t, s, fsstore.Active)
	if d := storetest.Ls(t, s, fsstore.Done); len(d) != 1 || !strings.HasPrefix(d[0], "batch-") {
		t.Errorf("done/ holds %q", d)
	}
	b := storetest.MustClaim(t, s, storetest.KeyOf(t, "https://example.com/b.run")+".job")
	if b.Job.Sha256 != sum || b.Job.Approval().Via != "batch" {
		t.Errorf("b: %+v", b.Job)
	}
	if due, _ := s.Due(); len(due) != 1 {
		t.Errorf("due now: %q", due)
	}
	storetest.Sound(t, s)
}

func TestBadJobsAreSetAside(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), `
echo ftp://example.com/x > queue/ftp.job
echo hello > queue/hello.job
printf 'https://user:pw@example.com/x.run\n' > queue/userinfo.job
touch denied/ads.example.com; echo https://ads.example.com/x.run > queue/denied.job
mkdir queue/dir.job; ln -s /etc/passwd queue/link.job; mkfifo queue/fifo.job
truncate -s 10G queue/sparse.job; printf '\n' >> queue/sparse.job
head -c 100000 /dev/urandom > queue/noise.job; echo >> queue/noise.job`)
	s.Due()
	time.Sleep(settle + 100*time.Millisecond)
	due, err := s.Due()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(due, "sparse.job") {
		if c, err := s.Claim(name); c != nil || err != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	failed, _ := s.Jobs(fsstore.Failed)
	if len(failed) != 6 {
		t.Errorf("failed/ holds %q", storetest.Ls(t, s, fsstore.Failed))
	}
	for _, j := range failed {
		if j.Job.Reason() == "" && j.Note == "" {
			t.Errorf("%s: no reason", j.Name)
		}
	}
	storetest.Run(t, s.Dir(), "test -p queue/fifo.job && test -L queue/link.job && test -d queue/dir.job")
	if err := s.Retry("denied.job", fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
}

func TestMovesNeverReplace(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	for i := range 3 {
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		if err := c.Fail(fmt.Sprint("reason ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if f := storetest.Ls(t, s, fsstore.Failed); len(f) != 3 {
		t.Fatalf("failed/ holds %q", f)
	}
	for _, name := range []string{k, k + ".2.job", k + ".3.job"} {
		if err := s.Retry(name, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if q := storetest.Ls(t, s, fsstore.Queue); len(q) != 3 {
		t.Errorf("queue/ holds %q", q)
	}
	for range 3 {
		storetest.Publish(t, storetest.ClaimNext(t, s), "x")
	}
	storetest.Want(t, s, fsstore.Done, k+".2.job", k+".3.job", k+".job")
}

func TestAgainWaitsAndCounts(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Retry("503 Service Unavailable", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("due within the hour: %q", due)
	}
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "mv queue/* cancelled/ && mv cancelled/* queue/")
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("a mere move shortens the wait: %q", due)
	}
	if err := s.Cancel(k, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "mv cancelled/* queue/")
	c = storetest.ClaimNext(t, s) // moved back: due now
	if e, _ := c.Job.Newest(job.Retry); e.Via != "shell" {
		t.Errorf("log: %+v", c.Job.Events)
	}
}

func TestForeignFilesAreCopied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a file of another user")
	}
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > queue/x.job; chmod 644 queue/x.job; chown 12345 queue/x.job")
	c := storetest.MustClaim(t, s, storetest.WaitDue(t, s, "x.job"))
	storetest.Run(t, s.Dir(), "test $(stat -c %u:%a active/*) = 0:660")
	storetest.Publish(t, c, "x")
	storetest.Sound(t, s)
}

// A worker that is woken by the rename of an approval must not claim the job
// before the approval's own lines are in it.
func TestNoClaimComesBeforeItsApproval(t *testing.T) {
	s := storetest.TestStore(t)
	sum := storetest.DigestOf("x")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	claimed := make(chan *fsstore.Claim, 1000)
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				names, _ := storetest.Names(s, string(fsstore.Queue))
				for _, name := range names {
					if c, err := s.Claim(name); err != nil {
						t.Error(err)
					} else if c != nil {
						claimed <- c
					}
				}
			}
		})
	}
	for i := range 100 {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		storetest.NoteMiss(t, s, url, storetest.Client1)
		if _, err := s.Add(fsstore.Addition{URL: url, SHA256: sum}, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
			t.Fatal(err)
		}
		c := <-claimed
		if c.Job.Approval().Via != "web" || c.Job.Sha256 != sum {
			t.Errorf("claimed by %q, sha256 %q", c.Job.Approval().Via, c.Job.Sha256)
		}
		if err := c.Fail("no"); err != nil {
			t.Fatal(err)
		}
		if err := s.Retry(c.Key, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
			t.Fatal(err)
		}
		c = <-claimed
		if e, _ := c.Job.Newest(job.Retry); e.Via != "web" {
			t.Errorf("retried by %q", e.Via)
		}
		storetest.Publish(t, c, "x")
	}
	close(stop)
	wg.Wait()
}

// cp and echo make the file empty first, also under a key's name.
// TestAPersonsFileStandsStill holds that what a person writes is taken 2 s after it stands still, and
// a file under a key's name without its last newline, which a crash has cut, after 10 s.
func TestAPersonsFileStandsStill(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		for name, c := range map[string]struct {
			text string
			wait time.Duration
		}{
			"person.job": {"https://example.com/person.run\n", 2 * time.Second},
			storetest.KeyOf(t, storetest.CudaURL) + ".job": {storetest.CudaURL, 10 * time.Second},
		} {
			path := storetest.JobPath(s, fsstore.Queue, name)
			storetest.Must(t, os.WriteFile(path, []byte(c.text), 0o660))
			began := time.Now()
			for time.Since(began) < c.wait {
				if due, err := s.Due(); err != nil || len(due) != 0 {
					t.Fatalf("after %v: %q, %v", time.Since(began), due, err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if due, err := s.Due(); err != nil || len(due) != 1 || due[0] != name {
				t.Errorf("it stood still for %v, and is not due: %q, %v", c.wait, due, err)
			}
			storetest.Must(t, os.Remove(path))
		}
	})
}

func TestAKeysNameIsTakenWhole(t *testing.T) {
	s := storetest.TestStore(t)
	name := storetest.KeyOf(t, storetest.CudaURL) + ".job"
	for _, text := range []string{"", storetest.CudaURL[:30]} {
		if err := os.WriteFile(storetest.JobPath(s, fsstore.Queue, name), []byte(text), 0o660); err != nil {
			t.Fatal(err)
		}
		if due, err := s.Due(); err != nil || len(due) != 0 {
			t.Errorf("%q is due: %q, %v", text, due, err)
		}
		if c, err := s.Claim(name); c != nil || err != nil {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	storetest.Want(t, s, fsstore.Failed)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > queue/"+name)
	if c := storetest.ClaimNext(t, s); c.URL != storetest.CudaURL {
		t.Error(c.URL)
	}
}

// TestAPartIsOfItsJob: two jobs may have one key, for their URLs differ in what is
// dropped. What one has begun may be another version: the other does not go on
// with it.
func TestAPartIsOfItsJob(t *testing.T) {
	s := storetest.TestStore(t)
	begin := func(name, etag, b string) {
		c := storetest.MustClaim(t, s, name)
		_, resume := c.Job.Newest(job.Start)
		p, err := c.Part(t.Context(), resume)
		if err != nil || p.Size() != 0 {
			t.Fatalf("%s goes on with %d bytes of another job: %v", etag, p.Size(), err)
		}
		if err := c.Start(fsstore.Started{Size: 9, ETag: etag}); err != nil {
			t.Fatal(err)
		}
		p.Write([]byte(b))
		if err := c.Retry("cut", time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Add(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1")
	begin(k+".job", `"1"`, "11111")
	storetest.Run(t, s.Dir(), "mv queue/* first.job")
	storetest.Add(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2")
	begin(k+".job", `"2"`, "222")
	storetest.Run(t, s.Dir(), "mv first.job queue/"+k+".2.job")
	begin(k+".2.job", `"1"`, "1111")
	for name, want := range map[string]int64{k + ".job": 3, k + ".2.job": 4} {
		c := storetest.MustClaim(t, s, name)
		if p, err := c.Part(t.Context(), true); err != nil || p.Size() != want {
			t.Errorf("%s: its own part has %d bytes: %v", name, p.Size(), err)
		}
		if err := c.Requeue("x"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWaitingIsNoAttempt: a job may wait as often as it must, and its log keeps
// its size.
func TestWaitingIsNoAttempt(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.Add(t, s, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "yes '2026-11-22T21:31:00Z wait there is no room, and it goes on by itself once there is' | head -c 64000 >> queue/"+k+"; echo >> queue/"+k)
	for range 3 {
		c := storetest.ClaimNext(t, s)
		if err := c.Defer("no room", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(storetest.Text(t, s, fsstore.Queue, k)); n > 2<<10 {
		t.Errorf("the log has %d bytes", n)
	}
	storetest.Publish(t, storetest.ClaimNext(t, s), "bytes")
}

// TestALargeBatchGoesOn: each URL is noted in it, and it comes back from a crash
// as a batch, however long its log is by then.
func TestALargeBatchGoesOn(t *testing.T) {
	s := storetest.TestStore(t)
	var text strings.Builder
	const n = 400
	for i := range n {
		fmt.Fprintf(&text, "https://example.com/%s/%d.run\n", strings.Repeat("long", 40), i)
	}
	name := tree.ActiveJobName(active.BatchStem("list.job"), "0123456789abcdef")
	if err := os.WriteFile(storetest.JobPath(s, fsstore.Active, name), []byte(text.String()), 0o660); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "test -z \"$(ls failed)\"; touch -d '1 hour ago' queue/*")
	if c, err := s.Claim(active.BatchStem("list.job") + ".job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	if got := len(storetest.Ls(t, s, fsstore.Queue)); got != n {
		t.Errorf("%d jobs", got)
	}
	var giant strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&giant, "https://example.com/giant/%d.run\n", i)
	}
	if err := os.WriteFile(storetest.JobPath(s, fsstore.Queue, storetest.KeyOf(t, storetest.CudaURL)+".job"), []byte(giant.String()), 0o660); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Claim(storetest.KeyOf(t, storetest.CudaURL) + ".job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	storetest.Run(t, s.Dir(), "grep -q 'split it' failed/*")
}

// TestACutURLIsNotFetched: a full disk or a power cut may leave half of the URL
// that a miss noted last, and half of a host's name is another host.
func TestACutURLIsNotFetched(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "printf '%s\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8 https://developer.down' "+storetest.CudaURL+" > misses/"+k)
	storetest.Run(t, s.Dir(), "mv misses/* queue/ && echo >> queue/"+k)
	if c, err := s.Claim(k); c != nil || err != nil {
		t.Fatal(c, err)
	}
	storetest.Run(t, s.Dir(), "grep -q 'take that line out' failed/*")
}

// What a person adds to a miss decides what is fetched, and when: a miss with an
// option that can't be taken is not fetched without it.
func TestOptionThatCannotBeTaken(t *testing.T) {
	for _, line := range []string{"sha256 0123", "SHA256: 0123", "after tomorrow", "accept html"} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		storetest.Run(t, s.Dir(), "echo '"+line+"' >> misses/"+k)
		if err := s.Approve(k, "", fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Claim(k + ".job"); c != nil || err != nil {
			t.Errorf("%s: %+v, %v", line, c, err)
		}
		if log := storetest.Text(t, s, fsstore.Failed, k+".job"); !strings.Contains(log, `failed line 3, "`+line+`", can't be taken`) {
			t.Errorf("%s: %s", line, log)
		}
	}
}

// An operator's mv out of active/ to denied/ is a denial, though the worker died
// before it saw it.
func TestDeniedAsItsWorkerDied(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	storetest.Run(t, s.Dir(), "mv active/* denied/")
	storetest.Must(t, s.Recover())
	storetest.Want(t, s, fsstore.Denied, tree.Base(c.Path())) // it lives, and will see it
	c.Close()
	storetest.Must(t, s.Recover())
	storetest.Want(t, s, fsstore.Denied, c.Key)
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictDenied {
		t.Errorf("the next client is told %q", v)
	}
}

// A list that comes slowly stands still after each line, and may stand so for
// long.
func TestAListThatIsOpenIsLeftAlone(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		f, err := os.Create(storetest.JobPath(s, fsstore.Queue, "list.job"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i := range 3 {
			fmt.Fprintf(f, "https://example.com/%d.run\n", i)
			for range 8 {
				s.Due()
				if c, err := s.Claim("list.job"); c != nil || err != nil || len(storetest.Ls(t, s, fsstore.Queue)) != 1 {
					t.Fatalf("taken after %d lines: %v, %v", i+1, c, err)
				}
				time.Sleep(time.Second)
			}
		}
		j, err := s.JobFile(fsstore.Queue, "list.job")
		if err != nil || !strings.Contains(j.Note, "open for writing") {
			t.Errorf("%+v, %v", j, err)
		}
		f.Close()
		storetest.WaitDue(t, s, "list.job")
		if c, err := s.Claim("list.job"); c != nil || err != nil || len(storetest.Ls(t, s, fsstore.Queue)) != 3 {
			t.Errorf("closed: %v, %v, queue %q", c, err, storetest.Ls(t, s, fsstore.Queue))
		}

		hung, err := os.Create(storetest.JobPath(s, fsstore.Queue, "hung.job"))
		if err != nil {
			t.Fatal(err)
		}
		defer hung.Close()
		fmt.Fprintln(hung, "https://example.com/hung.run")
		s.Due()
		time.Sleep(openStill)
		s.Due()
		c, err := s.Claim("hung.job")
		if c == nil {
			t.Fatalf("nobody takes what hangs: %v", err)
		}
		c.Close()
	})
}
