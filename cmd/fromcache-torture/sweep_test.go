package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestStopped stops the real harness in the middle of a part that mounts and
// has servers, some of them under strace: it ends soon, and leaves nothing.
func TestStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("it mounts, as root")
	}
	name := filepath.Join(t.TempDir(), "torture")
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, part := range []string{"powercut", "kill"} {
		temp := t.TempDir()
		cmd := exec.Command(name, part)
		cmd.Env = append(os.Environ(), "TMPDIR="+temp)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		err := within(time.Minute, "it is at work", func() bool {
			labs, _ := filepath.Glob(temp + "/fromcache-torture-*/lab-*")
			return len(labs) > 0
		})
		if err != nil {
			t.Errorf("%s: %v", part, err)
		}
		time.Sleep(time.Second)
		cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: %v", part, err)
		}
		if left, _ := filepath.Glob(temp + "/*"); len(left) > 0 {
			t.Errorf("%s: %v is left", part, left)
		}
	}
}
