package fsstore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fromcache/fsstore/key"
)

const (
	cudaURL = "https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run"
	client1 = "10.0.0.7"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testStore(t testing.TB) *Store {
	t.Helper()
	return openAt(t, t.TempDir()+"/data", Options{})
}

func openAt(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyOf(t testing.TB, url string) string {
	t.Helper()
	u, err := key.Parse(url, key.Auto)
	if err != nil {
		t.Fatal(err)
	}
	return u.Key()
}

func noteMiss(t testing.TB, s *Store, url, addr string) Verdict {
	t.Helper()
	v, err := s.Miss(url, Asker{addr, "curl/7.88.1"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// claimNext claims the only job that is due.
func claimNext(t testing.TB, s *Store) *Claim {
	t.Helper()
	due, err := s.Due()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range due {
		c, err := s.Claim(name)
		if err != nil {
			t.Fatal(err)
		}
		if c != nil {
			return c
		}
	}
	t.Fatalf("nothing can be claimed of %q", due)
	return nil
}

func publish(t testing.TB, c *Claim, body string) *Artifact {
	t.Helper()
	p, err := c.Part(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	a, err := c.Publish(p, Origin{FinalURL: c.URL})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// hold puts an artifact into the store the way an operator would.
func hold(t testing.TB, s *Store, url, body string) *Artifact {
	t.Helper()
	if _, err := s.Add(Addition{URL: url}, By{"cli", "test"}); err != nil {
		t.Fatal(err)
	}
	return publish(t, claimNext(t, s), body)
}

func ls(t testing.TB, s *Store, st State) []string {
	t.Helper()
	names, err := s.names(string(st))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func want(t testing.TB, s *Store, st State, names ...string) {
	t.Helper()
	got := ls(t, s, st)
	slices.Sort(got)
	if slices.Sort(names); !slices.Equal(got, names) {
		t.Errorf("%s/ holds %q, want %q", st, got, names)
	}
}

func sound(t testing.TB, s *Store) {
	t.Helper()
	r, err := s.Fsck(t.Context(), FsckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Errorf("fsck: %s: %s", p.Path, p.Text)
	}
}

func run(t testing.TB, dir, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

func digestOf(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(body))) }

func TestFromAMissToAHit(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	if _, err := s.Lookup(cudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("lookup in an empty store: %v", err)
	}
	if v := noteMiss(t, s, cudaURL, client1); v != Noted {
		t.Errorf("first miss: %s", v)
	}
	want(t, s, Misses, k)
	run(t, s.dir, "mv misses/* queue/")
	if v := noteMiss(t, s, cudaURL, client1); v != IsQueue {
		t.Errorf("a miss of what is queued: %s", v)
	}
	c := claimNext(t, s)
	if v := noteMiss(t, s, cudaURL, "10.0.0.8"); v != IsActive {
		t.Errorf("a miss of what is active: %s", v)
	}
	a := publish(t, c, "the bytes")
	if a.SHA256 != digestOf("the bytes") || a.Misses != 1 || a.Approved == nil || a.Approved.Via != "shell" {
		t.Errorf("published %+v", a)
	}
	got, err := s.Lookup(cudaURL + "?AWSAccessKeyId=k&Expires=1&Signature=signed")
	if err != nil || got.SHA256 != a.SHA256 {
		t.Fatalf("lookup: %v, %v", got, err)
	}
	if again, _ := s.Lookup(cudaURL); again != got {
		t.Error("an unchanged artifact is another pointer")
	}
	if _, f, err := s.Open(cudaURL); err != nil {
		t.Error(err)
	} else if b, err := io.ReadAll(f); err != nil || string(b) != "the bytes" {
		t.Errorf("%q, %v", b, err)
	}
	want(t, s, Misses)
	want(t, s, Queue)
	want(t, s, Active)
	want(t, s, Done, k+".job")
	sound(t, s)
	run(t, s.dir, "mv blobs/* x && : > blobs/"+a.SHA256)
	if _, _, err := s.Open(cudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a short blob was opened: %v", err)
	}
	run(t, s.dir, "mv x blobs/"+a.SHA256)
	run(t, s.dir, "cd blobs && sha256sum * | awk '{ if ($1 != $2) exit 1 }' && test $(stat -c %a *) = 444")
	run(t, s.dir, "rm meta/*.json")
	if _, err := s.Lookup(cudaURL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("lookup after rm meta/k: %v", err)
	}
}

func TestModesAreTheGroups(t *testing.T) {
	s := testStore(t)
	noteMiss(t, s, cudaURL, client1)
	run(t, s.dir, "test $(stat -c %a misses) = 2770 && test $(stat -c %a misses/*) = 660")
	if _, err := s.SessionSecret(); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "test $(stat -c %a session-secret) = 600")
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	for _, c := range []struct{ script, says string }{
		{"mkdir d; touch d/thesis.tex", `is no fromcache data directory (it holds "thesis.tex" and no README): name an empty`},
		{"mkdir d d/meta; touch d/thesis.tex", "is no fromcache data directory"},
		{"mkdir d; : > d/README", "is no fromcache data directory (its README has an empty first line)"},
		{"mkdir d d/meta; echo My thesis > d/README", `is no fromcache data directory (its README begins with "My thesis")`},
		{"mkdir d; mkfifo d/README", "is no fromcache data directory (its README is a FIFO)"},
		{"mkdir d d/blobs d/meta; echo fromcache data 2 > d/README", "run the version that made the directory"},
		{"mkdir d; mkdir elsewhere; ln -s ../elsewhere d/blobs", "not a directory but a link"},
		{"mkdir d; mkdir elsewhere; ln -s ../elsewhere d/misses", "not a directory but a link"},
		{"touch d", "not a directory"},
	} {
		dir := t.TempDir()
		run(t, dir, c.script)
		if _, err := Open(dir+"/d", Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: it was to say %q: %v", c.script, c.says, err)
		}
	}
	dir := t.TempDir()
	run(t, dir, "mkdir real; ln -s real d")
	openAt(t, dir+"/d", Options{})
	openAt(t, dir+"/d", Options{}) // a second server on one directory
}

func TestOnlyWhatWasApprovedIsFetched(t *testing.T) {
	s := testStore(t)
	signed := cudaURL + "?AWSAccessKeyId=k&Expires=1&Signature="
	noteMiss(t, s, signed+"1", client1)
	noteMiss(t, s, signed+"2", "10.0.0.8")
	f, err := os.OpenFile(s.job(Misses, keyOf(t, cudaURL)), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	approveShown(t, s, keyOf(t, cudaURL))
	// A miss that was on its way when the file moved.
	fmt.Fprintf(f, "%s miss 10.0.0.66 curl/8 %s\n", now().Format(time.RFC3339), signed+"evil")
	if c := claimNext(t, s); c.URL != signed+"2" {
		t.Errorf("fetching %s", c.URL)
	}
}

func TestRepeatsAreGathered(t *testing.T) {
	s := testStore(t)
	for range 1000 {
		noteMiss(t, s, cudaURL, client1)
	}
	list, err := s.Jobs(Misses)
	if err != nil || len(list) != 1 || list[0].Job.Size > youngMiss+100 {
		t.Fatalf("%+v, %v", list, err)
	}
	lines := len(list[0].Job.Events)
	for _, r := range s.repeats.m { // two minutes pass, in which it goes on asking
		for range 2 {
			r.began = time.Now().Add(-2 * gather)
			noteMiss(t, s, cudaURL, client1)
			must(t, s.flushOld(gather))
		}
		noteMiss(t, s, cudaURL, client1)
	}
	lines += 2
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	list, _ = s.Jobs(Misses)
	if n, _ := list[0].Job.Misses(); n != 1003 || len(list[0].Job.Events) != lines+1 {
		t.Errorf("%d misses in %d lines", n, len(list[0].Job.Events))
	}
}

func sumOf(url string) string {
	u, _ := key.Parse(url, key.Auto)
	return u.Sum()
}

// What has a meta and not its blob is not held, and nobody is told so by half.
func TestWithoutItsBlobItIsNotHeld(t *testing.T) {
	for script, says := range map[string]string{
		"rm blobs/*": "blob is missing",
		"chmod 644 blobs/*; for b in blobs/*; do echo more >> $b; done": "another size",
		"for m in meta/*; do echo '{' > $m; done":                       "malformed",
	} {
		s := testStore(t)
		hold(t, s, cudaURL, "bytes")
		run(t, s.dir, script)
		if got, err := s.Lookup(cudaURL); got != nil || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Lookup gives %v, %v", script, got, err)
		}
		if _, f, err := s.Open(cudaURL); f != nil || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Open gives %v, %v", script, f, err)
		}
		if r, err := s.Why(cudaURL); err != nil || r.Artifact != nil || !strings.Contains(r.Broken, says) || !strings.Contains(r.Broken, "run `fromcache fsck") {
			t.Errorf("%s: Why gives %+v, %v", script, r, err)
		}
	}
}

// What only root may read is a miss to everyone, and held again when it may be.
func TestWhatCantBeReadIsAMiss(t *testing.T) {
	for script, says := range map[string]string{
		"chmod 0 meta/*":  "can't be read",
		"chmod 0 blobs/*": "blob is missing",
	} {
		s := testStore(t)
		a := hold(t, s, cudaURL, "bytes")
		run(t, s.dir, script)
		unprivileged(t, func() {
			_, lookup := s.Lookup(cudaURL)
			_, _, open := s.Open(cudaURL)
			_, _, digest := s.OpenDigest(a.SHA256)
			for how, err := range map[string]error{"Lookup": lookup, "Open": open, "OpenDigest": digest} {
				if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
					t.Errorf("%s: %s gives %v", script, how, err)
				}
			}
			if v := noteMiss(t, s, cudaURL, client1); v != Noted {
				t.Errorf("%s: the miss: %v", script, v)
			}
			if r, err := s.Why(cudaURL); err != nil || !strings.Contains(r.Broken, says) {
				t.Errorf("%s: Why gives %+v, %v", script, r, err)
			}
		})
		run(t, s.dir, "chmod 660 meta/*; chmod 444 blobs/*")
		if _, err := s.Lookup(cudaURL); err != nil {
			t.Errorf("after %s: %v", script, err)
		}
	}
}
