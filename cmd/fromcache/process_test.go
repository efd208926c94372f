package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a server in a process of its own, on data/ of a directory.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	path string // of the program; "": this test's binary, which TestMain makes one
	dir  string
	env  []string
	url  string
	mu   sync.Mutex
	said strings.Builder
	read sync.WaitGroup
}

// newProcess is told env beside what all tests of this kind need.
func newProcess(t *testing.T, path string, env ...string) *process {
	p := &process{t: t, path: path, dir: t.TempDir()}
	p.env = append(os.Environ(), "GOCOVERDIR=", "NO_PROXY=*", "HOME="+p.dir, "FROMCACHE_DATA_DIR="+p.data(), "FROMCACHE_ADMIN_PASSWORD=", "FROMCACHE_ADMIN_PASSWORD_FILE=")
	p.env = append(p.env, env...)
	return p
}

// start returns when the server listens.
func (p *process) start(flags ...string) {
	p.t.Helper()
	p.cmd = p.program(append([]string{"serve", "--host", "127.0.0.1", "--port", "0", "--min-free", "0", "--allow-origin", "127.0.0.0/8"}, flags...)...)
	pipe, err := p.cmd.StderrPipe()
	p.must(err)
	p.must(p.cmd.Start())
	p.t.Cleanup(func() { p.cmd.Process.Kill(); p.read.Wait(); p.cmd.Wait() }) //nolint:errcheck // it has mostly ended
	addr := make(chan string, 1)
	p.read.Go(func() {
		listening := regexp.MustCompile(`serving"?,? ?"?addr"?[=:]"?([0-9.:]+)`)
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			p.mu.Lock()
			p.said.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				addr <- m[1]
			}
		}
	})
	select {
	case a := <-addr:
		p.url = "http://" + a
	case <-time.After(2 * patience):
		p.t.Fatalf("the server does not listen:\n%s", p.log())
	}
}

// program is a call of it, in the server's environment.
func (p *process) program(args ...string) *exec.Cmd {
	path := p.path
	if path == "" {
		path = os.Args[0]
	}
	cmd := exec.Command(path)
	cmd.Args = append([]string{"fromcache"}, args...)
	cmd.Env, cmd.Dir = p.env, p.dir
	return cmd
}

// end signals the server, and returns how it ended.
func (p *process) end(s syscall.Signal) error {
	p.must(p.cmd.Process.Signal(s))
	p.read.Wait()
	return p.cmd.Wait()
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

func (p *process) data(names ...string) string {
	return filepath.Join(append([]string{p.dir, "data"}, names...)...)
}

// there reports whether a glob below data/ names a file.
func (p *process) there(pattern string) bool {
	found, _ := filepath.Glob(p.data(pattern))
	return len(found) > 0
}

func (p *process) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) eventually(what string, so func() bool) {
	p.t.Helper()
	for end := time.Now().Add(2 * patience); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("never: %s\n%s", what, p.log())
		}
	}
}

// fresh is a client that keeps no connection and follows no redirect.
func fresh(jar http.CookieJar) *http.Client {
	return &http.Client{
		Jar: jar, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// run calls a verb on the process' data directory.
func (p *process) run(args ...string) string {
	p.t.Helper()
	out, err := p.program(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("fromcache %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// fetch adds a URL, and waits until it is held.
func (p *process) fetch(url string) {
	p.t.Helper()
	p.run("add", url)
	p.fetched(url)
}

// fetched waits until the job of a URL is done.
func (p *process) fetched(url string) {
	p.t.Helper()
	p.eventually(url+" is fetched", func() bool { return p.there("done/*" + path.Base(url) + "*") })
}

// text returns the files of a glob below data/.
func (p *process) text(pattern string) string {
	found, _ := filepath.Glob(p.data(pattern))
	var all strings.Builder
	for _, path := range found {
		b, _ := os.ReadFile(path)
		all.Write(b)
	}
	return all.String()
}

func (p *process) saysIn(pattern, text string) {
	p.t.Helper()
	p.eventually(fmt.Sprintf("%s says %q", pattern, text), func() bool { return strings.Contains(p.text(pattern), text) })
}

func (p *process) get(url string) (code int, body string) {
	resp, err := fresh(nil).Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}
