//go:build linux

package testbed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is a fromcache serve that runs, or ran. It is a process group of its own, and ends with
// this process.
type Server struct {
	Cmd    *exec.Cmd
	Addr   string        // where it listens, once Start has returned
	Exited chan struct{} // closed when it has

	mu  sync.Mutex
	log bytes.Buffer
}

// NewServer is a server that args start, the first of which may be a program in front of it: strace,
// prlimit, nsenter. env is added to this process's own.
func NewServer(args []string, env ...string) *Server {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return &Server{Cmd: cmd, Exited: make(chan struct{})}
}

// Start returns when the server says that it listens, or has ended. It kills one that does neither
// for so long.
func (s *Server) Start(long time.Duration) error {
	pipe, err := s.Cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.Cmd.Start(); err != nil {
		return err
	}
	listening := make(chan string, 1)
	go s.read(pipe, listening)
	select {
	case addr, ok := <-listening:
		if !ok {
			return errors.New("it ended before it listened")
		}
		s.Addr = addr
		return nil
	case <-time.After(long):
		s.Kill()
		return fmt.Errorf("it does not listen within %v", long)
	}
}

// read keeps the log and owns the process's end.
func (s *Server) read(pipe io.Reader, listening chan<- string) {
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
	s.Cmd.Wait()
	close(s.Exited)
	close(listening)
}

// Text is what it has logged.
func (s *Server) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Dead reports whether it has ended.
func (s *Server) Dead() bool {
	select {
	case <-s.Exited:
		return true
	default:
		return false
	}
}

// Signal sends a signal to the server and what it runs behind.
func (s *Server) Signal(sig syscall.Signal) { syscall.Kill(-s.Cmd.Process.Pid, sig) }

// Kill ends the server and what it runs behind, at once.
func (s *Server) Kill() {
	s.Signal(syscall.SIGKILL)
	<-s.Exited
}

// Stop ends it well; it says whether it did, and not only for the 30 s were over that answers have.
func (s *Server) Stop() bool {
	s.Signal(syscall.SIGTERM)
	select {
	case <-s.Exited:
		return true
	case <-time.After(25 * time.Second): // a disk may be busy
		s.Kill()
		return false
	}
}

// Descriptors is how many the server has open.
func (s *Server) Descriptors() int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Cmd.Process.Pid))
	return len(list)
}

// Memory is a line of the server's status, in KiB: VmRSS is what is resident, VmHWM the most that
// ever was.
func (s *Server) Memory(line string) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(b), line+":")
	kib, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return kib
}
