package fsstore

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const faultDir = "FROMCACHE_TEST_SCRUB"

// Each line has the disk answer one call on a blob as a bad one does. Either
// the blob is out of service, or it is told at once that it is not.
func TestScrubOfABadDisk(t *testing.T) {
	if dir := os.Getenv(faultDir); dir != "" {
		scrubAndTell(t, dir)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	for fault, says := range map[string]string{
		"pread64:error=EIO":           "rotten",
		"pread64:error=EUCLEAN":       "rotten",
		"pread64:error=EBADMSG":       "rotten",
		"openat:error=EIO":            "rotten",
		"openat:error=EUCLEAN":        "rotten",
		"openat:error=EACCES":         cantScrub,
		"pread64:error=ENOMEM":        cantScrub,
		"pread64,renameat2:error=EIO": rottenStays,
		"renameat2:error=EROFS":       rottenStays,
	} {
		s := testStore(t)
		a := hold(t, s, cudaURL, "bytes")
		if strings.HasPrefix(fault, "renameat2") {
			flip(t, s, a.SHA256)
		}
		path := s.path("blobs", a.SHA256)
		cmd := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-P", path, "-e", "inject="+fault, os.Args[0], "-test.run=^TestScrubOfABadDisk$")
		cmd.Env = append(os.Environ(), faultDir+"="+s.dir)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "said: "+says) {
			t.Errorf("%s: %q was to be said: %v\n%s", fault, says, err, out)
		}
		if exists(path) == (says == "rotten") {
			t.Errorf("%s: in service: %v", fault, exists(path))
		}
	}
}

func scrubAndTell(t *testing.T, dir string) {
	s := openAt(t, dir, Options{})
	newScrubber(t.Context(), s, ScrubOptions{Rate: 1 << 40}).round()
	said := "well"
	for _, f := range s.Findings() {
		said = f.What[strings.Index(f.What, "rotten"):]
	}
	for _, trouble := range s.health.list() {
		said = trouble.What
	}
	fmt.Println("said: " + said)
}

// A disk that reads nothing for a while takes the cache out of no service: the
// scrub stops, says so, and an hour later finds that all is whole.
func TestScrubOfADiskThatReadsNothing(t *testing.T) {
	if dir := os.Getenv(faultDir); dir != "" {
		scrubTwice(t, dir)
		return
	}
	s := testStore(t)
	args := []string{"-f", "-qq", "-o", os.DevNull, "-e", fmt.Sprintf("inject=pread64:error=EIO:when=1..%d", 2*maxUnread)}
	for i := range 3 * maxUnread {
		a := putIn(t, s, fmt.Sprintf("https://example.com/%d.run", i), fmt.Sprint("the bytes of ", i))
		args = append(args, "-P", s.path("blobs", a.SHA256))
	}
	cmd := exec.Command("strace", append(args, os.Args[0], "-test.run=^TestScrubOfADiskThatReadsNothing$")...)
	cmd.Env = append(os.Environ(), faultDir+"="+s.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	want(t, s, Queue)
	run(t, s.dir, `test -z "$(ls tmp)"`)
	sound(t, s)
}

// scrubTwice runs while the first reads of blobs fail, two of each.
func scrubTwice(t *testing.T, dir string) {
	runtime.LockOSThread() // strace counts by thread
	s := openAt(t, dir, Options{})
	synctest.Test(t, func(t *testing.T) {
		runtime.LockOSThread()
		r := newScrubber(t.Context(), s, ScrubOptions{Rate: 1 << 40, Pause: 24 * time.Hour})
		r.round()
		s.is(t, diskUnread, false)
		if n := len(s.Findings()); n != maxUnread-1 {
			t.Errorf("%d are out of service", n)
		}
		if began := time.Now(); !r.rest() || time.Since(began) > illAgain {
			t.Error("it is not tried again soon")
		}
		r.round()
		if list := s.health.list(); slices.ContainsFunc(list, func(t Trouble) bool { return t.What == diskUnread }) {
			t.Errorf("it is over: %+v", list)
		}
		if f := s.Findings(); len(f) != 0 {
			t.Errorf("all is whole: %+v", f)
		}
	})
}

// TestScrubOfOneBlobThatStays: it is read each hour, and is one blob all the same.
func TestScrubOfOneBlobThatStays(t *testing.T) {
	if dir := os.Getenv(faultDir); dir != "" {
		s := openAt(t, dir, Options{})
		r := newScrubber(t.Context(), s, ScrubOptions{Rate: 1 << 40})
		r.round()
		for range 2 * maxUnread {
			for d := range r.ill {
				r.again(d)
			}
		}
		s.is(t, rottenStays, false)
		return
	}
	s := testStore(t)
	path := s.path("blobs", hold(t, s, cudaURL, "bytes").SHA256)
	cmd := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "-P", path, "-e", "inject=pread64,renameat2:error=EIO", os.Args[0], "-test.run=^TestScrubOfOneBlobThatStays$")
	cmd.Env = append(os.Environ(), faultDir+"="+s.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// A trouble lasts as long as its cause, and no round longer: what could not be
// done is tried again each hour.
func TestScrubTroubleIsOver(t *testing.T) {
	s := testStore(t)
	bad, gone := hold(t, s, cudaURL, "bytes"), hold(t, s, "https://example.com/gone.run", "gone")
	hold(t, s, "https://example.com/fine.run", "fine")
	for _, a := range []*Artifact{bad, gone} {
		flip(t, s, a.SHA256)
		for n := range 1000 { // no name is free
			name := strings.Replace(fmt.Sprintf("%s.%d.rotten", a.SHA256, n+1), ".1.rotten", ".rotten", 1)
			if err := os.WriteFile(s.path("tmp", name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	stuck := func(want bool) {
		t.Helper()
		if is := slices.ContainsFunc(s.health.list(), func(t Trouble) bool { return t.What == rottenStays }); is != want {
			t.Errorf("it is told: %v", is)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r := newScrubber(t.Context(), s, ScrubOptions{Rate: 1 << 40, Pause: 24 * time.Hour})
		r.round()
		stuck(true)
		run(t, s.dir, "rm tmp/"+bad.SHA256+"*.rotten")
		for _, d := range []string{bad.SHA256, gone.SHA256} { // one goes, the other still can't
			r.again(d)
			stuck(true)
		}
		run(t, s.dir, "rm blobs/"+gone.SHA256)
		if !r.rest() {
			t.Error("there is no other round")
		}
		stuck(false)
	})
}
