package bench

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
)

// server is a process that we started and that answers at an address. What it prints is kept, to be
// shown when something goes wrong.
type server struct {
	cmd   *exec.Cmd
	addr  string
	tls   bool
	said  tail
	ended chan struct{}
}

// start runs a command that listens at port, and ends with the benchmark; by the kernel when this process
// is killed.
func start(b *testing.B, port int, name string, args ...string) *server {
	b.Helper()
	s := &server{cmd: exec.Command(name, args...), addr: addr(port), ended: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	must(b, s.cmd.Start())
	go func() {
		s.cmd.Wait()
		close(s.ended)
	}()
	b.Cleanup(func() {
		s.stop()
		if b.Failed() {
			b.Logf("%s said:\n%s", name, s.said.String())
		}
	})
	for s.listens() != nil {
		select {
		case <-s.ended:
			b.Fatalf("%s has ended", s.cmd)
		case <-b.Context().Done():
			b.Fatal(b.Context().Err())
		case <-time.After(time.Millisecond):
		}
	}
	return s
}

func (s *server) listens() error {
	c, err := net.Dial("tcp", s.addr)
	if err == nil {
		err = c.Close()
	}
	return err
}

// stop ends the process, by force when it does not want to.
func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		s.cmd.Process.Kill()
		<-s.ended
	}
}

// serve starts fromcache serve on a data directory. The flags let it note as many misses as we make, and
// fetch from here.
func serve(b *testing.B, data string) *server { return serveBy(b, *binary, data) }

func serveBy(b *testing.B, binary, data string, more ...string) *server {
	b.Helper()
	port := freePort(b)
	return start(b, port, binary, append(more, "serve", "--data-dir", data, "--host", "127.0.0.1", "--port", strconv.Itoa(port),
		"--max-misses", "10000000", "--allow-origin", "127.0.0.0/8", "--min-free", "0", "--log-level", "warn")...)
}

// url is the address of a path.
func (s *server) url(path string) string {
	if s.tls {
		return "https://" + s.addr + path
	}
	return "http://" + s.addr + path
}

// cpuTime is the CPU time that the processes have used.
func cpuTime(b *testing.B, pids ...int) (sum time.Duration) {
	b.Helper()
	for _, pid := range pids {
		t, err := testbed.CPUTime(pid)
		must(b, err)
		sum += t
	}
	return sum
}

// family is a process and its children.
func (s *server) family(b *testing.B) []int {
	b.Helper()
	pid := s.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	must(b, err)
	pids := []int{pid}
	for field := range strings.FieldsSeq(string(children)) {
		child, err := strconv.Atoi(field)
		must(b, err)
		pids = append(pids, child)
	}
	return pids
}

// memory is the process's resident memory now and at its greatest, in bytes, from proc_pid_status(5).
func (s *server) memory(b *testing.B) (now, most int64) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	must(b, err)
	field := func(name string) int64 {
		_, rest, _ := strings.Cut(string(status), "\n"+name+":")
		var kib int64
		_, err := fmt.Sscan(rest, &kib)
		must(b, err)
		return kib << 10
	}
	return field("VmRSS"), field("VmHWM")
}

// freePort is a port that nothing listens on at this moment.
func freePort(b *testing.B) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// tail keeps the last of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-4<<10):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
