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
func scrubOnce(t *testing.T, s *Store, o ScrubOptions) (last ScrubStatus) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Progress = func(p ScrubStatus) {
		last = p
		if p.Blobs == p.Total {
			cancel()
		}
	}
	if err := s.Scrub(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return last
}

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
	fast := ScrubOptions{Rate: 1 << 40}
	if p := scrubOnce(t, s, fast); p.Total != blobs || p.Bytes == 0 {
		t.Errorf("%+v", p)
	}
	if n := len(s.Findings()); n != bad {
		t.Errorf("%d of %d found", n, bad)
	}
	for _, f := range s.Findings() {
		if f.Advice != "queued again" || !exists(s.path("tmp", f.Digest+rottenSuffix)) {
			t.Errorf("%+v", f)
		}
	}
	if q := ls(t, s, Queue); len(q) != bad {
		t.Errorf("%d are queued again", len(q))
	}
	if _, err := s.Lookup("https://example.com/0.run"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a rotten blob is served:", err)
	}
	for i := range bad {
		k := keyOf(t, fmt.Sprintf("https://example.com/%d.run", i))
		publish(t, mustClaim(t, s, k+".job"), fmt.Sprint("the bytes of ", i))
	}
	if left := s.Findings(); len(left) != 0 {
		t.Errorf("fetched again, and still findings: %+v", left)
	}
	sound(t, s)
	scrubOnce(t, s, fast)
	if left := s.Findings(); len(left) != 0 {
		t.Errorf("the second round: %+v", left)
	}
}

func TestScrubOfABlobThatNothingNeeds(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	run(t, s.dir, "rm meta/*")
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	f := s.Findings()
	if len(f) != 1 || f[0].Key != "" || !strings.Contains(f[0].Advice, "tmp/"+a.SHA256+".rotten") {
		t.Errorf("%+v", f)
	}
	want(t, s, Queue)
	hold(t, s, cudaURL, "bytes") // sound again, and the rotten one still lies there
	if f := s.Findings(); len(f) != 1 {
		t.Errorf("nobody has looked at it: %+v", f)
	}
	run(t, s.dir, "rm tmp/"+a.SHA256+".rotten")
	if f := s.Findings(); len(f) != 0 {
		t.Errorf("its advice was followed, and it is still a finding: %+v", f)
	}
}

