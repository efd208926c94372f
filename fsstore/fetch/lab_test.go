package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// TestMain fails when a goroutine outlives the tests: a worker's, a guard's, a connection's.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a store and a pool with short delays.
type lab struct {
	t   *testing.T
	s   *fsstore.Store
	p   *Pool
	dir string
	log *locked
}

func newLab(t *testing.T, o Options) *lab {
	return newLabWith(t, o, fsstore.Options{})
}

func newLabWith(t *testing.T, o Options, so fsstore.Options) *lab {
	t.Helper()
	l := &lab{t: t, dir: filepath.Join(t.TempDir(), "data"), log: new(locked)}
	var err error
	if l.s, err = fsstore.Open(l.dir, so); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.s.Close() })
	l.p = l.pool(o)
	return l
}

// pool is a pool for loopback origins; it asks no proxy.
func (l *lab) pool(o Options) *Pool {
	l.t.Helper()
	if o.AllowOrigin == nil {
		o.AllowOrigin = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
	if o.Backoff == 0 {
		o.Backoff, o.MaxBackoff = time.Nanosecond, time.Nanosecond
	}
	if o.Interval == 0 {
		o.Interval = 20 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(l.log, nil))
	}
	p, err := New(l.s, o)
	if err != nil {
		l.t.Fatal(err)
	}
	p.client.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	p.poll = 20 * time.Millisecond
	return p
}

// locked is a log that several pools write.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// add queues a URL and returns its key.
func (l *lab) add(a fsstore.Addition) string {
	l.t.Helper()
	if _, err := l.s.Add(a, fsstore.Operator{Via: "cli"}); err != nil {
		l.t.Fatal(err)
	}
	u, err := key.Parse(a.URL, l.s.Rule())
	if err != nil {
		l.t.Fatal(err)
	}
	return u.Key()
}

// step does what is due, once. It reports whether something was.
func (l *lab) step() bool {
	l.t.Helper()
	due, err := l.s.Due()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, name := range due {
		l.p.work(context.Background(), name)
	}
	return len(due) > 0
}

// drive works until nothing is due.
func (l *lab) drive() {
	l.t.Helper()
	for range 100 {
		if !l.step() {
			return
		}
	}
	l.t.Fatal("the queue never empties")
}

// fetch queues and drives, and tells what became of it.
func (l *lab) fetch(a fsstore.Addition) (fsstore.State, string) {
	l.t.Helper()
	k := l.add(a)
	l.drive()
	return l.state(k)
}

func (l *lab) state(k string) (fsstore.State, string) {
	l.t.Helper()
	for _, st := range []fsstore.State{fsstore.Queue, fsstore.Active, fsstore.Failed, fsstore.Cancelled, fsstore.Done} {
		list, err := l.s.Jobs(st)
		if err != nil {
			l.t.Fatal(err)
		}
		slices.SortFunc(list, func(a, b fsstore.JobFile) int { return len(a.Name) - len(b.Name) }) // the newest has the plain name
		for _, j := range list {
			if j.Key == k || strings.HasPrefix(j.Name, k) {
				return st, j.Job.Reason()
			}
		}
	}
	return "", ""
}

// held returns the bytes that are held for a URL, or nil.
func (l *lab) held(rawURL string) []byte {
	l.t.Helper()
	a, err := l.s.Lookup(rawURL)
	if err != nil {
		return nil
	}
	f, err := l.s.OpenBlob(a.SHA256)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		l.t.Fatal(err)
	}
	if fmt.Sprintf("%x", sha256.Sum256(b)) != a.SHA256 {
		l.t.Fatal("the blob is not what meta says")
	}
	return b
}

// parts counts what is half-written.
func (l *lab) parts() int {
	list, _ := filepath.Glob(filepath.Join(l.dir, "tmp", "*.part"))
	return len(list)
}

// grep fails where a file of the tree or the log holds text.
func (l *lab) grep(secret string) {
	l.t.Helper()
	if strings.Contains(l.log.String(), secret) {
		l.t.Errorf("the log holds %q", secret)
	}
	filepath.WalkDir(l.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(secret)) {
			l.t.Errorf("%s holds %q", path, secret)
		}
		return nil
	})
}

// fsck fails on anything that is wrong with the tree.
func (l *lab) fsck() {
	l.t.Helper()
	r, err := l.s.Fsck(context.Background(), fsstore.FsckOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range r.Problems {
		l.t.Errorf("fsck: %s: %s", p.Path, p.Text)
	}
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
