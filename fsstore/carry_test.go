package fsstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/kind"
)

const carriedURL = "https://vendor.example/carried.tar"

func noHurry(int64) error { return nil }

// put carries in a body whose length is known.
func put(s *Store, a Addition, body string) (*Artifact, error) {
	return s.Put(a, strings.NewReader(body), int64(len(body)), operator, noHurry)
}

// putIn is put of what must be taken.
func putIn(t *testing.T, s *Store, url, body string) *Artifact {
	t.Helper()
	a, err := put(s, Addition{URL: url}, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The job of a put is made when all is done: the miss's history, and who carried the file in.
func TestPutHasTheHistoryOfItsMiss(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	noteMiss(t, s, cudaURL, client1)
	run(t, s.dir, "printf '2026-11-22T21:27:26Z miss 10.0.0.9 curl/8' >> misses/"+k) // its end was cut off
	a := putIn(t, s, cudaURL, "carried")
	if a.Approved.Via != "put" || a.Misses != 2 || a.Claim == "" {
		t.Errorf("%+v", a)
	}
	want(t, s, Misses)
	want(t, s, Queue)
	want(t, s, Active)
	want(t, s, Done, k+".job")
	log := text(t, s, Done, k+".job")
	for _, line := range []string{cudaURL, " miss 10.0.0.7 ", " miss 10.0.0.9 ", " approve put test", " claim ", " " + a.Claim, " done 7 " + a.SHA256} {
		if !strings.Contains(log, line) {
			t.Errorf("no %q in\n%s", line, log)
		}
	}
	sound(t, s)
}

// What is held is held, whatever becomes of its job.
func TestPutWhereTheJobCantBeWritten(t *testing.T) {
	s := testStore(t)
	a, err := s.Put(Addition{URL: carriedURL}, strings.NewReader("bytes"), 5, operator, func(int64) error {
		return os.Rename(s.path("done", ""), s.dir+"/../done")
	})
	if err != nil || a == nil {
		t.Fatalf("%+v, %v", a, err)
	}
	run(t, s.dir, "mv ../done done; test -z \"$(ls -A tmp)\"")
	want(t, s, Active)
	sound(t, s)
}

// What is being fetched was approved before, and ends.
func TestPutEndsWhatIsFetched(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	ended := make(chan error, 1)
	go func() {
		for end := time.Now().Add(60 * time.Second); c.Held() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		ended <- c.Cancelled()
	}()
	putIn(t, s, cudaURL, "by hand")
	must(t, <-ended)
	want(t, s, Active)
	want(t, s, Cancelled, c.Key+".job")
	run(t, s.dir, "grep -q ' cancelled put test, a file was carried in' cancelled/*")
	if b := bodyOf(t, s, cudaURL); b != "by hand" {
		t.Errorf("held: %q", b)
	}
	sound(t, s)
}

// A worker that had begun its commit may end it after the put's: the put waits for it, and stands.
func TestPutStandsAboveACommitThatHadBegun(t *testing.T) {
	s := testStore(t)
	c := mustClaim(t, s, add(t, s, cudaURL))
	p, err := c.Part(t.Context(), false)
	must(t, err)
	_, err = p.Write([]byte("of the origin"))
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		for end := time.Now().Add(60 * time.Second); c.Held() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		must(t, p.seal())
		digest, err := p.toBlob()
		must(t, err)
		_, err = c.commit(c.meta(digest, p.size, Origin{}))
		ended <- errors.Join(err, c.Cancelled())
	}()
	a := putIn(t, s, cudaURL, "by hand")
	must(t, <-ended)
	if b := bodyOf(t, s, cudaURL); b != "by hand" || len(a.History) != 2 {
		t.Errorf("held: %q after %+v", b, a.History)
	}
	sound(t, s)
}

func TestPutOfWhatIsNotTaken(t *testing.T) {
	broken := errors.New("connection reset")
	for _, c := range []struct {
		name string
		add  Addition
		from io.Reader
		size int64
		is   func(error) bool
	}{
		{"a reader that breaks off", Addition{}, io.MultiReader(strings.NewReader("byt"), iotest.ErrReader(broken)), 5,
			func(err error) bool {
				short, ok := errors.AsType[*NotWhole](err)
				return ok && short.Have == 3 && errors.Is(err, broken)
			}},
		{"a file that shrank", Addition{}, strings.NewReader("byte"), 5,
			func(err error) bool {
				short, ok := errors.AsType[*NotWhole](err)
				return ok && short.Have == 4 && short.Size == 5 && short.Err == nil
			}},
		{"another digest", Addition{SHA256: digestOf("other")}, strings.NewReader("bytes"), -1,
			func(err error) bool { _, ok := errors.AsType[*WrongDigest](err); return ok }},
		{"a page", Addition{}, strings.NewReader("<!DOCTYPE html><title>Sign in</title>"), -1,
			func(err error) bool { _, ok := errors.AsType[*kind.Mismatch](err); return ok }},
	} {
		s := testStore(t)
		c.add.URL = "https://vendor.example/carried.run"
		noteMiss(t, s, c.add.URL, client1)
		if a, err := s.Put(c.add, c.from, c.size, operator, noHurry); a != nil || !c.is(err) {
			t.Errorf("%s: %+v, %v", c.name, a, err)
		}
		if _, err := s.Lookup(c.add.URL); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is held: %v", c.name, err)
		}
		want(t, s, Active)
		want(t, s, Failed)
		want(t, s, Misses, keyOf(t, c.add.URL))
		run(t, s.dir, `test -z "$(ls -A tmp)" && test "$(ls blobs meta done | wc -w)" = 3`)
	}
}

