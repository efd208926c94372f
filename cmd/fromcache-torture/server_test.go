package torture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program is the real binary, built once, and what the parts share.
type program struct {
	path   string // of fromcache
	temp   string
	memory string // a directory that no disk is under, or temp
	origin *origin
	rows   []*Row
}

func newProgram() (*program, error) {
	temp, err := os.MkdirTemp("", "fromcache-torture-")
	if err != nil {
		return nil, err
	}
	p := &program{path: filepath.Join(temp, "fromcache"), temp: temp, memory: temp}
	build := exec.Command("go", "build", "-o", p.path, "fromcache/cmd/fromcache")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		os.RemoveAll(temp)
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	if memory, err := os.MkdirTemp("/dev/shm", "fromcache-torture-"); err == nil {
		p.memory = memory
	}
	p.origin = newOrigin()
	return p, nil
}

func (p *program) close() {
	p.origin.CloseClientConnections()
	p.origin.Close()
	os.RemoveAll(p.memory)
	os.RemoveAll(p.temp)
}

// server is a running `fromcache serve`.
type server struct {
	cmd    *exec.Cmd
	addr   string
	exited chan struct{} // closed when it has
	mu     sync.Mutex
	log    bytes.Buffer
}

// serve starts the server on a directory, behind the words of prefix: strace,
// prlimit, ip netns exec. The error says what was started, and what it logged.
func (p *program) serve(data string, prefix []string, flags ...string) (*server, error) {
	s := p.newServer(data, prefix, flags...)
	if err := s.start(time.Minute); err != nil { // a machine may be busy
		return nil, fmt.Errorf("%s: %w\n%s", s.cmd, err, s.text())
	}
	return s, nil
}

func (p *program) newServer(data string, prefix []string, flags ...string) *server {
	return &server{cmd: p.command(data, prefix, flags), exited: make(chan struct{})}
}

// start returns when the server says that it listens, or has ended. It kills one
// that does neither for so long.
func (s *server) start(long time.Duration) error {
	pipe, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	listening := make(chan string, 1)
	go s.read(pipe, listening)
	select {
	case addr, ok := <-listening:
		if !ok {
			return errors.New("it ended before it listened")
		}
		s.addr = addr
		return nil
	case <-time.After(long):
		s.kill()
		return fmt.Errorf("it does not listen within %v", long)
	}
}

// command is the server in a process group of its own, which ends with this process.
func (p *program) command(data string, prefix, flags []string) *exec.Cmd {
	args := append(append([]string{}, prefix...), p.path, "serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", data,
		"--min-free", "0", "--allow-origin", "127.0.0.1")
	args = append(args, flags...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// read keeps the log and owns the process's end.
func (s *server) read(pipe io.Reader, listening chan<- string) {
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for said := false; lines.Scan(); {
		s.mu.Lock()
		s.log.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if _, rest, ok := strings.Cut(lines.Text(), "msg=serving addr="); ok && !said {
			addr, _, _ := strings.Cut(rest, " ")
			listening <- addr
			said = true
		}
	}
	s.cmd.Wait()
	close(s.exited)
	close(listening)
}

func (s *server) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *server) dead() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// kill ends the server and what it runs behind, at once.
func (s *server) kill() {
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.exited
}

// stop ends it well; it says whether it did, and not only for the 30 s were over
// that answers have.
func (s *server) stop() bool {
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-s.exited:
		return true
	case <-time.After(25 * time.Second): // a disk may be busy
		s.kill()
		return false
	}
}

// get asks the cache for an origin's URL. A whole answer is the bytes and 200;
// one that breaks off is an error.
func (s *server) get(raw string) (int, []byte, error) {
	resp, err := client.Get("http://" + s.addr + "/blob?url=" + url.QueryEscape(raw))
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// look asks for a page.
func (s *server) look(page string) (int, error) {
	resp, err := client.Get("http://" + s.addr + page)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// post sends a form, as a page's button does.
func (s *server) post(path, field, value string) (int, error) {
	resp, err := client.PostForm("http://"+s.addr+path, url.Values{field: {value}})
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// client asks no proxy and follows no redirect.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
