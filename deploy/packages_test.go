package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestPackages makes packages of two versions, boots a clean root of Debian for each kind, and does
// there what an administrator does: testdata/packages.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds packages and boots systemd")
	}
	if os.Getuid() != 0 {
		t.Skip("wants root, to mount and to boot a container")
	}
	for _, program := range []string{"mmdebstrap", "systemd-nspawn"} {
		need(t, program)
	}
	base := filepath.Join(t.TempDir(), "base")
	c := exec.Command("mmdebstrap", "--quiet", "--variant=essential",
		"--include=curl,ca-certificates,systemd,systemd-sysv,busybox,rpm,passwd", "bookworm", base)
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("mmdebstrap makes no root here: %v\n%s", err, out)
	}
	made := map[string]string{"old": makeDist(t, "v1.0.0"), "new": makeDist(t, "v1.1.0")}
	for _, kind := range []string{"deb", "rpm"} {
		t.Run(kind, func(t *testing.T) {
			over := t.TempDir()
			for age, dir := range made {
				to := filepath.Join(over, "root", age)
				if err := os.MkdirAll(to, 0o755); err != nil {
					t.Fatal(err)
				}
				packages, err := filepath.Glob(dir + "/packages/*." + kind)
				if err != nil || len(packages) != 2 {
					t.Fatalf("packages: %s, %v", packages, err)
				}
				output(t, "cp", append(packages, to)...)
			}
			if err := os.WriteFile(filepath.Join(over, "root", "kind"), []byte(kind), 0o644); err != nil {
				t.Fatal(err)
			}
			said := output(t, "env", "BASE="+base, "unshare", "--mount", "testdata/boot", over, "testdata/packages")
			if !strings.HasSuffix(said, "\nthe end") {
				t.Errorf("the story ends early:\n%s", said)
			}
		})
	}
}

// makeDist runs make dist for this machine's processor. The bills of materials are left out: they
// say nothing of what is installed.
func makeDist(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	output(t, "make", "-s", "-C", "..", "dist", "DIST="+dir, "VERSION="+version, "SOURCE_DATE_EPOCH=1700000000",
		"PACKAGED=linux/"+runtime.GOARCH, "CYCLONEDX=true")
	return dir
}