func TestPutTellsHowFarItIs(t *testing.T) {
	s := testStore(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<16/2)
	var have []int64
	_, err := s.Put(Addition{URL: carriedURL}, iotest.HalfReader(bytes.NewReader(body)), -1, operator, func(n int64) error {
		have = append(have, n)
		return nil
	})
	if n := len(have); err != nil || n < 3 || have[n-1] != int64(len(body)) {
		t.Errorf("told of %d, %v", have, err)
	}
}

// TestPutAfterACutLine: an option stands on a line of its own.
func TestPutAfterACutLine(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, "printf '%s\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8 https://exa' "+carriedURL+" > misses/"+keyOf(t, carriedURL))
	if _, err := put(s, Addition{URL: carriedURL, SHA256: digestOf("bytes")}, "other"); !errors.As(err, new(*WrongDigest)) {
		t.Error(err)
	}
}

// What a miss asks for counts, and what of it can't be understood is no less asked for.
func TestPutForAMissWithOptions(t *testing.T) {
	wrong := new(*WrongDigest)
	for _, c := range []struct {
		line, sum string
		is        func(error) bool
	}{
		{"sha256 0123", "", func(err error) bool {
			return errors.Is(err, ErrInvalid) && strings.Contains(err.Error(), `line 2, "sha256 0123", can't be taken`)
		}},
		{"sha256 0123", digestOf("bytes"), func(err error) bool { return err == nil }},
		{"sha256 " + digestOf("other"), "", func(err error) bool { return errors.As(err, wrong) }},
		{"sha256 " + digestOf("bytes"), "", func(err error) bool { return err == nil }},
	} {
		s := testStore(t)
		run(t, s.dir, fmt.Sprintf("printf '%s\n%s\n' > misses/%s", carriedURL, c.line, keyOf(t, carriedURL)))
		if _, err := put(s, Addition{URL: carriedURL, SHA256: c.sum}, "bytes"); !c.is(err) {
			t.Errorf("%q with the digest %q: %v", c.line, c.sum, err)
		}
	}
}

// A put that was killed leaves a file in tmp/, which gc takes when it is old.
func TestPutThatWasKilled(t *testing.T) {
	s := testStore(t)
	noteMiss(t, s, carriedURL, client1)
	c, _, err := s.claimForPut(Addition{URL: carriedURL}, operator)
	must(t, err)
	p, err := c.putPart()
	must(t, err)
	_, err = p.Write([]byte("half"))
	must(t, err)
	if _, err := s.GC(GCOptions{}); err != nil || !exists(p.path) {
		t.Fatal("a put that lives lost its file: ", err)
	}
	p.close() // as a kill does
	want(t, s, Misses, keyOf(t, carriedURL))
	want(t, s, Active)
	if name := base(p.path); name[0] != '.' {
		t.Errorf("%s is no name that gc takes after a day", name)
	}
}

// An earlier server's put was a claim: nobody approved that its URL is fetched.
func TestPutOfAnEarlierServerThatDied(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, carriedURL)
	approve := By{viaPut, "x"}.event(job.Approve).Line()
	must(t, os.WriteFile(s.job(Active, activeJobName(k, badWorker)), []byte(carriedURL+"\n"+approve), 0o660))
	must(t, s.Recover())
	want(t, s, Queue)
	run(t, s.dir, "tail -1 failed/"+k+".job | grep -q ' failed put: it broke off, '")
	run(t, s.dir, "mv failed/* queue/") // an operator may want that
	c := mustClaim(t, s, k+".job")
	if e := leave(&c.Job); e.Via != "shell" {
		t.Errorf("it is fetched under %+v", e)
	}
	c.close()
	must(t, s.Recover())
	want(t, s, Queue, k+".job")
}

// TestPutKeepsTheReserve: however long a stream of unknown length goes on.
func TestPutKeepsTheReserve(t *testing.T) {
	s := testStore(t)
	free, _, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	s.minFree = free / 2
	_, err = s.Put(Addition{URL: carriedURL}, zeros{}, -1, operator, func(have int64) error {
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
