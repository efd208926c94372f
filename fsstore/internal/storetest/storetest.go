// Package storetest is what the tests of the rooms share: a store in a directory of the
// test, what is held in it, and a look at its files.
package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

const SecondURL = "https://example.com/second.run"

const OtherURL = "https://example.com/other.run"

const CarriedURL = "https://vendor.example/carried.tar"

// Put carries in a body whose length is known.
func Put(s *fsstore.Store, a fsstore.Addition, body string) (*fsstore.Artifact, error) {
	return s.Put(a, strings.NewReader(body), int64(len(body)), Operator, NoHurry)
}

func Add(t testing.TB, s *fsstore.Store, url string) string {
	t.Helper()
	name, err := s.Add(fsstore.Addition{URL: url}, fsstore.Operator{Via: "cli", Addr: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func MustClaim(t testing.TB, s *fsstore.Store, name string) *fsstore.Claim {
	t.Helper()
	c, err := s.Claim(name)
	if err != nil || c == nil {
		t.Fatalf("claim of %s: %v, %v", name, c, err)
	}
	return c
}

// Text is the content of one file of the spool.
func Text(t testing.TB, s *fsstore.Store, st fsstore.State, name string) string {
	t.Helper()
	b, err := s.Log(st, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Drain claims and publishes until queue/ stays empty, recovering beside it.
func Drain(t *testing.T, s *fsstore.Store) {
	for {
		due, err := s.Due()
		if err != nil {
			t.Error(err)
			return
		}
		if len(due) == 0 && len(Ls(t, s, fsstore.Active)) == 0 {
			return
		}
		if err := s.Recover(); err != nil {
			t.Error(err)
		}
		for _, name := range due {
			c, err := s.Claim(name)
			if err != nil {
				t.Error(err)
				return
			}
			if c != nil {
				Publish(t, c, c.Key)
			}
		}
	}
}

// WaitDue polls Due until name is in it: a person's file must stand still.
func WaitDue(t testing.TB, s *fsstore.Store, name string) string {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		due, err := s.Due()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range due {
			if n == name {
				return n
			}
		}
	}
	t.Fatalf("%s is never due", name)
	return ""
}

const Signed = "&sig=a&se=2026-11-28&sp=r"

// HealthIs looks again, and wants one trouble whose words hold what, or none.
func HealthIs(t *testing.T, s *fsstore.Store, what string, grave bool) {
	t.Helper()
	s.Ill() // looks now
	list := s.Health()
	switch {
	case what == "" && len(list) > 0:
		t.Errorf("it is not well: %+v", list)
	case what != "" && (len(list) != 1 || !strings.Contains(list[0].What, what) || list[0].Grave != grave):
		t.Errorf("%q was to be wrong: %+v", what, list)
	}
}

const AloneTest = "FROMCACHE_TEST_ALONE"

var Operator = fsstore.Operator{Via: "cli", Addr: "test"}

var Fast = fsstore.ScrubOptions{Rate: 1 << 40}

const (
	CudaURL = "https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run"
	Client1 = "10.0.0.7"
)

func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStore(t testing.TB) *fsstore.Store {
	t.Helper()
	return OpenAt(t, t.TempDir()+"/data", fsstore.Options{})
}

func OpenAt(t testing.TB, dir string, o fsstore.Options) *fsstore.Store {
	t.Helper()
	s, err := fsstore.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func KeyOf(t testing.TB, url string) string {
	t.Helper()
	u, err := key.Parse(url, key.Auto)
	if err != nil {
		t.Fatal(err)
	}
	return u.Key()
}

func NoteMiss(t testing.TB, s *fsstore.Store, url, addr string) fsstore.Verdict {
	t.Helper()
	v, err := s.NoteMiss(url, fsstore.Asker{Addr: addr, UserAgent: "curl/7.88.1"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ClaimNext claims the only job that is due.
func ClaimNext(t testing.TB, s *fsstore.Store) *fsstore.Claim {
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

func Publish(t testing.TB, c *fsstore.Claim, body string) *fsstore.Artifact {
	t.Helper()
	p, err := c.Part(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	a, err := c.Publish(p, fsstore.Origin{FinalURL: c.URL})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Hold puts an artifact into the store the way an operator would.
func Hold(t testing.TB, s *fsstore.Store, url, body string) *fsstore.Artifact {
	t.Helper()
	if _, err := s.Add(fsstore.Addition{URL: url}, fsstore.Operator{Via: "cli", Addr: "test"}); err != nil {
		t.Fatal(err)
	}
	return Publish(t, ClaimNext(t, s), body)
}

func Ls(t testing.TB, s *fsstore.Store, st fsstore.State) []string {
	t.Helper()
	names, err := Names(s, string(st))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func Want(t testing.TB, s *fsstore.Store, st fsstore.State, names ...string) {
	t.Helper()
	got := Ls(t, s, st)
	slices.Sort(got)
	if slices.Sort(names); !slices.Equal(got, names) {
		t.Errorf("%s/ holds %q, want %q", st, got, names)
	}
}

func Sound(t testing.TB, s *fsstore.Store) {
	t.Helper()
	r, err := s.Fsck(t.Context(), fsstore.FsckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Errorf("fsck: %s: %s", p.Path, p.Text)
	}
}

func Run(t testing.TB, dir, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

func DigestOf(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(body))) }

func SumOf(url string) string {
	u, _ := key.Parse(url, key.Auto)
	return u.Sum()
}

// Two URLs whose names of 16 digits are equal, as a search for 64 bits finds them
// in minutes. Under such a name an earlier server may have left files of either.
const (
	OneURL  = "http://127.0.0.1:18080/n/74fc8b9b1cc43af6/f.run"
	TwinURL = "http://127.0.0.1:18080/e/8469ad2b07e4d4e9/f.run"
)

const (
	AskedThen    = "2026-11-22T21:27:26Z miss 10.0.0.7 curl/8"
	ApprovedThen = "2026-11-22T21:31:00Z approve web 10.0.0.2"
)

// Path is a file of the data directory.
func Path(s *fsstore.Store, dir, name string) string { return s.Dir() + "/" + dir + "/" + name }

// JobPath is a file of a state.
func JobPath(s *fsstore.Store, st fsstore.State, name string) string {
	return Path(s, string(st), name)
}

// Names are the names in a directory, in no order.
func Names(s *fsstore.Store, dir string) ([]string, error) { return tree.New(s.Dir(), nil).Names(dir) }

// Watch runs a watch of a store until the test ends, and returns the call that waits until nothing
// has changed for a moment. It skips the test where the file system is none that is watched.
func Watch(t *testing.T, run func(ctx context.Context), still func() bool) (settle func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	within := func(limit time.Duration) bool {
		for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if still() {
				return true
			}
		}
		return false
	}
	if !within(10 * time.Second) {
		t.Skip("the temporary directory is not watched: its file system does not tell what changes, or the system has no inotify")
	}
	return func() { within(time.Minute) }
}