// A meta that can't be read may need what no other needs: nobody is told to
// remove what may be the only copy.
func TestScrubOfABlobThatAMalformedMetaNeeds(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	run(t, s.dir, "truncate -s -3 meta/*")
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	f := s.Findings()
	if len(f) != 1 || !strings.Contains(f[0].Advice, "keep tmp/"+a.SHA256+".rotten") || strings.Contains(f[0].What+f[0].Advice, "no artifact") {
		t.Errorf("%+v", f)
	}
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

// A worker puts a sound blob in the place of a rotten one while the scrub reads.
func TestScrubTakesOutOnlyWhatItJudged(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	f, err := s.OpenBlob(a.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	run(t, s.dir, "cp blobs/"+a.SHA256+" x && mv x blobs/"+a.SHA256)
	if err := s.rotten(a.SHA256, func(path string) bool { return same(f, path) }); err != nil || len(s.Findings()) > 0 {
		t.Errorf("%v, %+v", err, s.Findings())
	}
	want(t, s, Queue)
	sound(t, s)
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

// What the disk could not read when it was taken out is whole, and nobody may
// be able to fetch it again.
func TestWhatIsSoundAgainComesBack(t *testing.T) {
	for how, look := range map[string]func(s *Store){
		"scrub": func(s *Store) { scrubOnce(t, s, ScrubOptions{Rate: 1 << 40}) },
		"fsck":  func(s *Store) { fsck(t, s, FsckOptions{Repair: true}) },
	} {
		s := testStore(t)
		a, bad := putIn(t, s, cudaURL, "bytes"), hold(t, s, "https://example.com/bad.run", "bad")
		putIn(t, s, "https://example.com/same.run", "bytes")
		hold(t, s, "https://example.com/fine.run", "fine")
		run(t, s.dir, fmt.Sprintf("cd blobs; mv %[1]s ../tmp/%[1]s.2.rotten; echo rot > ../tmp/%[1]s.rotten; rm %[2]s; echo rot > ../tmp/%[2]s.rotten", a.SHA256, bad.SHA256))
		look(s)
		if _, err := s.Lookup(cudaURL); err != nil || exists(s.path("tmp", a.SHA256+".2.rotten")) {
			t.Errorf("%s: it is not back: %v", how, err)
		}
		if !exists(s.path("tmp", a.SHA256+".rotten")) || !exists(s.path("tmp", bad.SHA256+".rotten")) {
			t.Errorf("%s: what is rotten is gone", how)
		}
		want(t, s, Queue, bad.Key+".job")
		publish(t, claimNext(t, s), "bad")
		sound(t, s)
	}
}

// What nobody needs stays where it is, for gc would remove it.
func TestWhatIsSoundAndNotNeededStays(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, fmt.Sprintf("mv blobs/%[1]s tmp/%[1]s.rotten; rm meta/*", a.SHA256))
	newScrubber(t.Context(), s, ScrubOptions{Rate: 1 << 40}).round()
	if exists(s.path("blobs", a.SHA256)) || !exists(s.path("tmp", a.SHA256+".rotten")) {
		t.Error("it was brought back")
	}
}

// Nothing is brought back over a blob that could not be taken out, nor is it said.
func TestSoundCopyBesideABlobThatStays(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, fmt.Sprintf("cp blobs/%[1]s tmp/%[1]s.rotten", a.SHA256))
	flip(t, s, a.SHA256)
	if s.bringBackSound(a.SHA256+rottenSuffix, a.SHA256, func(f *os.File) bool { return hasDigest(f, a.SHA256) }) {
		t.Error("said to be back")
	}
	if !exists(s.path("tmp", a.SHA256+rottenSuffix)) {
		t.Error("the sound copy is gone")
	}
}

// A finding says what became of its job, not what was done at the time.
func TestFindingsSayWhatBecameOfTheJob(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	says := func(advice string) {
		t.Helper()
		if f := s.Findings(); len(f) != 1 || f[0].Advice != advice {
			t.Errorf("%q was to be said: %+v", advice, f)
		}
	}
	says("queued again")
	c := claimNext(t, s)
	says("it is being fetched again")
	if err := c.Fail("404 Not Found"); err != nil {
		t.Fatal(err)
	}
	says("failed: see failed/" + a.Key + ".job")
	if err := s.Retry(a.Key+".job", By{"cli", ""}); err != nil {
		t.Fatal(err)
	}
	says("queued again")
	if err := s.Cancel(a.Key+".job", By{"cli", ""}); err != nil {
		t.Fatal(err)
	}
	says("cancelled: see cancelled/" + a.Key + ".job")
	run(t, s.dir, "rm cancelled/*")
	says(jobGone)
	run(t, s.dir, "rm meta/*")
	if f := s.Findings(); len(f) != 0 {
		t.Errorf("evicted, and still a finding: %+v", f)
	}
}

// What failed before the artifact was fetched has nothing to do with its loss.
func TestFindingsAndOlderHistory(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, "printf '"+cudaURL+"\\n2020-01-01T00:00:00Z failed 404 Not Found\\n' > failed/"+keyOf(t, cudaURL)+".job")
	a := hold(t, s, cudaURL, "bytes")
	flip(t, s, a.SHA256)
	scrubOnce(t, s, ScrubOptions{Rate: 1 << 40})
	run(t, s.dir, "rm queue/*")
	if f := s.Findings(); len(f) != 1 || f[0].Advice != jobGone {
		t.Errorf("%+v", f)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	s := testStore(t)
	last := ""
	for i := range 3 * maxFindings {
		last = digestOf(fmt.Sprint(i))
		if err := os.WriteFile(s.path("tmp", last+rottenSuffix), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.report(Finding{Digest: last, kept: last + rottenSuffix})
	}
	if list := s.Findings(); len(list) != maxFindings || list[0].Digest != last {
		t.Errorf("%d findings, the first %+v", len(list), list[0])
	}
}
