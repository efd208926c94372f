package fsstore

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/kind"

	"golang.org/x/sys/unix"
)

const carriedURL = "https://vendor.example/carried.tar"

func noHurry(int64) error { return nil }

func mustClaimFor(t *testing.T, s *Store, a Addition) *Claim {
	t.Helper()
	c, err := s.ClaimFor(a, By{"cli", "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// letGoOf wants that an ended claim holds no file open, and so no lock.
func letGoOf(t *testing.T, c *Claim) {
	t.Helper()
	if _, err := c.f.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the job's file is still open: %v", err)
	}
	if c.part != nil {
		t.Error("the part is still open")
	}
}

// The job leaves active/ after the commit, and before it could be moved to
// done/: by digests' lock, which a commit takes between the two.
func TestCarriedInAndCancelledAfterTheCommit(t *testing.T) {
	s := testStore(t)
	c := mustClaimFor(t, s, Addition{URL: carriedURL})
	s.digests.mu.Lock()
	cancelled := make(chan error, 1)
	go func() {
		defer s.digests.mu.Unlock()
		meta := s.path("meta", c.Key+".json")
		for end := time.Now().Add(60 * time.Second); !exists(meta) && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		cancelled <- s.Cancel(c.Key, By{"web", "10.0.0.2"})
	}()
	a, err := c.CarryIn(strings.NewReader("bytes"), 5, noHurry)
	if e := <-cancelled; e != nil {
		t.Fatal(e)
	}
	if err != nil || a == nil || a.SHA256 != digestOf("bytes") {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := s.Lookup(carriedURL); err != nil {
		t.Error(err)
	}
	letGoOf(t, c)
	want(t, s, Active)
	want(t, s, Done)
	want(t, s, Cancelled, c.Key+".job")
	if got := text(t, s, Cancelled, c.Key+".job"); !strings.Contains(got, " done 5 ") || !strings.Contains(got, " cancelled web 10.0.0.2") {
		t.Error(got)
	}
	sound(t, s)
}

func TestCarriedInWhereTheJobCantBeMoved(t *testing.T) {
	s := testStore(t)
	c := mustClaimFor(t, s, Addition{URL: carriedURL})
	a, err := c.CarryIn(strings.NewReader("bytes"), 5, func(int64) error {
		return os.Rename(s.path("done", ""), s.dir+"/../done")
	})
	if err != nil || a == nil {
		t.Fatalf("%+v, %v", a, err)
	}
	letGoOf(t, c)
	run(t, s.dir, "mv ../done done")
	must(t, s.Recover())
	want(t, s, Active)
	want(t, s, Done, c.Key+".job")
	sound(t, s)
}

func TestCarriedInAndCancelledBefore(t *testing.T) {
	for _, reason := range []error{nil, errors.New("interrupted")} { // a cancel that is noticed, and one that is not
		s := testStore(t)
		c := mustClaimFor(t, s, Addition{URL: carriedURL})
		a, err := c.CarryIn(strings.NewReader("bytes"), 5, func(int64) error {
			return errors.Join(s.Cancel(c.Key, By{"cli", "test"}), reason)
		})
		if a != nil || !errors.Is(err, ErrLost) && reason == nil || !errors.Is(err, reason) && reason != nil {
			t.Fatalf("%+v, %v", a, err)
		}
		letGoOf(t, c)
		want(t, s, Active)
		want(t, s, Failed)
		want(t, s, Cancelled, c.Key+".job")
		run(t, s.dir, `test -z "$(ls tmp meta | grep -v :)"`)
	}
}

func TestWhatIsNotCarriedIn(t *testing.T) {
	broken := errors.New("connection reset")
	for _, c := range []struct {
		name string
		add  Addition
		from io.Reader
		size int64
		is   func(error) bool
		log  string
	}{
		{"a reader that breaks off", Addition{}, io.MultiReader(strings.NewReader("byt"), iotest.ErrReader(broken)), 5,
			func(err error) bool {
				short, ok := errors.AsType[*NotWhole](err)
				return ok && short.Have == 3 && errors.Is(err, broken)
			}, "put: it broke off after 3 bytes: connection reset"},
		{"a file that shrank", Addition{}, strings.NewReader("byte"), 5,
			func(err error) bool {
				short, ok := errors.AsType[*NotWhole](err)
				return ok && short.Have == 4 && short.Size == 5 && short.Err == nil
			}, "put: it has 4 bytes, and 5 were to come"},
		{"another digest", Addition{SHA256: digestOf("other")}, strings.NewReader("bytes"), -1,
			func(err error) bool { _, ok := errors.AsType[*WrongDigest](err); return ok },
			"put: sha256 is " + digestOf("bytes")},
		{"a page", Addition{}, strings.NewReader("<!DOCTYPE html><title>Sign in</title>"), -1,
			func(err error) bool { _, ok := errors.AsType[*kind.Mismatch](err); return ok },
			"put: an HTML page came"},
	} {
		s := testStore(t)
		c.add.URL = "https://vendor.example/carried.run"
		claim := mustClaimFor(t, s, c.add)
		if a, err := claim.CarryIn(c.from, c.size, noHurry); a != nil || !c.is(err) {
			t.Errorf("%s: %+v, %v", c.name, a, err)
		}
		letGoOf(t, claim)
		if _, err := s.Lookup(c.add.URL); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is held: %v", c.name, err)
		}
		want(t, s, Active)
		want(t, s, Failed, claim.Key+".job")
		if got := text(t, s, Failed, claim.Key+".job"); !strings.Contains(got, " failed "+c.log) {
			t.Errorf("%s: %s", c.name, got)
		}
		run(t, s.dir, `test -z "$(ls tmp)"`)
	}
}

func TestCarriedInIsToldOf(t *testing.T) {
	s := testStore(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<16/2)
	var have []int64
	_, err := mustClaimFor(t, s, Addition{URL: carriedURL}).CarryIn(iotest.HalfReader(bytes.NewReader(body)), -1, func(n int64) error {
		have = append(have, n)
		return nil
	})
	if n := len(have); err != nil || n < 3 || have[n-1] != int64(len(body)) {
		t.Errorf("told of %d, %v", have, err)
	}
}

// TestCarriedInAfterACutLine: an option stands on a line of its own.
func TestCarriedInAfterACutLine(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, "printf '%s\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8 https://exa' "+carriedURL+" > misses/"+keyOf(t, carriedURL))
	c := mustClaimFor(t, s, Addition{URL: carriedURL, SHA256: digestOf("bytes")})
	if c.Job.Sha256 != digestOf("bytes") {
		t.Error("the digest is not asked for")
	}
	if _, err := c.CarryIn(strings.NewReader("other"), 5, noHurry); !errors.As(err, new(*WrongDigest)) {
		t.Error(err)
	}
}

// TestCarriedInForWhatCannotBeTaken: what a miss asks for and can't be understood is no less asked for.
func TestCarriedInForWhatCannotBeTaken(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, carriedURL)
	for _, c := range []struct {
		sum  string
		want error
	}{{"", ErrInvalid}, {digestOf("bytes"), nil}} {
		run(t, s.dir, "printf '%s\nsha256 0123\n' "+carriedURL+" > misses/"+k)
		claim := mustClaimFor(t, s, Addition{URL: carriedURL, SHA256: c.sum})
		if _, err := claim.CarryIn(strings.NewReader("bytes"), 5, noHurry); !errors.Is(err, c.want) {
			t.Errorf("with the digest %q: %v", c.sum, err)
		}
	}
	if log := text(t, s, Failed, k+".job"); !strings.Contains(log, `line 2, "sha256 0123", can't be taken`) {
		t.Error(log)
	}
}

