package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// FillMeta makes n artifacts without fsync, as files.
func FillMeta(b testing.TB, s *fsstore.Store, n int) (urls []string) {
	b.Helper()
	body := DigestOf("x")
	if err := os.WriteFile(Path(s, "blobs", body), []byte("x"), 0o444); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		url := fmt.Sprintf("https://developer.download.nvidia.com/compute/cuda/repos/%d/package-%d.deb", i%100, i)
		m := fsstore.Meta{URL: url, URLSum: SumOf(url), Size: 1, SHA256: body, Fetched: tree.Now(), FinalURL: url,
			Header:   map[string]string{"Content-Type": "application/octet-stream", "Last-Modified": "Tue, 03 Jun 2025 10:00:00 GMT", "Etag": `"683ec-1"`},
			Approved: &fsstore.Approval{Via: "web", Addr: "10.0.0.2", Time: tree.Now()}, Misses: 3, Claim: tree.RandomID()}
		text, err := json.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(Path(s, "meta", KeyOf(b, url)+".json"), text, 0o660); err != nil {
			b.Fatal(err)
		}
		urls = append(urls, url)
	}
	return urls
}

func NoHurry(int64) error { return nil }

// PutIn is put of what must be taken.
func PutIn(t *testing.T, s *fsstore.Store, url, body string) *fsstore.Artifact {
	t.Helper()
	a, err := Put(s, fsstore.Addition{URL: url}, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Unprivileged runs do as one to whom modes apply, root too.
func Unprivileged(t *testing.T, do func()) {
	t.Helper()
	runtime.LockOSThread() // the thread's own
	defer runtime.UnlockOSThread()
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&h, &had[0]); err != nil {
		t.Fatal(err)
	}
	less := had
	less[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER
	if err := unix.Capset(&h, &less[0]); err != nil {
		t.Fatal(err)
	}
	defer unix.Capset(&h, &had[0])
	do()
}

// Many holds n artifacts of 5 bytes or so each, and returns their keys.
func Many(t *testing.T, s *fsstore.Store, name string, n int) (keys []string) {
	t.Helper()
	for i := range n {
		keys = append(keys, Hold(t, s, fmt.Sprintf("https://example.com/%s-%d.run", name, i), fmt.Sprintf("%s %d", name, i)).Key)
	}
	return keys
}

func Checked(t *testing.T, s *fsstore.Store, o fsstore.FsckOptions) fsstore.FsckReport {
	t.Helper()
	r, err := s.Fsck(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Served is the content that is served for a URL, "" where it is a miss.
func Served(t *testing.T, s *fsstore.Store, rawURL string) string {
	t.Helper()
	_, f, err := s.Open(rawURL)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(rawURL, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func HoldAs(t *testing.T, s *fsstore.Store, rawURL, body string) *fsstore.Artifact {
	t.Helper()
	return HoldWith(t, s, rawURL, body, fsstore.Origin{FinalURL: rawURL})
}

func Expect(t *testing.T, s *fsstore.Store, when string, want map[string]string) {
	t.Helper()
	for query, body := range want {
		if got := Served(t, s, CudaURL+query); got != body {
			t.Errorf("%s: asked for %q, served %q, want %q", when, query, got, body)
		}
	}
}

// AsOld holds a URL as a server of before did: under a name with 16 digits, by
// the old rule, and with no sum of the URL that was asked for.
func AsOld(t *testing.T, s *fsstore.Store, rawURL string) *fsstore.Artifact {
	t.Helper()
	a := HoldAs(t, s, rawURL, "bytes")
	u, err := key.Parse(rawURL, key.Old)
	if err != nil {
		t.Fatal(err)
	}
	m := a.Meta
	m.AskedSum, m.Asked, m.URL, m.URLSum = "", "", key.Redact(u.String()), u.Sum()
	m.FinalURL = ""
	if final := key.Redact(rawURL); final != m.URL {
		m.FinalURL = final
	}
	Run(t, s.Dir(), "rm meta/"+a.Key+".json; rm -f done/* hits/*")
	if err := s.WriteMeta(u.OldKey(), &m); err != nil {
		t.Fatal(err)
	}
	return &fsstore.Artifact{Key: u.OldKey(), Meta: m}
}

func KeyIn(t *testing.T, s *fsstore.Store, url string) string {
	t.Helper()
	u, err := s.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return u.Key()
}

func Fsck(t *testing.T, s *fsstore.Store, o fsstore.FsckOptions) []fsstore.Problem {
	t.Helper()
	r, err := s.Fsck(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Problems
}

// BytesIn is the set of contents of all files but meta and the log of jobs,
// of which repair may write new ones.
func BytesIn(t *testing.T, s *fsstore.Store) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, dir := range []string{"blobs", "tmp"} {
		list, err := os.ReadDir(Path(s, dir, ""))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			b, err := os.ReadFile(Path(s, dir, e.Name()))
			if err == nil {
				all[string(b)] = true
			}
		}
	}
	return all
}

// Flushed flushes until nobody has held the lock for too long: on a disk that
// stands still for a second the numbers wait in memory.
func Flushed(t *testing.T, flush func() error) {
	err := flush()
	for errors.Is(err, tree.ErrLocked) {
		err = flush()
	}
	if err != nil {
		t.Error(err)
	}
}

func MustKey(url string) string { return MustURL(url).Key() }

func MustURL(url string) key.URL {
	u, err := key.Parse(url, key.Auto)
	if err != nil {
		panic(err)
	}
	return u
}

// FullAt makes every write beyond so many bytes of a file fail, in the middle
// of a line, as a full disk does. The limit is the whole process's: a test that
// wants it begins with alone, else go's own record of the tests may meet it.
func FullAt(t *testing.T, size int64) (roomy func()) {
	t.Helper()
	if os.Getenv(AloneTest) == "" {
		t.Fatal("fullAt outside a process of the test's own")
	}
	var was unix.Rlimit
	signal.Ignore(syscall.SIGXFSZ)
	Must(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &was))
	Must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(size), Max: was.Max}))
	return func() {
		Must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &was))
		signal.Reset(syscall.SIGXFSZ)
	}
}

