package verbs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// A job that failed so often that its log is full can still be given another URL.
func TestRetryAsOfAFullLog(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Fail("the job's log is full"); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "yes '2026-11-22T21:31:40Z error 503 Service Unavailable' | head -c 66000 >> failed/"+c.Key+".job; echo >> failed/"+c.Key+".job")
	if err := s.RetryAs("", c.Key, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new", fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	c = storetest.ClaimNext(t, s)
	if e, _ := c.Job.Newest(job.Retry); c.URL != storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new" || e.Addr != "10.0.0.2" {
		t.Errorf("fetching %s, retried by %+v", c.URL, e)
	}
}

// One name in several directories: a button's is its own row's, and without a
// directory a verb takes the job whose log is newest, of which the others are
// history. The line beside it says the same.
func TestVerbsTakeTheFileThatIsMeant(t *testing.T) {
	const name = "k.job"
	at := map[fsstore.State]string{fsstore.Failed: "2026-11-22T21:31:00Z failed 503", fsstore.Cancelled: "2026-11-23T21:31:00Z cancelled web", fsstore.Done: "2026-11-24T21:31:00Z done - -"}
	retry := func(s *fsstore.Store, st fsstore.State) error {
		return s.RetryAs(st, name, "", fsstore.Operator{Via: "web", Addr: ""})
	}
	with := func(s *fsstore.Store, st fsstore.State) error {
		return s.RetryWith(st, name, fsstore.Addition{AcceptAny: true}, fsstore.Operator{Via: "web", Addr: ""})
	}
	dismiss := func(s *fsstore.Store, st fsstore.State) error {
		return s.DismissIn(st, name, fsstore.Operator{Via: "web", Addr: ""})
	}
	for _, c := range []struct {
		told, takes fsstore.State
		do          func(*fsstore.Store, fsstore.State) error
	}{
		{fsstore.Failed, fsstore.Failed, retry},
		{fsstore.Cancelled, fsstore.Cancelled, retry},
		{fsstore.Done, fsstore.Done, retry},
		{"", fsstore.Done, retry},
		{fsstore.Failed, fsstore.Failed, with},
		{fsstore.Failed, fsstore.Failed, dismiss},
		{fsstore.Cancelled, fsstore.Cancelled, dismiss},
		{"", fsstore.Cancelled, dismiss},
	} {
		s := storetest.TestStore(t)
		for st, line := range at {
			if err := os.WriteFile(storetest.JobPath(s, st, name), []byte(storetest.CudaURL+"\n"+line+"\n"), 0o660); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.do(s, c.told); err != nil {
			t.Fatal(err)
		}
		for st := range at {
			if gone := !tree.Exists(storetest.JobPath(s, st, name)); gone != (st == c.takes) {
				t.Errorf("told %q: gone from %s/ is %v", c.told, st, gone)
			}
		}
		if err := c.do(s, fsstore.Queue); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("told queue/: %v", err)
		}
	}
}

