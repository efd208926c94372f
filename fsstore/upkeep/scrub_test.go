package upkeep_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/upkeep"
)

// scrubOnce is a scrub that ends after its first round.
func scrubOnce(t *testing.T, s *fsstore.Store, o fsstore.ScrubOptions) (r fsstore.FsckReport) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Round = func(done fsstore.FsckReport) {
		r = done
		cancel()
	}
	if err := s.Scrub(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return r
}

// TestTheEndOfAScrubIsNoTrouble: a server that is stopped while it reads a blob reports nothing.
func TestTheEndOfAScrubIsNoTrouble(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Scrub(ctx, fsstore.ScrubOptions{Rate: 1}) }()
	for s.Scrubbed().Bytes == 0 { // then it rests for 5 s, in the middle of the blob
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if list := s.Health(); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}

func TestScrubTakesOutWhatIsRotten(t *testing.T) {
	s := storetest.TestStore(t)
	const blobs, bad = 40, 13
	for i := range blobs {
		a := storetest.Hold(t, s, fmt.Sprintf("https://example.com/%d.run", i), fmt.Sprint("the bytes of ", i))
		if i < bad {
			storetest.Flip(t, s, a.SHA256)
		}
	}
	if r := scrubOnce(t, s, storetest.Fast); r.Blobs != blobs || r.Artifacts != blobs || r.Bytes == 0 {
		t.Errorf("%+v", r)
	}
	if list := s.Problems(); len(list) != bad {
		t.Errorf("%d of %d found: %+v", len(list), bad, list)
	}
	for _, p := range s.Problems() {
		if !strings.HasPrefix(p.Path, "meta/") || !strings.Contains(p.Do, "`fromcache retry example.com--") || p.Time.IsZero() {
			t.Errorf("%+v", p)
		}
	}
	storetest.Run(t, s.Dir(), fmt.Sprintf("test $(ls tmp/*.rotten | wc -l) = %d", bad))
	storetest.Want(t, s, fsstore.Queue)
	if _, err := s.Lookup("https://example.com/0.run"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a rotten blob is served:", err)
	}
	for i := range bad {
		k := storetest.KeyOf(t, fmt.Sprintf("https://example.com/%d.run", i))
		if err := s.Retry(k, storetest.Operator); err != nil {
			t.Fatal(err)
		}
		storetest.Publish(t, storetest.MustClaim(t, s, k+".job"), fmt.Sprint("the bytes of ", i))
	}
	storetest.Sound(t, s)
	for range 2 {
		if left := s.Problems(); len(left) != 0 {
			t.Errorf("fetched again, and still problems: %+v", left)
		}
		scrubOnce(t, s, storetest.Fast)
	}
}

func TestScrubOfABlobThatNothingNeeds(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Flip(t, s, a.SHA256)
	storetest.Run(t, s.Dir(), "rm meta/*")
	scrubOnce(t, s, storetest.Fast)
	if list := s.Problems(); len(list) != 1 || list[0].Path != "tmp/"+a.SHA256+".rotten" || !strings.Contains(list[0].Text, "no artifact needs") {
		t.Errorf("%+v", list)
	}
	storetest.Hold(t, s, storetest.CudaURL, "bytes") // sound again, and the rotten one still lies there
	if list := s.Problems(); len(list) != 1 {
		t.Errorf("nobody has looked at it: %+v", list)
	}
	storetest.Run(t, s.Dir(), "rm tmp/"+a.SHA256+".rotten")
	if list := s.Problems(); len(list) != 0 {
		t.Errorf("its advice was followed, and it is still a problem: %+v", list)
	}
}

// A meta that can't be read may need what no other needs: nobody is told to
// remove what may be the only copy.
func TestScrubOfABlobThatAMalformedMetaNeeds(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Flip(t, s, a.SHA256)
	storetest.Run(t, s.Dir(), "truncate -s -3 meta/*")
	scrubOnce(t, s, storetest.Fast)
	list := s.Problems()
	if len(list) != 2 || !strings.Contains(list[0].Do, "keep tmp/"+a.SHA256+".rotten") || !strings.Contains(list[1].Text, "malformed") {
		t.Errorf("%+v", list)
	}
	storetest.Run(t, s.Dir(), "grep -q sha256 meta/*") // a scrub writes no meta
}

// The clock is the test's own: a scrub takes the time that its rate says, an
// eighth of the rate while something is fetched.
func TestScrubKeepsItsRate(t *testing.T) {
	for _, busy := range []bool{false, true} {
		s := storetest.TestStore(t)
		storetest.Hold(t, s, storetest.CudaURL, strings.Repeat("0123456789abcdef", 1<<18)) // 4 MiB
		want := 4 * time.Second
		if busy {
			storetest.MustClaim(t, s, storetest.Add(t, s, "https://example.com/x.run"))
			want *= 8
		}
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			scrubOnce(t, s, fsstore.ScrubOptions{Rate: 1 << 20})
			if took := time.Since(began); took < want || took > want+time.Second {
				t.Errorf("busy %v: 4 MiB at 1 MiB/s took %v, want %v", busy, took, want)
			}
		})
	}
}

