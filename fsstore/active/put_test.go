package active_test

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

	"fromcache/fsstore"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/kind"
)

// The job of a put is made when all is done: the miss's history, and who carried the file in.
func TestPutHasTheHistoryOfItsMiss(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), "printf '2026-11-22T21:27:26Z miss 10.0.0.9 curl/8' >> misses/"+k) // its end was cut off
	a := storetest.PutIn(t, s, storetest.CudaURL, "carried")
	if a.Approved.Via != "put" || a.Misses != 2 || a.Claim == "" {
		t.Errorf("%+v", a)
	}
	storetest.Want(t, s, fsstore.Misses)
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Active)
	storetest.Want(t, s, fsstore.Done, k+".job")
	log := storetest.Text(t, s, fsstore.Done, k+".job")
	for _, line := range []string{storetest.CudaURL, " miss 10.0.0.7 ", " miss 10.0.0.9 ", " approve put test", " claim ", " " + a.Claim, " done 7 " + a.SHA256} {
		if !strings.Contains(log, line) {
			t.Errorf("no %q in\n%s", line, log)
		}
	}
	storetest.Sound(t, s)
}

// What is held is held, whatever becomes of its job.
func TestPutWhereTheJobCantBeWritten(t *testing.T) {
	s := storetest.TestStore(t)
	a, err := s.Put(fsstore.Addition{URL: storetest.CarriedURL}, strings.NewReader("bytes"), 5, storetest.Operator, func(int64) error {
		return os.Rename(storetest.Path(s, "done", ""), s.Dir()+"/../done")
	})
	if err != nil || a == nil {
		t.Fatalf("%+v, %v", a, err)
	}
	storetest.Run(t, s.Dir(), "mv ../done done; test -z \"$(ls -A tmp)\"")
	storetest.Want(t, s, fsstore.Active)
	storetest.Sound(t, s)
}

// What is being fetched was approved before, and ends.
func TestPutEndsWhatIsFetched(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	ended := make(chan error, 1)
	go func() {
		for end := time.Now().Add(60 * time.Second); c.Owns() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		ended <- c.Cancel()
	}()
	storetest.PutIn(t, s, storetest.CudaURL, "by hand")
	storetest.Must(t, <-ended)
	storetest.Want(t, s, fsstore.Active)
	storetest.Want(t, s, fsstore.Cancelled, c.Key+".job")
	storetest.Run(t, s.Dir(), "grep -q ' cancelled put test, a file was carried in' cancelled/*")
	if b := storetest.BodyOf(t, s, storetest.CudaURL); b != "by hand" {
		t.Errorf("held: %q", b)
	}
	storetest.Sound(t, s)
}

// A worker that had begun its commit may end it after the put's: the put waits for it, and stands.
func TestPutStandsAboveACommitThatHadBegun(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, err := c.Part(t.Context(), false)
	storetest.Must(t, err)
	_, err = p.Write([]byte("of the origin"))
	storetest.Must(t, err)
	ended := make(chan error, 1)
	go func() {
		for end := time.Now().Add(60 * time.Second); c.Owns() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		storetest.Must(t, p.Seal())
		digest, err := p.ToBlob()
		storetest.Must(t, err)
		_, err = c.Commit(c.Meta(digest, p.Size(), fsstore.Origin{}))
		ended <- errors.Join(err, c.Cancel())
	}()
	a := storetest.PutIn(t, s, storetest.CudaURL, "by hand")
	storetest.Must(t, <-ended)
	if b := storetest.BodyOf(t, s, storetest.CudaURL); b != "by hand" || len(a.History) != 2 {
		t.Errorf("held: %q after %+v", b, a.History)
	}
	storetest.Sound(t, s)
}

func TestPutOfWhatIsNotTaken(t *testing.T) {
	broken := errors.New("connection reset")
	for _, c := range []struct {
		name string
		add  fsstore.Addition
		from io.Reader
		size int64
		is   func(error) bool
	}{
		{"a reader that breaks off", fsstore.Addition{}, io.MultiReader(strings.NewReader("byt"), iotest.ErrReader(broken)), 5,
			func(err error) bool {
				short, ok := errors.AsType[*fsstore.NotWhole](err)
				return ok && short.Have == 3 && errors.Is(err, broken)
			}},
		{"a file that shrank", fsstore.Addition{}, strings.NewReader("byte"), 5,
			func(err error) bool {
				short, ok := errors.AsType[*fsstore.NotWhole](err)
				return ok && short.Have == 4 && short.Size == 5 && short.Err == nil
			}},
		{"another digest", fsstore.Addition{SHA256: storetest.DigestOf("other")}, strings.NewReader("bytes"), -1,
			func(err error) bool { _, ok := errors.AsType[*fsstore.WrongDigest](err); return ok }},
		{"a page", fsstore.Addition{}, strings.NewReader("<!DOCTYPE html><title>Sign in</title>"), -1,
			func(err error) bool { _, ok := errors.AsType[*kind.Mismatch](err); return ok }},
	} {
		s := storetest.TestStore(t)
		c.add.URL = "https://vendor.example/carried.run"
		storetest.NoteMiss(t, s, c.add.URL, storetest.Client1)
		if a, err := s.Put(c.add, c.from, c.size, storetest.Operator, storetest.NoHurry); a != nil || !c.is(err) {
			t.Errorf("%s: %+v, %v", c.name, a, err)
		}
		if _, err := s.Lookup(c.add.URL); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is held: %v", c.name, err)
		}
		storetest.Want(t, s, fsstore.Active)
		storetest.Want(t, s, fsstore.Failed)
		storetest.Want(t, s, fsstore.Misses, storetest.KeyOf(t, c.add.URL))
		storetest.Run(t, s.Dir(), `test -z "$(ls -A tmp)" && test "$(ls blobs meta done | wc -w)" = 3`)
	}
}