// The newest job that has ended has its key's name, and keeps the reason that stands beside it; a
// retry of the key takes it, then those that have a number.
func TestTheNewestHasTheName(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	for i := range 3 {
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		if err := c.Fail(fmt.Sprint("reason ", i)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			storetest.Run(t, s.Dir(), "echo beside > failed/"+k+".job.why")
		}
	}
	storetest.Want(t, s, fsstore.Failed, k+".2.job", k+".2.job.why", k+".3.job", k+".job")
	for i, name := range []string{k + ".2.job", k + ".3.job", k + ".job"} {
		if got := storetest.Text(t, s, fsstore.Failed, name); !strings.HasSuffix(got, fmt.Sprint(" reason ", i, "\n")) {
			t.Errorf("%s: %s", name, got)
		}
	}
	for range 3 {
		if err := s.Retry(k, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := storetest.Text(t, s, fsstore.Queue, k+".job"); !strings.Contains(got, " reason 2\n") {
		t.Error(got)
	}
	storetest.Want(t, s, fsstore.Failed)
}

// In one directory, too: a name is that file's before it is a key's.
func TestVerbsTakeTheVeryName(t *testing.T) {
	for _, name := range []string{"k", "k.job"} {
		s := storetest.TestStore(t)
		storetest.Run(t, s.Dir(), `for n in k k.job; do echo https://example.com/x.run > cancelled/$n; done
			echo '2026-11-22T21:31:00Z cancelled web' >> cancelled/k; echo '2026-11-24T21:31:00Z cancelled web' >> cancelled/k.job`)
		if err := s.DismissIn(fsstore.Cancelled, name, fsstore.Operator{Via: "web", Addr: ""}); err != nil || tree.Exists(storetest.JobPath(s, fsstore.Cancelled, name)) || len(storetest.Ls(t, s, fsstore.Cancelled)) != 1 {
			t.Errorf("%s: %v; left %q", name, err, storetest.Ls(t, s, fsstore.Cancelled))
		}
	}
}

// A row whose miss has been approved meanwhile removes no older job of its key.
func TestDismissOfAMissIsOfNoJob(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Fail("503"); err != nil {
		t.Fatal(err)
	}
	if err := s.DismissIn(fsstore.Misses, c.Key, fsstore.Operator{Via: "web", Addr: ""}); !errors.Is(err, fs.ErrNotExist) || len(storetest.Ls(t, s, fsstore.Failed)) != 1 {
		t.Errorf("%v; failed/ has %v", err, storetest.Ls(t, s, fsstore.Failed))
	}
}

// Half a line holds half a URL, which is another one: neither it nor the job
// may come to the queue, then or by a plain retry.
func TestHalfALineRetriesNothing(t *testing.T) {
	if !storetest.Alone(t) {
		return
	}
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Fail("403 Forbidden"); err != nil {
		t.Fatal(err)
	}
	before := storetest.Text(t, s, fsstore.Failed, c.Key+".job")
	roomy := storetest.FullAt(t, int64(len(before)+80))
	err := s.RetryAs("", c.Key, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=new", fsstore.Operator{Via: "web", Addr: "10.0.0.2"})
	roomy()
	if err == nil {
		t.Error("retried under a URL that could not be written")
	}
	storetest.Want(t, s, fsstore.Failed, c.Key+".job")
	if got := storetest.Text(t, s, fsstore.Failed, c.Key+".job"); got != before {
		t.Errorf("left behind: %q", strings.TrimPrefix(got, before))
	}
	if err := s.Retry(c.Key, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	if c := storetest.ClaimNext(t, s); c.URL != storetest.CudaURL {
		t.Errorf("fetching %s", c.URL)
	}
}

// What only tells who it was may be lost: a full disk hinders no plain retry.
func TestAPlainRetryNeedsNoRoom(t *testing.T) {
	if !storetest.Alone(t) {
		return
	}
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Fail("no"); err != nil {
		t.Fatal(err)
	}
	roomy := storetest.FullAt(t, storetest.SizeOf(t, storetest.JobPath(s, fsstore.Failed, c.Key+".job")))
	err := s.Retry(c.Key, fsstore.Operator{Via: "web", Addr: "10.0.0.2"})
	roomy()
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := storetest.ClaimNext(t, s).Job.Newest(job.Retry); e.Via != "shell" {
		t.Errorf("%+v", e)
	}
}

// A job that a worker is about to claim goes beside what was cancelled before.
func TestCancelOfWhatIsBeingClaimed(t *testing.T) {
	s := storetest.TestStore(t)
	name := storetest.KeyOf(t, storetest.CudaURL) + ".job"
	for _, before := range []string{"", "2026-11-22T21:31:00Z earlier\n"} {
		storetest.Add(t, s, storetest.CudaURL)
		f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Queue, name))
		if err != nil || tree.Lock(f) != nil {
			t.Fatal(err)
		}
		if before != "" {
			storetest.Run(t, s.Dir(), "printf '"+before+"' >> cancelled/"+name)
		}
		if err := s.Cancel(name, storetest.Operator); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	storetest.Want(t, s, fsstore.Cancelled, tree.StemOf(name)+".2.job", name)
	if log := storetest.Text(t, s, fsstore.Cancelled, tree.StemOf(name)+".2.job"); !strings.HasSuffix(log, "earlier\n") {
		t.Error(log)
	}
}

// What a retry adds is in the job before it can be claimed.
func TestRetryWithOptions(t *testing.T) {
	name := storetest.KeyOf(t, storetest.CudaURL) + ".job"
	more := fsstore.Addition{AcceptHTML: true, SHA256: strings.Repeat("0A", 32)}
	s := storetest.TestStore(t)
	if err := os.WriteFile(storetest.JobPath(s, fsstore.Failed, name), []byte(storetest.CudaURL+"\n2026-11-22T21:31:00Z failed a page came"), 0o660); err != nil { // no end of the line
		t.Fatal(err)
	}
	if err := s.RetryWith(fsstore.Failed, name, more, fsstore.Operator{Via: "web"}); err != nil {
		t.Fatal(err)
	}
	c := storetest.ClaimNext(t, s)
	if !c.Job.AcceptHTML || c.Job.AcceptAny || c.Job.Sha256 != strings.Repeat("0a", 32) {
		t.Errorf("%+v", c.Job)
	}
	s = storetest.TestStore(t)
	if err := s.RetryWith(fsstore.Failed, name, fsstore.Addition{SHA256: "0a"}, fsstore.Operator{Via: "web", Addr: ""}); !errors.Is(err, fsstore.ErrInvalid) {
		t.Errorf("a digest that is none: %v", err)
	}
}

// A cancel that comes as workers look for jobs cancels: nobody takes its line for
// the past of a job that a person has moved back.
func TestCancelAmongClaims(t *testing.T) {
	s := storetest.TestStore(t)
	name := storetest.Add(t, s, storetest.CudaURL)
	k := strings.TrimSuffix(name, ".job")
	for range 200 {
		claimed := make(chan *fsstore.Claim)
		go func() {
			var c *fsstore.Claim
			for c == nil && tree.Exists(storetest.JobPath(s, fsstore.Queue, name)) {
				b, _ := tree.ReadFile(storetest.JobPath(s, fsstore.Queue, name), tree.MaxJobFile)
				if _, last, _ := strings.Cut(string(b[max(0, len(b)-60):]), "Z "); strings.Contains(last, "cancelled") {
					c, _ = s.Claim(name) // as the line wakes who watches the directory
				}
			}
			claimed <- c
		}()
		err := s.Cancel(k, fsstore.Operator{Via: "cli"})
		c := <-claimed
		switch {
		case err == nil && c != nil && c.Owns():
			t.Fatal("a cancelled job goes on")
		case err == nil && c != nil:
			err = c.Cancel()
		case c != nil: // it was on its way from queue/ to active/
			err = c.Fail("not found")
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Retry(k, fsstore.Operator{Via: "cli"}); err != nil {
			t.Fatal(err)
		}
	}
}
