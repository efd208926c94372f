package fsstore

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

	"fromcache/fsstore/job"
)

func add(t testing.TB, s *Store, url string) string {
	t.Helper()
	name, err := s.Add(Addition{URL: url}, By{"cli", "test"})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func mustClaim(t testing.TB, s *Store, name string) *Claim {
	t.Helper()
	c, err := s.Claim(name)
	if err != nil || c == nil {
		t.Fatalf("claim of %s: %v, %v", name, c, err)
	}
	return c
}

// text is the content of one file of the spool.
func text(t testing.TB, s *Store, st State, name string) string {
	t.Helper()
	b, err := s.Log(st, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCancelByAnyMove(t *testing.T) {
	k := keyOf(t, cudaURL)
	for _, script := range []string{
		"rm active/*",
		"mv active/* cancelled/",
		"mv active/* cancelled/" + k + ".job",
		"mv active/* ..",
		"mv active/* failed/",
		"mv active/* done/whatever.job",
	} {
		s := testStore(t)
		c := mustClaim(t, s, add(t, s, cudaURL))
		if !c.Held() {
			t.Fatal("a fresh claim is not held")
		}
		run(t, s.dir, script)
		if c.Held() {
			t.Fatalf("%s: still held", script)
		}
		p, err := c.Part(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		p.Write([]byte("x"))
		if _, err := c.Publish(p, Origin{}); !errors.Is(err, ErrLost) {
			t.Errorf("%s: publish: %v", script, err)
		}
		if err := c.Cancelled(); err != nil {
			t.Errorf("%s: %v", script, err)
		}
		want(t, s, Cancelled, k+".job")
		want(t, s, Active)
		want(t, s, Done)
		if _, err := s.Lookup(cudaURL); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: cancelled, and yet held: %v", script, err)
		}
		if text := text(t, s, Cancelled, k+".job"); !strings.HasPrefix(text, cudaURL+"\n") || !strings.Contains(text, " cancelled shell\n") {
			t.Errorf("%s: %s", script, text)
		}
	}
}

func TestCancelAfterTheCommitSaysSo(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	if err := os.Rename(p.path, s.path("blobs", p.SHA256())); err != nil {
		t.Fatal(err)
	}
	a, err := c.commit(c.meta(p.SHA256(), p.Size(), Origin{}))
	if err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "rm active/*")
	if err := c.finish(job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}); !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
	if err := c.Cancelled(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(cudaURL); err != nil {
		t.Error("the artifact had been committed, and is gone:", err)
	}
	if got := text(t, s, Cancelled, c.Key+".job"); !strings.Contains(got, " done 5 ") || !strings.Contains(got, " cancelled shell") {
		t.Error(got)
	}
}

// A disk that takes neither the last line nor a copy with it: the job stays in
// active/, and recovery ends it when the disk takes lines again.
func TestDoneWaitsForItsLine(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	must(t, os.Rename(p.path, s.path("blobs", p.SHA256())))
	a, err := c.commit(c.meta(p.SHA256(), p.Size(), Origin{}))
	must(t, err)
	f := c.f
	c.f, err = os.Open(c.path)
	must(t, err)
	run(t, s.dir, "mv tmp ../tmp")
	if err := c.finish(job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}); err == nil {
		t.Error("finished without its line")
	}
	f.Close()
	run(t, s.dir, "mv ../tmp tmp")
	want(t, s, Done)
	must(t, s.Recover())
	if got := text(t, s, Done, c.Key+".job"); strings.Count(got, " done 5 ") != 1 {
		t.Error(got)
	}
}

func TestCancelByVerb(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	by := By{"web", "10.0.0.2"}
	for range 2 { // the second finds the job of the first
		c := mustClaim(t, s, add(t, s, cudaURL))
		if err := s.Cancel(k, by); err != nil {
			t.Fatal(err)
		}
		if err := c.Cancelled(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text(t, s, Cancelled, k+".job"), " cancelled web 10.0.0.2"); n != 1 {
			t.Errorf("%d cancelled lines", n)
		}
	}
	name := add(t, s, cudaURL)
	if err := s.Cancel(name, by); err != nil {
		t.Fatal(err)
	}
	want(t, s, Queue)
	want(t, s, Cancelled, k+".2.job", k+".3.job", k+".job")
	if err := s.Retry(k, by); err != nil {
		t.Fatal(err)
	}
	if c := claimNext(t, s); c.Key != k {
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
	s := testStore(t)
	const k = "v.example--x.run--0123456789abcdef0123456789abcdef"
	queued, active := s.job(Queue, k+".job"), s.job(Active, activeJobName(k, "0123456789abcdef"))
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
		err := s.Cancel(k, By{Via: "web"})
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
		s := testStore(t)
		c := mustClaim(t, s, add(t, s, cudaURL))
		must(t, s.Cancel(c.Key, By{"cli", "test"}))
		seen := ls(t, s, Cancelled)
		if noticed {
			must(t, c.Cancelled())
		}
		if err := s.Retry(seen[0], By{"cli", "test"}); err != nil {
			t.Fatalf("noticed %v: retry of %s: %v", noticed, seen[0], err)
		}
		if !noticed {
			must(t, c.Cancelled())
		}
		want(t, s, Queue, c.Key+".job")
		want(t, s, Cancelled)
		must(t, s.Cancel(c.Key, By{"cli", "test"}))
		if err := s.Dismiss(seen[0], By{"cli", "test"}); err != nil {
			t.Errorf("dismiss of %s: %v", seen[0], err)
		}
	}
}

// What was cleared does not come back because its worker notices late.
func TestClearRightAfterCancel(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	must(t, s.Cancel(c.Key, By{"cli", "test"}))
	if n, err := s.Clear(By{"cli", "test"}); n != 1 || err != nil {
		t.Fatalf("cleared %d, %v", n, err)
	}
	must(t, c.Cancelled())
	want(t, s, Cancelled)
	want(t, s, Queue)
}

// An operator cancels while no server lives to notice.
func TestCancelOfAnOrphanGetsItsName(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	c := mustClaim(t, s, add(t, s, cudaURL))
	c.close() // the process has died
	run(t, s.dir, "mv active/* cancelled/")
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	want(t, s, Cancelled, k+".job")
}

func TestOrphans(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	c := mustClaim(t, s, add(t, s, cudaURL))
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(ls(t, s, Active)) != 1 {
		t.Fatal("a living claim was taken for an orphan")
	}
	c.close()
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	want(t, s, Queue, k+".job")
	c = mustClaim(t, s, k+".job")
	if a := c.Job.Attempts(); a != 0 {
		t.Errorf("an orphan's death counts as %d attempts", a)
	}

	// It dies between the commit and its last rename.
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	if err := os.Rename(p.path, s.path("blobs", p.SHA256())); err != nil {
		t.Fatal(err)
	}
	if _, err := c.commit(c.meta(p.SHA256(), p.Size(), Origin{})); err != nil {
		t.Fatal(err)
	}
	c.close()
	for range 2 {
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
	}
	want(t, s, Active)
	want(t, s, Queue)
	want(t, s, Done, k+".job")
	if n := strings.Count(text(t, s, Done, k+".job"), " done "); n != 1 {
		t.Errorf("%d done lines", n)
	}
}

func TestOrphanOfAnotherHostIsGivenTime(t *testing.T) {
	s := testStore(t)
	boot := s.boot
	s.host, s.boot = "elsewhere", "0000000e"
	c := mustClaim(t, s, add(t, s, cudaURL))
	c.close()
	s.host, s.boot = "here", boot
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if len(ls(t, s, Active)) != 1 {
		t.Error("another host's claim was taken at once")
	}
}

// A container that is made anew has another name, on the same machine.
func TestOrphanOfThisBootIsTakenAtOnce(t *testing.T) {
	for name, then := range map[string]func(s *Store){
		"under another name":      func(s *Store) { s.host = "another" },
		"after the machine began": func(s *Store) { s.boot = "0000000e" },
	} {
		s := testStore(t)
		k := mustClaim(t, s, add(t, s, cudaURL))
		k.close()
		then(s)
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if len(ls(t, s, Queue)) != 1 {
			t.Errorf("%s: the orphan was left", name)
		}
	}
}

// Two servers and the real mv: each job is done once, none is lost.
func TestClaimsRace(t *testing.T) {
	dir := t.TempDir() + "/data"
	first := openAt(t, dir, Options{})
	const jobs = 300
	for i := range jobs {
		add(t, first, fmt.Sprintf("https://example.com/file-%d.run", i))
	}
	var wg sync.WaitGroup
	for range 4 {
		s := openAt(t, dir, Options{})
		wg.Go(func() { drain(t, s) })
	}
	wg.Wait()
	if done := ls(t, first, Done); len(done) != jobs {
		t.Errorf("%d of %d are done", len(done), jobs)
	}
	for _, name := range ls(t, first, Done) {
		if n := strings.Count(text(t, first, Done, name), " done "); n != 1 {
			t.Errorf("%s was done %d times", name, n)
		}
	}
	want(t, first, Active)
	sound(t, first)
}

// drain claims and publishes until queue/ stays empty, recovering beside it.
func drain(t *testing.T, s *Store) {
	for {
		due, err := s.Due()
		if err != nil {
			t.Error(err)
			return
		}
		if len(due) == 0 && len(ls(t, s, Active)) == 0 {
			return
		}
		if err := s.Recover(); err != nil {
			t.Error(err)
		}
		for _, name := range due {
			c, err := s.Claim(name)
			if err != nil {
				t.Error(err)
				return
			}
			if c != nil {
				publish(t, c, c.Key)
			}
		}
	}
}

func TestOneClaimAKey(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	run(t, s.dir, fmt.Sprintf("echo '%s?AWSAccessKeyId=k&Expires=1&Signature=2' > queue/again.job", cudaURL))
	again := waitDue(t, s, "again.job")
	if c2, err := s.Claim(again); c2 != nil || err != nil {
		t.Fatalf("a second claim of one key: %v, %v", c2, err)
	}
	publish(t, c, "one")
	c2 := mustClaim(t, s, again)
	if c2.Key != c.Key {
		t.Errorf("key %s", c2.Key)
	}
	a := publish(t, c2, "two")
	if len(a.History) != 1 || a.History[0].SHA256 != digestOf("one") {
		t.Errorf("history %+v", a.History)
	}
	for name, digest := range map[string]string{c.Key + ".2.job": digestOf("one"), c.Key + ".job": digestOf("two")} {
		if log := text(t, s, Done, name); strings.Count(log, " done ") != 1 || !strings.Contains(log, digest) {
			t.Errorf("%s:\n%s", name, log)
		}
	}
}

// waitDue polls Due until name is in it: a person's file must stand still.
func waitDue(t testing.TB, s *Store, name string) string {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		due, err := s.Due()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range due {
			if n == name {
				return n
			}
		}
	}
	t.Fatalf("%s is never due", name)
	return ""
}