// TestCarriedInByOneWhoDied: nobody approved that the URL is fetched.
func TestCarriedInByOneWhoDied(t *testing.T) {
	s := testStore(t)
	c := mustClaimFor(t, s, Addition{URL: carriedURL})
	unlock(c.f)
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	want(t, s, Queue)
	want(t, s, Failed, c.Key+".job")
	// else it is taken for one that could not begin
	run(t, s.dir, "tail -1 failed/* | grep -q ' failed put: it broke off, '")
	if err := s.Retry(c.Key+".job", By{"cli", "test"}); err != nil { // an operator may want that
		t.Fatal(err)
	}
	if c := claimNext(t, s); leave(&c.Job).Via == viaPut {
		t.Error("it is fetched now")
	}
}

// TestCarriedInAndCommitted: whoever can't read meta, for no descriptor is left,
// does not know that a put which died had been committed.
func TestCarriedInAndCommitted(t *testing.T) {
	if !alone(t) {
		return
	}
	s := testStore(t)
	c := mustClaimFor(t, s, Addition{URL: carriedURL})
	run(t, s.dir, "cp active/* tmp/before")
	active := c.path
	if _, err := c.CarryIn(strings.NewReader("abc"), 3, noHurry); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "rm done/*; mv tmp/before "+active)
	s = openAt(t, s.dir, Options{})
	f, err := openJob(active)
	must(t, err)
	b, err := slurp(f, maxJobFile)
	must(t, err)
	orphan := &Claim{Key: c.Key, Worker: c.Worker, Job: job.Parse(b).Jobs[0], s: s, f: f, path: active}
	var was unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: was.Max}))
	err = orphan.recover()
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("without a descriptor: %v", err)
	}
	must(t, orphan.recover())
	want(t, s, Failed)
	want(t, s, Done, c.Key+".job")
}

