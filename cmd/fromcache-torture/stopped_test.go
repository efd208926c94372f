package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
)

// TestStopped interrupts a part that mounts and has servers, some of them under
// strace: it ends soon, and leaves nothing.
func TestStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short")
	}
	if os.Getenv(testbed.InsideEnv) == "" {
		t.Skip("no namespaces here: who interrupts a run removes what it has left")
	}
	for _, part := range []string{"TestPowerCut", "TestKill"} {
		temp := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^"+part+"$")
		cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, testbed.InsideEnv) })
		cmd.Env = append(cmd.Env, "TMPDIR="+temp)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		err := within(time.Minute, "it is at work", func() bool {
			labs, _ := filepath.Glob(temp + "/*/*/lab-*")
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