// Alone runs the test in a process of its own, and says whether this is it.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(AloneTest) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.count=1", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), AloneTest+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func SizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func BodyOf(t *testing.T, s *fsstore.Store, url string) string {
	t.Helper()
	a, f, err := s.Open(url)
	if err != nil {
		return "not held"
	}
	defer f.Close()
	b := make([]byte, a.Size)
	f.Read(b)
	return string(b)
}

func NoteErr(s *fsstore.Store) {
	s.NoteMiss(CudaURL, fsstore.Asker{Addr: Client1, UserAgent: "curl"})
	s.Hit("k")
	s.Close()
	Beat(s)
}

func Flip(t *testing.T, s *fsstore.Store, digest string) {
	t.Helper()
	path := Path(s, "blobs", digest)
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

func SecretOf(t *testing.T, s *fsstore.Store) string {
	t.Helper()
	b, err := s.SessionSecret()
	if err != nil || len(b) < 32 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	return string(b)
}

// Shown is the URL that a page shows of a miss.
func Shown(t *testing.T, s *fsstore.Store, k string) string {
	t.Helper()
	j, err := s.JobFile(fsstore.Misses, k)
	if err != nil {
		t.Fatal(err)
	}
	return j.Job.FetchURL()
}

// ApproveShown approves what a page shows.
func ApproveShown(t *testing.T, s *fsstore.Store, k string) {
	t.Helper()
	if err := s.Approve(k, job.URLSum(Shown(t, s, k)), fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
}

// ApproveOne approves a miss of one URL.
func ApproveOne(s *fsstore.Store) func(string, fsstore.Operator) error {
	return func(k string, by fsstore.Operator) error { return s.Approve(k, "", by) }
}

// Begin claims a new job of url, and writes into its part.
func Begin(t testing.TB, s *fsstore.Store, url string) (*fsstore.Claim, *fsstore.Part) {
	t.Helper()
	name, err := s.Add(fsstore.Addition{URL: url}, Operator)
	Must(t, err)
	c, err := s.Claim(name)
	Must(t, err)
	p, err := c.Part(context.Background(), false)
	Must(t, err)
	_, err = p.Write([]byte(url))
	Must(t, err)
	return c, p
}

// Write puts a file of an earlier server into place.
func Write(t *testing.T, s *fsstore.Store, st fsstore.State, name string, lines ...string) {
	t.Helper()
	cmd := "printf '%s\\n'"
	for _, line := range lines {
		cmd += " " + quote(line)
	}
	Run(t, s.Dir(), cmd+" > "+string(st)+"/"+quote(name))
}

// HoldWith is hold of what an origin said something of.
func HoldWith(t testing.TB, s *fsstore.Store, url, body string, o fsstore.Origin) *fsstore.Artifact {
	t.Helper()
	c := MustClaim(t, s, Add(t, s, url))
	p, err := c.Part(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	p.Write([]byte(body))
	a, err := c.Publish(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// LongDay returns when there is some of the day left, for who compares with what is
// counted today.
func LongDay() {
	today := tree.Now().Truncate(24 * time.Hour)
	if left := time.Until(today.Add(24 * time.Hour)); left < time.Minute {
		time.Sleep(left)
	}
}

// Beat does what Run does every ten seconds, once, and writes what is gathered.
func Beat(s *fsstore.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Run(ctx)
}

// RetryLost does what fsck advises for each artifact whose blob is lost, and reports how many
// artifacts are queued.
func RetryLost(t *testing.T, s *fsstore.Store) (queued int) {
	t.Helper()
	for a, err := range s.Artifacts() {
		if err == nil && s.Lost(a) != "" {
			done := s.DoneJob(spool.IDOfHeld(a.Key, a.URLSum))
			if done.Name == "" {
				Add(t, s, a.URL)
			} else if err := s.Retry(done.Name, Operator); err != nil {
				t.Fatal(err)
			}
			queued++
		}
	}
	return queued
}

// QuickStore is in memory where the machine has such a file system: fsync is
// what a run costs.
func QuickStore(t testing.TB) *fsstore.Store {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "fuzz-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return OpenAt(t, dir+"/data", fsstore.Options{})
}

// Unclaim takes the locks from a file in active/, as the end of its worker does: in its
// place comes a copy, which nobody has open.
func Unclaim(path string) error {
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+"~", b, 0o660)
	}
	if err != nil {
		return err
	}
	return os.Rename(path+"~", path)
}

// quote makes one word of s for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
