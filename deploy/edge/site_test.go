package edge

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	patience = 30 * time.Second
	large    = "https://vendor.example/large.run"
	size     = 20 << 20 // a slice of nginx.conf, and a quarter
)

// site is a cache-host, a line to it that counts bytes, and an edge.
type site struct {
	t                *testing.T
	dir, data        string
	fromcache        string
	host             *program
	line             *line
	edge             string        // http://address
	asksAfter        time.Duration // the edge asks for what it keeps when this time has passed
	keepsConnections bool          // the edge asks over connections that it has
	versions         sync.Map      // digests of all that was put
}

// newSite starts a cache-host that believes what an edge on this machine says of its clients.
func newSite(t *testing.T) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	s := &site{t: t, dir: t.TempDir(), fromcache: built(t), asksAfter: 2 * time.Second}
	s.data = filepath.Join(s.dir, "data")
	s.host = start(t, s.fromcache, "serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", s.data,
		"--min-free", "0", "--trusted-proxy", "127.0.0.1")
	s.line = newLine(t, s.host.word("addr="))
	return s
}

// built returns the path of the program, which is built once.
func built(t *testing.T) string {
	t.Helper()
	build.once.Do(func() {
		out, err := exec.Command("go", "build", "-o", build.path, "fromcache/cmd/fromcache").CombinedOutput()
		if err != nil {
			build.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.path
}

var build struct {
	once sync.Once
	path string
	err  error
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "edge")
	if err != nil {
		panic(err)
	}
	build.path = filepath.Join(dir, "fromcache")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// run runs a verb on the data directory and returns what it prints.
func (s *site) run(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(s.fromcache, append(args, "--data-dir", s.data)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("fromcache %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// put makes a new version of an artifact, of this size, and returns its digest.
func (s *site) put(url string, size int) string {
	s.t.Helper()
	b := make([]byte, size)
	rand.Read(b)
	copy(b, "#!/bin/sh\n")
	file := filepath.Join(s.dir, "carried-in")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		s.t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(b))
	s.versions.Store(digest, true)
	s.run("put", url, file)
	return digest
}

// at returns the address of a URL at the edge.
func (s *site) at(url string) string { return s.run("url", "--server", s.edge, url) }

// direct returns the address of a URL at the cache-host.
func (s *site) direct(url string) string { return s.run("url", "--server", "http://"+s.line.to, url) }

// fill writes a configuration of this directory with the addresses and directories of a test.
func (s *site) fill(name string, replace ...string) string {
	s.t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !bytes.Contains(b, []byte(replace[i])) {
			s.t.Fatalf("%s has no %q", name, replace[i])
		}
	}
	path := filepath.Join(s.dir, name)
	text := strings.NewReplacer(replace...).Replace(string(b))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// waitForEdge waits until the edge passes a question on to the cache-host.
func (s *site) waitForEdge() {
	s.t.Helper()
	s.eventually("the edge answers", func() bool { return get(s.edge+"/healthz").status == http.StatusOK })
}

// eventually waits until a condition holds.
func (s *site) eventually(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	digest string // of the body, "" if it was cut short
}

func get(address string) answer { return ask(http.MethodGet, address) }

// ask sends a request with header fields, each a name and a value, and reads the whole answer.
func ask(method, address string, fields ...string) answer {
	r, err := open(method, address, fields...)
	if err != nil {
		return answer{}
	}
	defer r.Body.Close()
	return read(r)
}

func open(method, address string, fields ...string) (*http.Response, error) {
	req, err := http.NewRequest(method, address, nil)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	return http.DefaultClient.Do(req)
}

// read reads the rest of an answer.
func read(r *http.Response) answer {
	sum := sha256.New()
	if _, err := io.Copy(sum, r.Body); err != nil {
		return answer{r.StatusCode, r.Header, ""}
	}
	return answer{r.StatusCode, r.Header, fmt.Sprintf("%x", sum.Sum(nil))}
}

// atOnce runs f n times at once.
func atOnce[T any](n int, f func() T) []T {
	results := make([]T, n)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = f() })
	}
	all.Wait()
	return results
}

// line passes connections on to a cache-host, and counts the bytes that come from it.
type line struct {
	net.Listener
	to      string
	back    atomic.Int64
	dialled atomic.Int64 // connections to the cache-host

	mu     sync.Mutex
	answer string            // to each request instead of the cache-host's; "": its own
	open   map[net.Conn]bool // from the edge
}

// answerAll has the line answer all requests by itself, the whole header given, until it is told "".
func (l *line) answerAll(answer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = answer
	for c := range l.open {
		c.Close()
	}
}

// begin notes a connection, and returns the answer to what comes over it if that is not the
// cache-host's.
func (l *line) begin(c net.Conn) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = true
	return l.answer
}

func (l *line) end(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	c.Close()
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	l := &line{Listener: in, to: to, open: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := in.Accept()
			if err != nil {
				return
			}
			go l.pass(c)
		}
	}()
	return l
}

func (l *line) pass(c net.Conn) {
	defer l.end(c)
	if answer := l.begin(c); answer != "" {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, answer) //nolint:errcheck // the edge may have hung up
		}
		return
	}
	l.dialled.Add(1)
	up, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		io.Copy(up, c) //nolint:errcheck // either side may hang up
		up.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(counter{c, &l.back}, up) //nolint:errcheck // either side may hang up
}

// counter counts what is written.
type counter struct {
	to net.Conn
	n  *atomic.Int64
}

func (c counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// program is a process that runs until the test ends.
type program struct {
	t   *testing.T
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(name, args...)}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		p.cmd.Wait() //nolint:errcheck // it was killed
		if t.Failed() {
			t.Logf("%s printed:\n%.4000s", name, p.String())
		}
	})
	return p
}

// signal sends a signal to the program and to what it has started.
func (p *program) signal(sig syscall.Signal) { syscall.Kill(-p.cmd.Process.Pid, sig) } //nolint:errcheck // it may have ended

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// word returns the word that follows mark in what the program prints.
func (p *program) word(mark string) string {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, after, ok := strings.Cut(p.String(), mark); ok {
			if word, _, ok := strings.Cut(after, " "); ok {
				return word
			}
		}
	}
	p.t.Fatalf("%q was not printed:\n%s", mark, p)
	return ""
}

// find returns the path of a program of the distribution, which may be in sbin.
func find(t *testing.T, name string) string {
	t.Helper()
	for _, at := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(at); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed; make needs installs it", name)
	return ""
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
