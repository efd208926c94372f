package setup

import (
	"os"
	"testing"
)

// TestNoHardLinks holds that install copies where it can't link: /proc/self/exe is on a file system
// that has none.
func TestNoHardLinks(t *testing.T) {
	path := t.TempDir() + "/curl"
	if err := put("/proc/self/exe", path, true); err != nil {
		t.Fatal(err)
	}
	self, _ := os.Stat("/proc/self/exe")
	if info, err := os.Lstat(path); err != nil || info.Size() != self.Size() || info.Mode() != 0o755 {
		t.Errorf("%v %v", info, err)
	}
}