// A sound one that comes between the last look and the rename is put back.
func TestNoSoundBlobIsPutAside(t *testing.T) {
	s := storetest.TestStore(t)
	a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Flip(t, s, a.SHA256)
	f, err := s.OpenBlob(a.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kept, err := s.PutAside(a.SHA256, func(path string) bool {
		is := tree.StillNames(f, path)
		storetest.PutIn(t, s, storetest.CudaURL, "bytes")
		return is
	})
	if kept != "" || err != nil {
		t.Errorf("%q, %v", kept, err)
	}
	storetest.Run(t, s.Dir(), `test -z "$(ls tmp)"`)
	storetest.Sound(t, s)
}

func TestProblemsAreBounded(t *testing.T) {
	s := storetest.TestStore(t)
	last := ""
	for i := range 3 * upkeep.MaxProblems {
		last = "tmp/" + storetest.DigestOf(fmt.Sprint(i)) + upkeep.RottenSuffix
		if err := os.WriteFile(s.Dir()+"/"+last, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.Report(last, []fsstore.Problem{{Path: last}})
	}
	if list := s.Problems(); len(list) != upkeep.MaxProblems || list[0].Path != last {
		t.Errorf("%d problems, the first %+v", len(list), list[0])
	}
}

// A process that dies after it took a blob out, or a restart, must not leave a
// loss that nobody knows of; and the scrub has nothing fetched.
func TestLostBlobsAreFound(t *testing.T) {
	for what, c := range map[string]struct {
		script string // K is the key
		do     string // "": no problem
		queued bool
	}{
		"missing":        {"rm blobs/*", "`fromcache retry K` fetches it again, as does `mv done/K.job queue/`", false},
		"killed between": {"for b in blobs/*; do mv $b tmp/$(basename $b).rotten; done", "`fromcache retry K`", false},
		"no history":     {"rm blobs/* done/*", "`fromcache add URL`", false},
		"in gc's hands":  {"for b in blobs/*; do mv $b tmp/$(basename $b).gone; done", "", false},
		"evicted":        {"rm blobs/* meta/*", "", false},
		"queued":         {"rm blobs/*; mv done/K.job queue/", "queued already", true},
		"whole":          {"true", "", false},
	} {
		s := storetest.TestStore(t)
		a := storetest.Hold(t, s, storetest.CudaURL, "bytes")
		storetest.Run(t, s.Dir(), "K="+a.Key+"; "+strings.ReplaceAll(c.script, "/K.", "/$K."))
		s = storetest.OpenAt(t, s.Dir(), fsstore.Options{})
		for range 2 { // the second round has no news
			scrubOnce(t, s, storetest.Fast)
			list := s.Problems()
			if n := len(list); n > 1 || n == 1 != (c.do != "") || n == 1 && !strings.Contains(list[0].Do, strings.ReplaceAll(c.do, "K", a.Key)) {
				t.Errorf("%s: %+v", what, list)
			}
			if q := len(storetest.Ls(t, s, fsstore.Queue)); q == 1 != c.queued {
				t.Errorf("%s: %d are queued", what, q)
			}
		}
		if _, err := s.Lookup(storetest.CudaURL); (err == nil) != (what == "whole" || what == "in gc's hands") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Where blobs/ itself is away nothing is said of each blob.
func TestScrubWithoutBlobs(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	storetest.Run(t, s.Dir(), "mv blobs ..")
	if newScrub(t, s).Round() == nil || len(s.Problems()) != 0 {
		t.Errorf("%+v", s.Problems())
	}
}

func newScrub(t *testing.T, s *fsstore.Store) *upkeep.Checker {
	return upkeep.NewScrub(t.Context(), s.Keeper, 1<<40)
}

// What was carried in has no origin that anybody asked for.
func TestWhatWasCarriedInIsCarriedInAgain(t *testing.T) {
	for _, history := range []string{"true", "rm done/*"} {
		s := storetest.TestStore(t)
		a := storetest.PutIn(t, s, storetest.CudaURL, "bytes")
		storetest.Flip(t, s, a.SHA256)
		storetest.Run(t, s.Dir(), history)
		scrubOnce(t, s, storetest.Fast)
		if list := s.Problems(); len(list) != 1 || !strings.Contains(list[0].Do, "carry it in again") || s.Lost(a) == "" {
			t.Errorf("%s: %+v", history, list)
		}
		storetest.PutIn(t, s, storetest.CudaURL, "bytes")
		if list := s.Problems(); len(list) != 0 {
			t.Errorf("%s: carried in again, and still a problem: %+v", history, list)
		}
		storetest.Sound(t, s)
	}
}
