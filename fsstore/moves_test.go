package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/job"
)

// A job that failed so often that its log is full can still be given another URL.
func TestRetryAsOfAFullLog(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	if err := c.Fail("the job's log is full"); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "yes '2026-11-22T21:31:40Z error 503 Service Unavailable' | head -c 66000 >> failed/"+c.Key+".job; echo >> failed/"+c.Key+".job")
	if err := s.RetryAs("", c.Key, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new", By{"web", "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	c = claimNext(t, s)
	if e, _ := c.Job.Newest(job.Retry); c.URL != cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new" || e.Addr != "10.0.0.2" {
		t.Errorf("fetching %s, retried by %+v", c.URL, e)
	}
}

// One name in several directories: a button's is its own row's, and without a
// directory a verb takes the job whose log is newest, of which the others are
// history. The line beside it says the same.
func TestVerbsTakeTheFileThatIsMeant(t *testing.T) {
	const name = "k.job"
	at := map[State]string{Failed: "2026-11-22T21:31:00Z failed 503", Cancelled: "2026-11-23T21:31:00Z cancelled web", Done: "2026-11-24T21:31:00Z done - -"}
	retry := func(s *Store, st State) error { return s.RetryAs(st, name, "", By{"web", ""}) }
	with := func(s *Store, st State) error { return s.RetryWith(st, name, Addition{AcceptAny: true}, By{"web", ""}) }
	dismiss := func(s *Store, st State) error { return s.DismissIn(st, name, By{"web", ""}) }
	for _, c := range []struct {
		told, takes State
		do          func(*Store, State) error
	}{
		{Failed, Failed, retry},
		{Cancelled, Cancelled, retry},
		{Done, Done, retry},
		{"", Done, retry},
		{Failed, Failed, with},
		{Failed, Failed, dismiss},
		{Cancelled, Cancelled, dismiss},
		{"", Cancelled, dismiss},
	} {
		s := testStore(t)
		for st, line := range at {
			if err := os.WriteFile(s.job(st, name), []byte(cudaURL+"\n"+line+"\n"), 0o660); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.do(s, c.told); err != nil {
			t.Fatal(err)
		}
		for st := range at {
			if gone := !exists(s.job(st, name)); gone != (st == c.takes) {
				t.Errorf("told %q: gone from %s/ is %v", c.told, st, gone)
			}
		}
		if err := c.do(s, Queue); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("told queue/: %v", err)
		}
	}
}

// The newest job that has ended has its key's name, and keeps the reason that stands beside it; a
// retry of the key takes it, then those that have a number.
func TestTheNewestHasTheName(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	for i := range 3 {
		c := mustClaim(t, s, add(t, s, cudaURL))
		if err := c.Fail(fmt.Sprint("reason ", i)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			run(t, s.dir, "echo beside > failed/"+k+".job.why")
		}
	}
	want(t, s, Failed, k+".2.job", k+".2.job.why", k+".3.job", k+".job")
	for i, name := range []string{k + ".2.job", k + ".3.job", k + ".job"} {
		if got := text(t, s, Failed, name); !strings.HasSuffix(got, fmt.Sprint(" reason ", i, "\n")) {
			t.Errorf("%s: %s", name, got)
		}
	}
	for range 3 {
		if err := s.Retry(k, By{"cli", "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := text(t, s, Queue, k+".job"); !strings.Contains(got, " reason 2\n") {
		t.Error(got)
	}
	want(t, s, Failed)
}

// In one directory, too: a name is that file's before it is a key's.
func TestVerbsTakeTheVeryName(t *testing.T) {
	for _, name := range []string{"k", "k.job"} {
		s := testStore(t)
		run(t, s.dir, `for n in k k.job; do echo https://example.com/x.run > cancelled/$n; done
			echo '2026-11-22T21:31:00Z cancelled web' >> cancelled/k; echo '2026-11-24T21:31:00Z cancelled web' >> cancelled/k.job`)
		if err := s.DismissIn(Cancelled, name, By{"web", ""}); err != nil || exists(s.job(Cancelled, name)) || len(ls(t, s, Cancelled)) != 1 {
			t.Errorf("%s: %v; left %q", name, err, ls(t, s, Cancelled))
		}
	}
}

// A row whose miss has been approved meanwhile removes no older job of its key.
func TestDismissOfAMissIsOfNoJob(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	if err := c.Fail("503"); err != nil {
		t.Fatal(err)
	}
	if err := s.DismissIn(Misses, c.Key, By{"web", ""}); !errors.Is(err, fs.ErrNotExist) || len(ls(t, s, Failed)) != 1 {
		t.Errorf("%v; failed/ has %v", err, ls(t, s, Failed))
	}
}

// fullAt makes every write beyond so many bytes of a file fail, in the middle
// of a line, as a full disk does. The limit is the whole process's: a test that
// wants it begins with alone, else go's own record of the tests may meet it.
func fullAt(t *testing.T, size int64) (roomy func()) {
	t.Helper()
	if os.Getenv(aloneTest) == "" {
		t.Fatal("fullAt outside a process of the test's own")
	}
	var was unix.Rlimit
	signal.Ignore(syscall.SIGXFSZ)
	must(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &was))
	must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(size), Max: was.Max}))
	return func() {
		must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &was))
		signal.Reset(syscall.SIGXFSZ)
	}
}

