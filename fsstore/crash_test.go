package fsstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// The story of a crash: a child process walks from a miss to a hit, to an
// evict and gc, and is killed at one system call after another. After each
// the directory must be sound, and whoever comes next must finish the story
// with the true bytes, once.

const (
	crashDir   = "FROMCACHE_TEST_CRASH_DIR"
	crashEvict = "FROMCACHE_TEST_CRASH_EVICT" // the story goes on with an operator's verbs
	addedURL   = "https://example.com/added.run"
	crashBody  = "the whole bytes"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashStory(dir)
		os.Exit(0)
	}
	if dir := os.Getenv(crashSteps); dir != "" {
		takeSteps(dir)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// crashStory goes on from wherever an earlier one was killed. It says on
// standard output what has been acknowledged.
func crashStory(dir string) {
	s, err := Open(dir, Options{})
	must(err)
	must(s.Recover())
	if _, err := s.Lookup(cudaURL); errors.Is(err, fs.ErrNotExist) {
		crashFetch(s)
	}
	_, err = s.GC(GCOptions{})
	must(err)
	if os.Getenv(crashEvict) != "" {
		u, err := s.Why(cudaURL)
		must(err)
		must(s.Evict(u.Key, By{"cli", "test"}))
		_, err = s.Add(Addition{URL: addedURL}, By{"cli", "test"})
		must(err)
		must(s.Cancel(mustKey(addedURL), By{"cli", "test"}))
		must(s.Retry(mustKey(addedURL), By{"cli", "test"}))
		must(s.Deny("ads.example.com", By{"cli", "test"}))
	}
	fmt.Println("done")
}

func crashFetch(s *Store) {
	u, _ := s.Why(cudaURL)
	if len(u.Jobs) == 0 {
		_, err := s.Miss(cudaURL, Asker{client1, "curl/8"})
		must(err)
	}
	if err := s.Approve(u.Key, "", By{"cli", "test"}); !errors.Is(err, fs.ErrNotExist) {
		must(err)
		fmt.Println("approved")
	}
	due, err := s.Due()
	must(err)
	for _, name := range due {
		c, err := s.Claim(name)
		must(err)
		if c == nil {
			continue
		}
		p, err := c.Part(context.Background(), true)
		must(err)
		_, err = p.Write([]byte(crashBody[p.Size():]))
		must(err)
		_, err = c.Publish(p, Origin{})
		must(err)
		fmt.Println("published")
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// crashCalls are the system calls that change the directory, and how many of
// each the story makes at the most.
var crashCalls = []string{"renameat", "renameat2", "fsync", "write", "unlinkat", "fchmod", "flock", "openat"}

func TestKilledAtEveryStep(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	steps := 0
	for _, call := range crashCalls {
		for n := 1; ; n++ {
			if testing.Short() && n > 2 {
				break
			}
			dir := t.TempDir() + "/data"
			openAt(t, dir, Options{})
			out, killed := crashRun(t, strace, dir, fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n))
			if !killed {
				break
			}
			steps++
			afterCrash(t, dir, out, fmt.Sprintf("killed at %s %d", call, n))
		}
	}
	t.Logf("%d kills", steps)
	if steps < 16 {
		t.Errorf("only %d kills: the harness does not bite", steps)
	}
}

func TestEveryCallMayFail(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	errs := 0
	for _, call := range []string{"renameat", "renameat2", "fsync", "write", "fchmod", "flock", "unlinkat"} {
		errs += failEach(t, strace, call, "error=EIO:when=%d")
		errs += failEach(t, strace, call, "error=ENOSPC:when=%d+") // a full disk stays full
	}
	t.Logf("%d errors", errs)
	if errs < 16 {
		t.Errorf("only %d errors: the harness does not bite", errs)
	}
}

func failEach(t *testing.T, strace, call, how string) (hits int) {
	for n := 1; !testing.Short() || n <= 2; n++ {
		dir := t.TempDir() + "/data"
		openAt(t, dir, Options{})
		out, hit := crashRun(t, strace, dir, "inject="+call+":"+fmt.Sprintf(how, n))
		if !hit {
			break
		}
		hits++
		afterCrash(t, dir, out, call+":"+fmt.Sprintf(how, n))
	}
	return hits
}

// crashRun walks the story under strace; hit says whether it came to the call
// that the injection waits for.
func crashRun(t *testing.T, strace, dir, inject string) (out string, hit bool) {
	t.Helper()
	call := strings.SplitN(strings.TrimPrefix(inject, "inject="), ":", 2)[0]
	log := dir + ".strace"
	cmd := exec.Command(strace, "-f", "-qq", "-o", log, "-e", "trace="+call, "-e", inject, os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir, "GOMAXPROCS=1")
	b, _ := cmd.CombinedOutput()
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), strings.Contains(string(trace), "(INJECTED)") || strings.Contains(string(trace), "killed by SIGKILL")
}

// afterCrash finishes the story and looks at what is left.
func afterCrash(t *testing.T, dir, out, what string) {
	t.Helper()
	s := openAt(t, dir, Options{})
	if strings.Contains(out, "published") {
		if _, err := s.Lookup(cudaURL); err != nil {
			t.Errorf("%s: acknowledged, and not served: %v", what, err)
		}
	} else if strings.Contains(out, "approved") {
		if r, err := s.Why(cudaURL); err != nil || len(r.Jobs) == 0 && r.Artifact == nil {
			t.Errorf("%s: approved, and lost: %+v, %v", what, r, err)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: the next run: %v\n%s", what, err, b)
	}
	checkStory(t, s, what)
}

func checkStory(t *testing.T, s *Store, what string) {
	t.Helper()
	a, err := s.Lookup(cudaURL)
	if err != nil || a.SHA256 != digestOf(crashBody) {
		t.Fatalf("%s: %+v, %v", what, a, err)
	}
	r, err := s.Fsck(t.Context(), FsckOptions{})
	if err != nil || len(r.Problems) > 0 {
		t.Errorf("%s: %+v, %v", what, r.Problems, err)
	}
	for _, st := range []State{Misses, Queue, Active, Failed, Cancelled} {
		if left := ls(t, s, st); len(left) > 0 {
			t.Errorf("%s: left in %s/: %q", what, st, left)
		}
	}
	done := ls(t, s, Done)
	if len(done) != 1 {
		t.Fatalf("%s: done/ holds %q", what, done)
	}
	if n := strings.Count(text(t, s, Done, done[0]), " done "); n != 1 {
		t.Errorf("%s: %d done lines:\n%s", what, n, text(t, s, Done, done[0]))
	}
}
