//go:build linux

package testbed

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// InsideEnv says that this process is in namespaces of its own.
const InsideEnv = "FROMCACHE_TESTBED_INSIDE"

// inside runs a harness below a shell that ends whatever it leaves: it is process 1 of its
// namespace, and the mounts go with the last process.
const inside = `mount -t proc proc /proc 2>/dev/null || exit 125
for dir in /dev/shm /run/netns; do [ ! -d $dir ] || mount -t tmpfs tmpfs $dir; done
"$0" "$@"
exit $?`

// Inside runs this program again in a namespace of processes and one of mounts, so that it leaves
// neither, however it ends; name begins its temporary directory's. ran is false where this process
// is that second one, or may make no namespaces: then it goes on itself.
func Inside(name string) (code int, ran bool) {
	if os.Getenv(InsideEnv) != "" || os.Getuid() != 0 {
		return 0, false
	}
	code, err := runInside(name)
	return code, err == nil
}

func runInside(name string) (code int, err error) {
	temp, err := os.MkdirTemp("", name)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(temp)
	cmd := exec.Command("/bin/sh", append([]string{"-c", inside}, os.Args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, InsideEnv+"=1")
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
