// Package torture tries to break what fromcache promises: whatever is killed, cut,
// filled or lied to, no approved job is lost, no artifact that was acknowledged is
// lost, and no client is served bytes that are not whole and checked.
//
// Each test is a part: it runs the real binary, under strace, on file systems that
// it makes and cuts, and is a row of the table that is printed at the end: threat,
// cases tried, violations. `go test` tries a slice of each; with FROMCACHE_LONG=1
// it takes hours, and each is tried as often as the promise says. What this machine
// can't do is said below the table. Most of it needs root.
package torture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
)

// insideEnv says that this process is in namespaces of its own.
const insideEnv = "FROMCACHE_TORTURE_INSIDE"

// shared is what the parts have in common.
var shared *program

func TestMain(m *testing.M) {
	if spec := os.Getenv(slowEnv); spec != "" {
		beSlow(spec)
		return
	}
	if os.Getenv(insideEnv) == "" && os.Getuid() == 0 {
		if code, err := runInside(); err == nil {
			os.Exit(code)
		} // in a container that may make no namespaces: what mounts is skipped
	}
	p, err := newProgram()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = p
	code := m.Run()
	printTable(os.Stdout, p.rows)
	p.close()
	os.Exit(code)
}

// inside runs the tests below a shell that ends whatever they leave: it is process
// 1 of its namespace, and the mounts go with the last process.
const inside = `mount -t proc proc /proc 2>/dev/null || exit 125
for dir in /dev/shm /run/netns; do [ ! -d $dir ] || mount -t tmpfs tmpfs $dir; done
"$0" "$@"
exit $?`

// runInside runs this program again in a namespace of processes and one of mounts,
// so that it leaves neither, however it ends. An error is that there are none.
func runInside() (code int, err error) {
	temp, err := os.MkdirTemp("", "fromcache-torture-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(temp)
	cmd := exec.Command("/bin/sh", append([]string{"-c", inside}, os.Args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, insideEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	runtime.LockOSThread() // Pdeathsig is of the thread
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		<-signals
		cmd.Process.Kill()
	}()
	err = cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return 0, err
	}
	switch code := cmd.ProcessState.ExitCode(); code {
	case 125:
		return 0, errors.New("nothing may be mounted")
	case -1: // it was killed
		return 1, nil
	default:
		return code, nil
	}
}