// TestFailedPutMovedToTheQueue: the mv is an approval, before its claim has
// written so too. A put that died after the line that it has failed is none.
func TestFailedPutMovedToTheQueue(t *testing.T) {
	for how, c := range map[string]struct {
		mv   string
		then State
	}{
		"given back":         {"mv failed/K.job queue/; mv queue/K.job active/K@0123456789abcdef.job", Queue},
		"died as it failed":  {"mv failed/K.job active/K@W.job", Failed},
		"died as it began":   {"sed -i '/ claim /,$d' failed/K.job; mv failed/K.job active/K@W.job", Failed},
		"died as it carried": {"sed -i '/ failed /d' failed/K.job; mv failed/K.job active/K@W.job", Failed},
	} {
		s := testStore(t)
		claim := mustClaimFor(t, s, Addition{URL: carriedURL})
		if _, err := claim.CarryIn(strings.NewReader("abc"), 4, noHurry); err == nil {
			t.Fatal("it was not whole")
		}
		run(t, s.dir, strings.NewReplacer("K", claim.Key, "W", claim.Worker).Replace(c.mv))
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if want := claim.Key + ".job"; !exists(s.job(c.then, want)) {
			t.Errorf("%s: not in %s/: queue %q, failed %q", how, c.then, ls(t, s, Queue), ls(t, s, Failed))
		}
	}
}

// TestCarriedInKeepsTheReserve: however long a stream of unknown length goes on.
func TestCarriedInKeepsTheReserve(t *testing.T) {
	s := testStore(t)
	free, _, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	c := mustClaimFor(t, s, Addition{URL: carriedURL})
	s.minFree = free / 2
	_, err = c.CarryIn(zeros{}, -1, func(have int64) error {
		s.minFree = 2 * free // somebody else fills the disk
		if have > 8<<20 {
			return errors.New("it goes on")
		}
		return nil
	})
	if !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// A job in queue/ whose newest leave is that of a put was moved there by a person,
// who thereby approves that its URL is fetched: a put itself never goes there.
func TestPutMovedToQueue(t *testing.T) {
	for name, moved := range map[string]func(s *Store, k string){
		"killed before it began": func(s *Store, k string) {
			run(t, s.dir, "echo '"+strings.TrimSpace(By{viaPut, "x"}.event(job.Approve).Line())+"' >> misses/"+k+"; mv misses/"+k+" queue/"+k+".job")
		},
		"alive": func(s *Store, k string) {
			c, err := s.ClaimFor(Addition{URL: cudaURL}, tester)
			must(t, err)
			run(t, s.dir, "mv active/* queue/"+k+".job")
			must(t, c.Cancelled())
		},
	} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		noteMiss(t, s, cudaURL, client1)
		moved(s, k)
		c := mustClaim(t, s, k+".job")
		if e := c.Job.Approval(); e.Via != "shell" {
			t.Errorf("%s: approved by %+v", name, e)
		}
		must(t, c.Again("503", time.Now().Add(time.Hour)))
		want(t, s, Queue, k+".job")
		run(t, s.dir, "sed -i 's/, after.*//' queue/*")
		c = mustClaim(t, s, k+".job")
		c.close() // died
		must(t, s.Recover())
		want(t, s, Queue, k+".job")
		want(t, s, Failed)
	}
}

// A claim of such a job that another one of its key outranks gives it back.
func TestPutMovedToQueueIsGivenBack(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	content := cudaURL + "\n" + By{viaPut, "x"}.event(job.Approve).Line()
	f, err := s.writeTemp([]byte(content), 0o660, false)
	must(t, err)
	must(t, os.Rename(f.Name(), s.job(Queue, k+".job")))
	must(t, os.WriteFile(s.job(Active, activeJobName(k, badWorker)), []byte(cudaURL+"\n"), 0o660))
	c := &Claim{Key: k, Worker: newWorker(), Job: job.Parse([]byte(content)).Jobs[0], s: s, f: f, moved: true}
	if c, err := c.take(s.job(Queue, k+".job"), k); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	want(t, s, Queue, k+".job")
	want(t, s, Failed)
}
