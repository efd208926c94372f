package judge

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestRemoveAllLetsGoOfMounts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "harness")
	inner := filepath.Join(dir, "lab", "mnt")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // one on the other
		if out, err := exec.Command("mount", "-t", "tmpfs", "none", inner).CombinedOutput(); err != nil {
			t.Skipf("it mounts a tmpfs, as root: %v: %s", err, out)
		}
	}
	if err := RemoveAll(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if mounts, _ := os.ReadFile("/proc/mounts"); strings.Contains(string(mounts), dir) {
		t.Errorf("%s", mounts)
	}
}
