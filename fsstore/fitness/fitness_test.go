package fitness

import (
	"os"
	"testing"
)

func TestFitness(t *testing.T) {
	dir := t.TempDir()
	r, err := Test(dir)
	if err != nil || r.Fit == ForNone {
		t.Errorf("a file system of this machine: %+v, %v", r, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("the test left %v, %v", left, err)
	}
	if _, err := Test(dir + "/gone"); err == nil {
		t.Error("a directory that is not there was tested")
	}
}

func TestKnown(t *testing.T) {
	for name, want := range map[string]Fit{
		"ext4": ForOneHost, "tmpfs": ForOneHost, "nfs4": ForOneHost, "": ForOneHost, "fuse": ForOneHost,
		"fuse.mfs": ForSeveral, "fuse.seaweedfs": ForSeveral, "fuse.s3fs": ForNone, "fuse.rclone": ForNone,
	} {
		if r := known(name); r.Fit != want || r.FileSystem != name {
			t.Errorf("%q: %+v", name, r)
		}
	}
}