func TestWhatPeopleWriteIsTakenWhole(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, "printf https://example.com/half > queue/half.job; : > queue/empty.job; echo https://example.com/x.run > queue/x.txt; echo https://example.com/y.run > queue/y.job~; echo https://example.com/z.run > queue/.z.job.Xy12")
	s.Due()
	if v := noteMiss(t, s, "https://example.com/half", client1); v != IsQueue {
		t.Errorf("a miss of what a person has queued: %s", v)
	}
	time.Sleep(settle + 200*time.Millisecond)
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("taken: %q", due)
	}
	list, _ := s.Jobs(Queue)
	notes := map[string]string{}
	for _, j := range list {
		notes[j.Name] = j.Note
	}
	if notes["x.txt"] != "ignored: name it x.txt.job" || !strings.Contains(notes["half.job"], "newline") || len(notes) != 3 {
		t.Errorf("notes %q", notes)
	}
	run(t, s.dir, "echo .run >> queue/half.job")
	if c := mustClaim(t, s, waitDue(t, s, "half.job")); c.URL != "https://example.com/half.run" {
		t.Errorf("fetching %s", c.URL)
	}
}

// TestAListOfWhatIsDueGrowsOld: while long downloads keep every worker busy, what
// waits on the list may be put off, or written anew.
func TestAListOfWhatIsDueGrowsOld(t *testing.T) {
	s := testStore(t)
	off, job := add(t, s, cudaURL), "echo https://example.com/x.run > queue/x.job"
	run(t, s.dir, job)
	waitDue(t, s, "x.job")
	run(t, s.dir, "echo after 2999-01-01T00:00:00Z >> queue/"+off+"; "+strings.Replace(job, "x.run", "y.run", 1))
	for _, name := range []string{off, "x.job"} {
		if c, err := s.Claim(name); c != nil || err != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if c := mustClaim(t, s, waitDue(t, s, "x.job")); c.URL != "https://example.com/y.run" {
		t.Errorf("fetching %s", c.URL)
	}
	want(t, s, Queue, off)
}

func TestBatch(t *testing.T) {
	s := testStore(t)
	sum := digestOf("b")
	run(t, s.dir, "cat > queue/cuda.job <<'E'\n# a list\nhttps://example.com/a.run\r\n\nhttps://example.com/b.run\nsha256 "+sum+"\nhttps://example.com/c.run\nafter 2999-01-01T00:00:00Z\nhttps://example.com/a.run\nE")
	name := waitDue(t, s, "cuda.job")
	if c, err := s.Claim(name); c != nil || err != nil {
		t.Fatalf("a batch is a claim: %v, %v", c, err)
	}
	if q := ls(t, s, Queue); len(q) != 3 {
		t.Fatalf("queue/ holds %q", q)
	}
	want(t, s, Active)
	if d := ls(t, s, Done); len(d) != 1 || !strings.HasPrefix(d[0], "batch-") {
		t.Errorf("done/ holds %q", d)
	}
	b := mustClaim(t, s, keyOf(t, "https://example.com/b.run")+".job")
	if b.Job.Sha256 != sum || b.Job.Approval().Via != "batch" {
		t.Errorf("b: %+v", b.Job)
	}
	if due, _ := s.Due(); len(due) != 1 {
		t.Errorf("due now: %q", due)
	}
	sound(t, s)
}

func TestBadJobsAreSetAside(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, `
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
	failed, _ := s.Jobs(Failed)
	if len(failed) != 6 {
		t.Errorf("failed/ holds %q", ls(t, s, Failed))
	}
	for _, j := range failed {
		if j.Job.Reason() == "" && j.Note == "" {
			t.Errorf("%s: no reason", j.Name)
		}
	}
	run(t, s.dir, "test -p queue/fifo.job && test -L queue/link.job && test -d queue/dir.job")
	if err := s.Retry("denied.job", By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
}

func TestMovesNeverReplace(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	for i := range 3 {
		c := mustClaim(t, s, add(t, s, cudaURL))
		if err := c.Fail(fmt.Sprint("reason ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if f := ls(t, s, Failed); len(f) != 3 {
		t.Fatalf("failed/ holds %q", f)
	}
	for _, name := range []string{k, k + ".2.job", k + ".3.job"} {
		if err := s.Retry(name, By{"cli", "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if q := ls(t, s, Queue); len(q) != 3 {
		t.Errorf("queue/ holds %q", q)
	}
	for range 3 {
		publish(t, claimNext(t, s), "x")
	}
	want(t, s, Done, k+".2.job", k+".3.job", k+".job")
}

func TestAgainWaitsAndCounts(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	if err := c.Again("503 Service Unavailable", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("due within the hour: %q", due)
	}
	k := keyOf(t, cudaURL)
	run(t, s.dir, "mv queue/* cancelled/ && mv cancelled/* queue/")
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("a mere move shortens the wait: %q", due)
	}
	if err := s.Cancel(k, By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "mv cancelled/* queue/")
	c = claimNext(t, s) // moved back: due now
	if e, _ := c.Job.Newest(job.Retry); e.Via != "shell" {
		t.Errorf("log: %+v", c.Job.Events)
	}
}

func TestForeignFilesAreCopied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a file of another user")
	}
	s := testStore(t)
	run(t, s.dir, "echo "+cudaURL+" > queue/x.job; chmod 644 queue/x.job; chown 12345 queue/x.job")
	c := mustClaim(t, s, waitDue(t, s, "x.job"))
	run(t, s.dir, "test $(stat -c %u:%a active/*) = 0:660")
	publish(t, c, "x")
	sound(t, s)
}

// A worker that is woken by the rename of an approval must not claim the job
// before the approval's own lines are in it.
func TestNoClaimComesBeforeItsApproval(t *testing.T) {
	s := testStore(t)
	sum := digestOf("x")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	claimed := make(chan *Claim, 1000)
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				names, _ := s.names(string(Queue))
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
		noteMiss(t, s, url, client1)
		if _, err := s.Add(Addition{URL: url, SHA256: sum}, By{"web", "10.0.0.2"}); err != nil {
			t.Fatal(err)
		}
		c := <-claimed
		if c.Job.Approval().Via != "web" || c.Job.Sha256 != sum {
			t.Errorf("claimed by %q, sha256 %q", c.Job.Approval().Via, c.Job.Sha256)
		}
		if err := c.Fail("no"); err != nil {
			t.Fatal(err)
		}
		if err := s.Retry(c.Key, By{"web", "10.0.0.2"}); err != nil {
			t.Fatal(err)
		}
		c = <-claimed
		if e, _ := c.Job.Newest(job.Retry); e.Via != "web" {
			t.Errorf("retried by %q", e.Via)
		}
		publish(t, c, "x")
	}
	close(stop)
	wg.Wait()
}

// cp and echo make the file empty first, also under a key's name.
func TestAKeysNameIsTakenWhole(t *testing.T) {
	s := testStore(t)
	name := keyOf(t, cudaURL) + ".job"
	for _, text := range []string{"", cudaURL[:30]} {
		if err := os.WriteFile(s.job(Queue, name), []byte(text), 0o660); err != nil {
			t.Fatal(err)
		}
		if due, err := s.Due(); err != nil || len(due) != 0 {
			t.Errorf("%q is due: %q, %v", text, due, err)
		}
		if c, err := s.Claim(name); c != nil || err != nil {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	want(t, s, Failed)
	run(t, s.dir, "echo "+cudaURL+" > queue/"+name)
	if c := claimNext(t, s); c.URL != cudaURL {
		t.Error(c.URL)
	}
}

// TestAPartIsOfItsJob: two jobs may have one key, for their URLs differ in what is
// dropped. What one has begun may be another version: the other does not go on
// with it.
func TestAPartIsOfItsJob(t *testing.T) {
	s := testStore(t)
	begin := func(name, etag, b string) {
		c := mustClaim(t, s, name)
		_, resume := c.Job.Newest(job.Start)
		p, err := c.Part(t.Context(), resume)
		if err != nil || p.Size() != 0 {
			t.Fatalf("%s goes on with %d bytes of another job: %v", etag, p.Size(), err)
		}
		if err := c.Start(Started{Size: 9, ETag: etag}); err != nil {
			t.Fatal(err)
		}
		p.Write([]byte(b))
		if err := c.Again("cut", time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	k := keyOf(t, cudaURL)
	add(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1")
	begin(k+".job", `"1"`, "11111")
	run(t, s.dir, "mv queue/* first.job")
	add(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2")
	begin(k+".job", `"2"`, "222")
	run(t, s.dir, "mv first.job queue/"+k+".2.job")
	begin(k+".2.job", `"1"`, "1111")
	for name, want := range map[string]int64{k + ".job": 3, k + ".2.job": 4} {
		c := mustClaim(t, s, name)
		if p, err := c.Part(t.Context(), true); err != nil || p.Size() != want {
			t.Errorf("%s: its own part has %d bytes: %v", name, p.Size(), err)
		}
		if err := c.PutBack("x"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWaitingIsNoAttempt: a job may wait as often as it must, and its log keeps
// its size.
func TestWaitingIsNoAttempt(t *testing.T) {
	s := testStore(t)
	k := add(t, s, cudaURL)
	run(t, s.dir, "yes '2026-11-22T21:31:00Z wait there is no room, and it goes on by itself once there is' | head -c 64000 >> queue/"+k+"; echo >> queue/"+k)
	for range 3 {
		c := claimNext(t, s)
		if err := c.Wait("no room", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(text(t, s, Queue, k)); n > 2<<10 {
		t.Errorf("the log has %d bytes", n)
	}
	publish(t, claimNext(t, s), "bytes")
}

// TestALargeBatchGoesOn: each URL is noted in it, and it comes back from a crash
// as a batch, however long its log is by then.
func TestALargeBatchGoesOn(t *testing.T) {
	s := testStore(t)
	var text strings.Builder
	const n = 400
	for i := range n {
		fmt.Fprintf(&text, "https://example.com/%s/%d.run\n", strings.Repeat("long", 40), i)
	}
	name := activeJobName(batchStem("list.job"), "0123456789abcdef")
	if err := os.WriteFile(s.job(Active, name), []byte(text.String()), 0o660); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "test -z \"$(ls failed)\"; touch -d '1 hour ago' queue/*")
	if c, err := s.Claim(batchStem("list.job") + ".job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	if got := len(ls(t, s, Queue)); got != n {
		t.Errorf("%d jobs", got)
	}
	var giant strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&giant, "https://example.com/giant/%d.run\n", i)
	}
	if err := os.WriteFile(s.job(Queue, keyOf(t, cudaURL)+".job"), []byte(giant.String()), 0o660); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Claim(keyOf(t, cudaURL) + ".job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	run(t, s.dir, "grep -q 'split it' failed/*")
}

// TestACutURLIsNotFetched: a full disk or a power cut may leave half of the URL
// that a miss noted last, and half of a host's name is another host.
func TestACutURLIsNotFetched(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	run(t, s.dir, "printf '%s\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8 https://developer.down' "+cudaURL+" > misses/"+k)
	run(t, s.dir, "mv misses/* queue/ && echo >> queue/"+k)
	if c, err := s.Claim(k); c != nil || err != nil {
		t.Fatal(c, err)
	}
	run(t, s.dir, "grep -q 'take that line out' failed/*")
}

// What a person adds to a miss decides what is fetched, and when: a miss with an
// option that can't be taken is not fetched without it.
func TestOptionThatCannotBeTaken(t *testing.T) {
	for _, line := range []string{"sha256 0123", "SHA256: 0123", "after tomorrow", "accept html"} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		noteMiss(t, s, cudaURL, client1)
		run(t, s.dir, "echo '"+line+"' >> misses/"+k)
		if err := s.Approve(k, "", By{"cli", "x"}); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Claim(k + ".job"); c != nil || err != nil {
			t.Errorf("%s: %+v, %v", line, c, err)
		}
		if log := text(t, s, Failed, k+".job"); !strings.Contains(log, `failed line 3, "`+line+`", can't be taken`) {
			t.Errorf("%s: %s", line, log)
		}
	}
}

