// Fromcache-demo shows one file on its way from a miss to a hit: an origin, a cache-host and the shim with the real curl, all
// on this machine. It prints each command that a person would type and the directories after it, and fails if the bytes that
// the client gets differ from the origin's. Run it with make demo, which builds the programs into bin/ first.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if err := demo(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	fmt.Println("\nthe same bytes, and the origin was not asked: demo ok")
}

const patience = 30 * time.Second

// stage is what the demo plays on.
type stage struct {
	dir      string
	env      []string
	url      string
	cache    string // its address
	artifact []byte
	asked    atomic.Int64  // GETs at the origin
	seen     chan struct{} // closed when the audience has seen the download under way
}

func demo() error {
	ctx, stop := context.WithTimeout(context.Background(), 4*patience)
	defer stop()
	dir, err := os.MkdirTemp("", "fromcache-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &stage{dir: dir, artifact: make([]byte, 8<<20), seen: make(chan struct{})}
	if _, err := rand.Read(s.artifact); err != nil {
		return err
	}
	origin, err := s.origin()
	if err != nil {
		return err
	}
	defer origin.Close()
	end, err := s.cacheHost(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.play(ctx)
}

// origin is the vendor's server.
func (s *stage) origin() (*http.Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.url = "http://" + ln.Addr().String() + "/compute/cuda_13.0_linux.run?token=signed-for-today"
	made := time.Now()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		var content io.ReadSeeker = bytes.NewReader(s.artifact)
		if r.Method == http.MethodGet && s.asked.Add(1) == 2 { // after the client's: the cache-host's, which has its User-Agent
			content = &slow{content, s.seen, r.Context()}
		}
		http.ServeContent(w, r, "cuda_13.0_linux.run", made, content)
	})}
	go server.Serve(ln) //nolint:errcheck // it ends with Close
	return server, nil
}

// slow is a body that stands still in its middle until the download has been seen.
type slow struct {
	io.ReadSeeker
	seen <-chan struct{}
	ctx  context.Context
}

func (b *slow) Read(p []byte) (int, error) {
	if at, err := b.Seek(0, io.SeekCurrent); err != nil || at < 4<<20 {
		return b.ReadSeeker.Read(p[:min(len(p), 1<<16)])
	}
	select {
	case <-b.seen:
		return b.ReadSeeker.Read(p)
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

var serving = regexp.MustCompile(`msg=serving addr=(\S+)`)

// cacheHost starts bin/fromcache and puts the shim's curl first on the PATH.
func (s *stage) cacheHost(ctx context.Context) (end func(), err error) {
	bin, err := filepath.Abs("bin")
	if err != nil {
		return nil, err
	}
	shims := filepath.Join(s.dir, "shims")
	if err := os.Mkdir(shims, 0o755); err != nil {
		return nil, err
	}
	if err := os.Symlink(filepath.Join(bin, "fromcache-shim"), filepath.Join(shims, "curl")); err != nil {
		return nil, err
	}
	s.env = append(os.Environ(), "PATH="+shims+":"+bin+":"+os.Getenv("PATH"), "FROMCACHE_LOOPBACK=1", "FROMCACHE_VERBOSE=1",
		"FROMCACHE_CONNECT_TIMEOUT=15", "FROMCACHE_TIMEOUT=15", "no_proxy=127.0.0.1", "URL="+s.url)
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	server := exec.CommandContext(ctx, filepath.Join(bin, "fromcache"), "serve", "--host", "127.0.0.1", "--port", "0",
		"--data-dir", filepath.Join(s.dir, "data"), "--min-free", "0", "--allow-origin", "127.0.0.0/8")
	server.Env, server.Stderr = s.env, log
	if err := server.Start(); err != nil {
		return nil, err
	}
	end = func() {
		server.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		server.Wait()                          //nolint:errcheck // the demo has its verdict
	}
	healthy := func() bool {
		said, _ := os.ReadFile(log.Name())
		at := serving.FindSubmatch(said)
		if at == nil {
			return false
		}
		s.cache = "http://" + string(at[1])
		answer, err := http.Get(s.cache + "/healthz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}
	if !waitFor(healthy) {
		end()
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("the cache-host did not start: %s", said)
	}
	s.env = append(s.env, "FROMCACHE_SERVER="+s.cache)
	return end, nil
}

func (s *stage) play(ctx context.Context) error {
	say("A client's script. The cache holds nothing yet: the shim becomes the real curl, and the cache notes a miss.")
	if err := s.sh(ctx, `curl -fsS -o first "$URL"`); err != nil {
		return err
	}
	if err := s.tree(ctx, "data/misses/*"); err != nil {
		return err
	}
	say("Someone decides. The directory is the state, so this is the approval:")
	if err := s.sh(ctx, `mv data/misses/*cuda* data/queue/`); err != nil {
		return err
	}
	if !waitFor(func() bool { return s.matches("data/active/*.job") && s.matches("data/tmp/*.part") }) {
		return errors.New("the download did not begin")
	}
	say("The cache-host has claimed it, and fetches:")
	if err := s.tree(ctx, "data/active/*.job"); err != nil {
		return err
	}
	close(s.seen)
	if !waitFor(func() bool { return s.matches("data/done/*.job") }) {
		s.tree(ctx, "data/failed/*.job") //nolint:errcheck // it only shows
		return errors.New("the download did not end")
	}
	say("Whole, checked, and held:")
	if err := s.tree(ctx, "data/done/*.job"); err != nil {
		return err
	}
	say("The same script again. Now it is a hit.")
	before := s.asked.Load()
	if err := s.sh(ctx, `curl -fsS -o second "$URL"`); err != nil {
		return err
	}
	if err := s.sh(ctx, `fromcache --data-dir data ls artifacts`); err != nil {
		return err
	}
	return s.verdict(before)
}

func (s *stage) verdict(before int64) error {
	for _, name := range []string{"first", "second"} {
		got, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, s.artifact) {
			return fmt.Errorf("%s differs from what the origin has", name)
		}
	}
	if n := s.asked.Load() - before; n != 0 {
		return fmt.Errorf("the second download asked the origin %d times", n)
	}
	return nil
}

// tree shows every file of the data directory, and the ones that glob names in full.
func (s *stage) tree(ctx context.Context, glob string) error {
	if err := s.quiet(ctx, `cd data && find misses queue active tmp blobs meta done failed -type f | sed 's/^/      data\//'`); err != nil {
		return err
	}
	return s.quiet(ctx, `for f in `+glob+`; do echo "    $ cat $f"; sed 's/^/      /' "$f"; done`)
}

func (s *stage) matches(glob string) bool {
	found, _ := filepath.Glob(filepath.Join(s.dir, glob))
	return len(found) > 0
}

func say(text string) { fmt.Printf("\n%s\n", text) }

// sh prints a command and runs it.
func (s *stage) sh(ctx context.Context, line string) error {
	fmt.Printf("    $ %s\n", line)
	return s.quiet(ctx, "{ "+line+"; } 2>&1 | sed 's/^/      /'")
}

func (s *stage) quiet(ctx context.Context, line string) error {
	c := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail; "+line)
	c.Dir, c.Env, c.Stdout, c.Stderr = s.dir, s.env, os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
	}
	return nil
}

// waitFor asks until it is so.
func waitFor(so func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if so() {
			return true
		}
	}
	return false
}