func TestPutTellsHowFarItIs(t *testing.T) {
	s := storetest.TestStore(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<16/2)
	var have []int64
	_, err := s.Put(fsstore.Addition{URL: storetest.CarriedURL}, iotest.HalfReader(bytes.NewReader(body)), -1, storetest.Operator, func(n int64) error {
		have = append(have, n)
		return nil
	})
	if n := len(have); err != nil || n < 3 || have[n-1] != int64(len(body)) {
		t.Errorf("told of %d, %v", have, err)
	}
}

// TestPutAfterACutLine: an option stands on a line of its own.
func TestPutAfterACutLine(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "printf '%s\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8 https://exa' "+storetest.CarriedURL+" > misses/"+storetest.KeyOf(t, storetest.CarriedURL))
	if _, err := storetest.Put(s, fsstore.Addition{URL: storetest.CarriedURL, SHA256: storetest.DigestOf("bytes")}, "other"); !errors.As(err, new(*fsstore.WrongDigest)) {
		t.Error(err)
	}
}

// What a miss asks for counts, and what of it can't be understood is no less asked for.
func TestPutForAMissWithOptions(t *testing.T) {
	wrong := new(*fsstore.WrongDigest)
	for _, c := range []struct {
		line, sum string
		is        func(error) bool
	}{
		{"sha256 0123", "", func(err error) bool {
			return errors.Is(err, fsstore.ErrInvalid) && strings.Contains(err.Error(), `line 2, "sha256 0123", can't be taken`)
		}},
		{"sha256 0123", storetest.DigestOf("bytes"), func(err error) bool { return err == nil }},
		{"sha256 " + storetest.DigestOf("other"), "", func(err error) bool { return errors.As(err, wrong) }},
		{"sha256 " + storetest.DigestOf("bytes"), "", func(err error) bool { return err == nil }},
	} {
		s := storetest.TestStore(t)
		storetest.Run(t, s.Dir(), fmt.Sprintf("printf '%s\n%s\n' > misses/%s", storetest.CarriedURL, c.line, storetest.KeyOf(t, storetest.CarriedURL)))
		if _, err := storetest.Put(s, fsstore.Addition{URL: storetest.CarriedURL, SHA256: c.sum}, "bytes"); !c.is(err) {
			t.Errorf("%q with the digest %q: %v", c.line, c.sum, err)
		}
	}
}

// A put that was killed leaves a file in tmp/, which gc takes when it is old.
func TestPutThatWasKilled(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.NoteMiss(t, s, storetest.CarriedURL, storetest.Client1)
	c, _, err := s.NewPut(fsstore.Addition{URL: storetest.CarriedURL}, storetest.Operator)
	storetest.Must(t, err)
	p, err := c.PutPart()
	storetest.Must(t, err)
	_, err = p.Write([]byte("half"))
	storetest.Must(t, err)
	if _, err := s.GC(fsstore.GCOptions{}); err != nil || !tree.Exists(p.Path()) {
		t.Fatal("a put that lives lost its file: ", err)
	}
	p.Close() // as a kill does
	storetest.Want(t, s, fsstore.Misses, storetest.KeyOf(t, storetest.CarriedURL))
	storetest.Want(t, s, fsstore.Active)
	if name := tree.Base(p.Path()); name[0] != '.' {
		t.Errorf("%s is no name that gc takes after a day", name)
	}
}

// An earlier server's put was a claim: nobody approved that its URL is fetched.
func TestPutOfAnEarlierServerThatDied(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CarriedURL)
	approve := fsstore.Operator{Via: held.ViaPut, Addr: "x"}.Event(job.Approve).Line()
	storetest.Must(t, os.WriteFile(storetest.JobPath(s, fsstore.Active, tree.ActiveJobName(k, badWorker)), []byte(storetest.CarriedURL+"\n"+approve), 0o660))
	storetest.Must(t, s.Recover())
	storetest.Want(t, s, fsstore.Queue)
	storetest.Run(t, s.Dir(), "tail -1 failed/"+k+".job | grep -q ' failed put: it broke off, '")
	storetest.Run(t, s.Dir(), "mv failed/* queue/") // an operator may want that
	c := storetest.MustClaim(t, s, k+".job")
	if e := c.Job.ApprovalOrRetry(); e.Via != "shell" {
		t.Errorf("it is fetched under %+v", e)
	}
	c.Close()
	storetest.Must(t, s.Recover())
	storetest.Want(t, s, fsstore.Queue, k+".job")
}

// TestPutKeepsTheReserve: however long a stream of unknown length goes on.
func TestPutKeepsTheReserve(t *testing.T) {
	s := storetest.TestStore(t)
	free, _, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	s.MinFree = free / 2
	_, err = s.Put(fsstore.Addition{URL: storetest.CarriedURL}, zeros{}, -1, storetest.Operator, func(have int64) error {
		s.MinFree = 2 * free // somebody else fills the disk
		if have > 8<<20 {
			return errors.New("it goes on")
		}
		return nil
	})
	if !errors.Is(err, fsstore.ErrNoSpace) {
		t.Error(err)
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// TestPutOfALargeFile: what is carried in has no job whose log could say how much of it is kept.
func TestPutOfALargeFile(t *testing.T) {
	s := storetest.TestStore(t)
	const size = 65 << 20
	a, err := s.Put(fsstore.Addition{URL: storetest.CarriedURL}, io.LimitReader(zeros{}, size), size, storetest.Operator,
		func(int64) error { return nil })
	if err != nil || a.Size != size {
		t.Errorf("%+v, %v", a, err)
	}
}