// An operator's mv out of active/ to denied/ is a denial, though the worker died
// before it saw it.
func TestDeniedAsItsWorkerDied(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	run(t, s.dir, "mv active/* denied/")
	must(t, s.Recover())
	want(t, s, Denied, base(c.path)) // it lives, and will see it
	c.close()
	must(t, s.Recover())
	want(t, s, Denied, c.Key)
	if v := noteMiss(t, s, cudaURL, client1); v != IsDenied {
		t.Errorf("the next client is told %q", v)
	}
}

// A list that comes slowly stands still after each line, and may stand so for
// long.
func TestAListThatIsOpenIsLeftAlone(t *testing.T) {
	dir := t.TempDir() + "/data"
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, dir, Options{})
		f, err := os.Create(s.job(Queue, "list.job"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i := range 3 {
			fmt.Fprintf(f, "https://example.com/%d.run\n", i)
			for range 8 {
				s.Due()
				if c, err := s.Claim("list.job"); c != nil || err != nil || len(ls(t, s, Queue)) != 1 {
					t.Fatalf("taken after %d lines: %v, %v", i+1, c, err)
				}
				time.Sleep(time.Second)
			}
		}
		j, err := s.JobFile(Queue, "list.job")
		if err != nil || !strings.Contains(j.Note, "open for writing") {
			t.Errorf("%+v, %v", j, err)
		}
		f.Close()
		waitDue(t, s, "list.job")
		if c, err := s.Claim("list.job"); c != nil || err != nil || len(ls(t, s, Queue)) != 3 {
			t.Errorf("closed: %v, %v, queue %q", c, err, ls(t, s, Queue))
		}

		hung, err := os.Create(s.job(Queue, "hung.job"))
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
		c.close()
	})
}
