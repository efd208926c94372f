package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a server that we started. What it prints is kept, to be shown when it ends before its time.
type process struct {
	cmd   *exec.Cmd
	said  tail
	ended chan struct{}
	err   error // once ended is closed
}

// start runs a command that ends with us: by the kernel when we are killed.
func start(name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop ends the process, by force when it does not want to.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// answering waits until something accepts connections at port, looking every millisecond.
func (p *process) answering(ctx context.Context, port int) error {
	for {
		conn, err := net.Dial("tcp", addr(port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended (%v) and said:\n%s", p.cmd.Path, p.err, p.said.String())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// postMortem adds to err that the process has ended, and what it said, if that is so.
func (p *process) postMortem(err error) error {
	select {
	case <-p.ended:
		return fmt.Errorf("%w; %s has ended (%v) and said:\n%s", err, p.cmd.Path, p.err, p.said.String())
	case <-time.After(100 * time.Millisecond):
		return err
	}
}

// cpuTime is the CPU time that the processes have used, to the nanosecond: user and system, of threads that have ended too.
func cpuTime(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		var t unix.Timespec
		// The clock of a process, as clock_getcpuclockid(3) makes its name: ~pid << 3 | CPUCLOCK_SCHED.
		if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
			return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

// family is a process and its children.
func (p *process) family() ([]int, error) {
	pid := p.cmd.Process.Pid
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, err
	}
	pids := []int{pid}
	for _, field := range strings.Fields(string(b)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, child)
	}
	return pids, nil
}

// memory is the process's resident memory now and at its greatest, in bytes, from proc_pid_status(5).
func (p *process) memory() (now, most int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	field := func(name string) int64 {
		_, rest, _ := bytes.Cut(b, []byte("\n"+name+":"))
		words := bytes.Fields(rest[:min(len(rest), 40)])
		if len(words) == 0 {
			err = errors.Join(err, fmt.Errorf("no %s in status", name))
			return 0
		}
		kib, convErr := strconv.ParseInt(string(words[0]), 10, 64)
		err = errors.Join(err, convErr)
		return kib << 10
	}
	return field("VmRSS"), field("VmHWM"), err
}

// freePort is a port that nothing listens on at this moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
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
