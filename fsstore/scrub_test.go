package fsstore

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
)

// scrubOnce is a scrub that ends after its first round.
func scrubOnce(t *testing.T, s *Store, o ScrubOptions) (r FsckReport) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Round = func(done FsckReport) {
		r = done
		cancel()
	}
	if err := s.Scrub(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return r
}

var fast = ScrubOptions{Rate: 1 << 40}

func flip(t *testing.T, s *Store, digest string) {
	t.Helper()
	path := s.path("blobs", digest)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	os.Chmod(path, 0o644)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestScrubTakesOutWhatIsRotten(t *testing.T) {
	s := testStore(t)
	const blobs, bad = 40, 13
	for i := range blobs {
		a := hold(t, s, fmt.Sprintf("https://example.com/%d.run", i), fmt.Sprint("the bytes of ", i))
		if i < bad {
			flip(t, s, a.SHA256)
		}
	}
	if r := scrubOnce(t, s, fast); r.Blobs != blobs || r.Artifacts != blobs || r.Bytes == 0 {
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
	run(t, s.dir, fmt.Sprintf("test $(ls tmp/*.rotten | wc -l) = %d", bad))
	want(t, s, Queue)
	if _, err := s.Lookup("https://example.com/0.run"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a rotten blob is served:", err)
	}
	for i := range bad {
		k := keyOf(t, fmt.Sprintf("https://example.com/%d.run", i))
		if err := s.Retry(k, tester); err != nil {
			t.Fatal(err)
		}
		publish(t, mustClaim(t, s, k+".job"), fmt.Sprint("the bytes of ", i))
	}
	sound(t, s)
	for range 2 {
		if left := s.Problems(); len(left) != 0 {
			t.Errorf("fetched again, and still problems: %+v", left)
		}
		scrubOnce(t, s, fast)
	}
}

func TestScrubOfABlobThatNothingNeeds(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	run(t, s.dir, "rm meta/*")
	scrubOnce(t, s, fast)
	if list := s.Problems(); len(list) != 1 || list[0].Path != "tmp/"+a.SHA256+".rotten" || !strings.Contains(list[0].Text, "no artifact needs") {
		t.Errorf("%+v", list)
	}
	hold(t, s, cudaURL, "bytes") // sound again, and the rotten one still lies there
	if list := s.Problems(); len(list) != 1 {
		t.Errorf("nobody has looked at it: %+v", list)
	}
	run(t, s.dir, "rm tmp/"+a.SHA256+".rotten")
	if list := s.Problems(); len(list) != 0 {
		t.Errorf("its advice was followed, and it is still a problem: %+v", list)
	}
}

// A meta that can't be read may need what no other needs: nobody is told to
// remove what may be the only copy.
func TestScrubOfABlobThatAMalformedMetaNeeds(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	run(t, s.dir, "truncate -s -3 meta/*")
	scrubOnce(t, s, fast)
	list := s.Problems()
	if len(list) != 2 || !strings.Contains(list[0].Do, "keep tmp/"+a.SHA256+".rotten") || !strings.Contains(list[1].Text, "malformed") {
		t.Errorf("%+v", list)
	}
	run(t, s.dir, "grep -q sha256 meta/*") // a scrub writes no meta
}

// The clock is the test's own: a scrub takes the time that its rate says, an
// eighth of the rate while something is fetched.
func TestScrubKeepsItsRate(t *testing.T) {
	for _, busy := range []bool{false, true} {
		s := testStore(t)
		hold(t, s, cudaURL, strings.Repeat("0123456789abcdef", 1<<18)) // 4 MiB
		want := 4 * time.Second
		if busy {
			mustClaim(t, s, add(t, s, "https://example.com/x.run"))
			want *= 8
		}
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			scrubOnce(t, s, ScrubOptions{Rate: 1 << 20})
			if took := time.Since(began); took < want || took > want+time.Second {
				t.Errorf("busy %v: 4 MiB at 1 MiB/s took %v, want %v", busy, took, want)
			}
		})
	}
}

// A sound one that comes between the last look and the rename is put back.
func TestNoSoundBlobIsPutAside(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	f, err := s.OpenBlob(a.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kept, err := s.putAside(a.SHA256, func(path string) bool {
		is := same(f, path)
		putIn(t, s, cudaURL, "bytes")
		return is
	})
	if kept != "" || err != nil {
		t.Errorf("%q, %v", kept, err)
	}
	run(t, s.dir, `test -z "$(ls tmp)"`)
	sound(t, s)
}

func TestProblemsAreBounded(t *testing.T) {
	s := testStore(t)
	last := ""
	for i := range 3 * maxProblems {
		last = "tmp/" + digestOf(fmt.Sprint(i)) + rottenSuffix
		if err := os.WriteFile(s.dir+"/"+last, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.report(last, []Problem{{Path: last}})
	}
	if list := s.Problems(); len(list) != maxProblems || list[0].Path != last {
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
		s := testStore(t)
		a := hold(t, s, cudaURL, "bytes")
		run(t, s.dir, "K="+a.Key+"; "+strings.ReplaceAll(c.script, "/K.", "/$K."))
		s = openAt(t, s.dir, Options{})
		for range 2 { // the second round has no news
			scrubOnce(t, s, fast)
			list := s.Problems()
			if n := len(list); n > 1 || n == 1 != (c.do != "") || n == 1 && !strings.Contains(list[0].Do, strings.ReplaceAll(c.do, "K", a.Key)) {
				t.Errorf("%s: %+v", what, list)
			}
			if q := len(ls(t, s, Queue)); q == 1 != c.queued {
				t.Errorf("%s: %d are queued", what, q)
			}
		}
		if _, err := s.Lookup(cudaURL); (err == nil) != (what == "whole" || what == "in gc's hands") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Where blobs/ itself is away nothing is said of each blob.
func TestScrubWithoutBlobs(t *testing.T) {
	s := testStore(t)
	hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "mv blobs ..")
	if newScrub(t, s).round() == nil || len(s.Problems()) != 0 {
		t.Errorf("%+v", s.Problems())
	}
}

func newScrub(t *testing.T, s *Store) *checker {
	c := newChecker(t.Context(), s, FsckOptions{})
	c.pace = &pace{s: s, rate: 1 << 40}
	return c
}

// retryLost does what fsck advises, and reports how many artifacts are queued.
func retryLost(t *testing.T, s *Store) (queued int) {
	t.Helper()
	for a, err := range s.Artifacts() {
		if err == nil && s.Lost(a) != "" {
			done := s.doneJob(aboutHeld(a.Key, a.URLSum))
			if done.Name == "" {
				add(t, s, a.URL)
			} else if err := s.Retry(done.Name, tester); err != nil {
				t.Fatal(err)
			}
			queued++
		}
	}
	return queued
}

// What was carried in has no origin that anybody asked for.
func TestWhatWasCarriedInIsCarriedInAgain(t *testing.T) {
	for _, history := range []string{"true", "rm done/*"} {
		s := testStore(t)
		a := putIn(t, s, cudaURL, "bytes")
		flip(t, s, a.SHA256)
		run(t, s.dir, history)
		scrubOnce(t, s, fast)
		if list := s.Problems(); len(list) != 1 || !strings.Contains(list[0].Do, "carry it in again") || s.Lost(a) == "" {
			t.Errorf("%s: %+v", history, list)
		}
		putIn(t, s, cudaURL, "bytes")
		if list := s.Problems(); len(list) != 0 {
			t.Errorf("%s: carried in again, and still a problem: %+v", history, list)
		}
		sound(t, s)
	}
}