const aloneTest = "FROMCACHE_TEST_ALONE"

// alone runs the test in a process of its own, and says whether this is it.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneTest) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.count=1", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), aloneTest+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Half a line holds half a URL, which is another one: neither it nor the job
// may come to the queue, then or by a plain retry.
func TestHalfALineRetriesNothing(t *testing.T) {
	if !alone(t) {
		return
	}
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	if err := c.Fail("403 Forbidden"); err != nil {
		t.Fatal(err)
	}
	before := text(t, s, Failed, c.Key+".job")
	roomy := fullAt(t, int64(len(before)+80))
	err := s.RetryAs("", c.Key, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new", By{"web", "10.0.0.2"})
	roomy()
	if err == nil {
		t.Error("retried under a URL that could not be written")
	}
	want(t, s, Failed, c.Key+".job")
	if got := text(t, s, Failed, c.Key+".job"); got != before {
		t.Errorf("left behind: %q", strings.TrimPrefix(got, before))
	}
	if err := s.Retry(c.Key, By{"web", "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	if c := claimNext(t, s); c.URL != cudaURL {
		t.Errorf("fetching %s", c.URL)
	}
}

// What only tells who it was may be lost: a full disk hinders no plain retry.
func TestAPlainRetryNeedsNoRoom(t *testing.T) {
	if !alone(t) {
		return
	}
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	if err := c.Fail("no"); err != nil {
		t.Fatal(err)
	}
	roomy := fullAt(t, sizeOf(t, s.job(Failed, c.Key+".job")))
	err := s.Retry(c.Key, By{"web", "10.0.0.2"})
	roomy()
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := claimNext(t, s).Job.Newest(job.Retry); e.Via != "shell" {
		t.Errorf("%+v", e)
	}
}

// A job that a worker is about to claim goes beside what was cancelled before.
func TestCancelOfWhatIsBeingClaimed(t *testing.T) {
	s := testStore(t)
	name := keyOf(t, cudaURL) + ".job"
	for _, before := range []string{"", "2026-11-22T21:31:00Z earlier\n"} {
		add(t, s, cudaURL)
		f, err := openJob(s.job(Queue, name))
		if err != nil || lock(f) != nil {
			t.Fatal(err)
		}
		if before != "" {
			run(t, s.dir, "printf '"+before+"' >> cancelled/"+name)
		}
		if err := s.Cancel(name, tester); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	want(t, s, Cancelled, stemOf(name)+".2.job", name)
	if log := text(t, s, Cancelled, stemOf(name)+".2.job"); !strings.HasSuffix(log, "earlier\n") {
		t.Error(log)
	}
}

// What a retry adds is in the job before it can be claimed.
func TestRetryWithOptions(t *testing.T) {
	name := keyOf(t, cudaURL) + ".job"
	more := Addition{AcceptHTML: true, SHA256: strings.Repeat("0A", 32)}
	s := testStore(t)
	if err := os.WriteFile(s.job(Failed, name), []byte(cudaURL+"\n2026-11-22T21:31:00Z failed a page came"), 0o660); err != nil { // no end of the line
		t.Fatal(err)
	}
	if err := s.RetryWith(Failed, name, more, By{"web", ""}); err != nil {
		t.Fatal(err)
	}
	c := claimNext(t, s)
	if !c.Job.AcceptHTML || c.Job.AcceptAny || c.Job.Sha256 != strings.Repeat("0a", 32) {
		t.Errorf("%+v", c.Job)
	}
	s = testStore(t)
	if err := s.RetryWith(Failed, name, Addition{SHA256: "0a"}, By{"web", ""}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a digest that is none: %v", err)
	}
}

// A cancel that comes as workers look for jobs cancels: nobody takes its line for
// the past of a job that a person has moved back.
func TestCancelAmongClaims(t *testing.T) {
	s := testStore(t)
	name := add(t, s, cudaURL)
	k := strings.TrimSuffix(name, ".job")
	for range 200 {
		claimed := make(chan *Claim)
		go func() {
			var c *Claim
			for c == nil && exists(s.job(Queue, name)) {
				b, _ := readFile(s.job(Queue, name), maxJobFile)
				if _, last, _ := strings.Cut(string(b[max(0, len(b)-60):]), "Z "); strings.Contains(last, "cancelled") {
					c, _ = s.Claim(name) // as the line wakes who watches the directory
				}
			}
			claimed <- c
		}()
		err := s.Cancel(k, By{Via: "cli"})
		c := <-claimed
		switch {
		case err == nil && c != nil && c.Held():
			t.Fatal("a cancelled job goes on")
		case err == nil && c != nil:
			err = c.Cancelled()
		case c != nil: // it was on its way from queue/ to active/
			err = c.Fail("not found")
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Retry(k, By{Via: "cli"}); err != nil {
			t.Fatal(err)
		}
	}
}
