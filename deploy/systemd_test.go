package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSystemd installs into the root of a container, boots systemd there, and does what an operator does: testdata/story.
func TestSystemd(t *testing.T) {
	bootable(t)
	if out, err := exec.Command("unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/m && "+
		"mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/m").CombinedOutput(); err != nil {
		t.Skipf("this machine lays no file system over its root: %s", out)
	}
	bin, root := t.TempDir(), t.TempDir()
	output(t, "go", "build", "-o", bin+"/", "fromcache/cmd/fromcache", "fromcache/cmd/fromcache-shim", "fromcache/cmd/fromcache-shim-tls")
	output(t, "make", "-C", "..", "BIN="+bin, "DESTDIR="+root, "install")
	isWhole(t, output(t, "unshare", "--mount", "testdata/boot", root, "testdata/story"))
}

// bootable skips a test that boots a container where that is not wanted, or not allowed.
func bootable(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("boots systemd")
	}
	if os.Getuid() != 0 {
		t.Skip("wants root, to mount and to boot a container")
	}
	need(t, "systemd-nspawn")
}

// isWhole fails where the story that a container printed ends before its last line.
func isWhole(t *testing.T, said string) {
	t.Helper()
	if !strings.HasSuffix(said, "\nthe end") {
		t.Errorf("the story ends early:\n%s", said)
	}
}

// TestExposure has systemd judge how much the unit may do: 0 is nothing, 10 all.
func TestExposure(t *testing.T) {
	need(t, "systemd-analyze")
	said := output(t, "systemd-analyze", "security", "--offline=yes", "--no-pager", "fromcache.service")
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(said)
	if level == nil {
		t.Fatalf("no level:\n%s", said)
	}
	if n, err := strconv.ParseFloat(level[1], 64); err != nil || n > 2 {
		t.Errorf("the unit's exposure is %s, %v\n%s", level[1], err, said)
	}
}

// TestEnvironmentFile holds that each setting of the commented file is one that serve takes.
func TestEnvironmentFile(t *testing.T) {
	text, err := os.ReadFile("fromcache.env")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "fromcache")
	output(t, "go", "build", "-o", bin, "fromcache/cmd/fromcache")
	help := output(t, bin, "help", "serve") + output(t, bin, "help", "environment")
	for _, setting := range regexp.MustCompile(`(?m)^#([A-Z_]+)=`).FindAllStringSubmatch(string(text), -1) {
		flag := "--" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(setting[1], "FROMCACHE_"), "_", "-"))
		if !strings.Contains(help, flag+" ") && !strings.Contains(help, setting[1]) {
			t.Errorf("%s is no setting: there is no %s", setting[1], flag)
		}
	}
}
