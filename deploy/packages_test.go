package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// scratch is for what all tests share.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "fromcache-deploy-")
	if err != nil {
		panic(err)
	}
	scratch = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// What older and newer make are packages of two versions, in directories of their own.
var (
	older = sync.OnceValues(func() (string, error) { return makeDist("..", "v1.0.0") })
	newer = sync.OnceValues(func() (string, error) { return makeDist("..", "v1.1.0") })
)

// makeDist runs make dist for this machine's processor, in the directory that holds the source.
func makeDist(source, version string, env ...string) (string, error) {
	dir, err := os.MkdirTemp(scratch, version+"-")
	if err != nil {
		return "", err
	}
	c := exec.Command("make", "-s", "-C", source, "dist", "DIST="+dir, "VERSION="+version,
		"SOURCE_DATE_EPOCH=1700000000", "PACKAGED=linux/"+runtime.GOARCH)
	c.Env = append(os.Environ(), env...)
	c.Stderr = os.Stderr
	return dir + "/packages", c.Run()
}

// dist returns the directory of what make dist made, once for all tests.
func dist(t *testing.T, made func() (string, error)) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds packages")
	}
	dir, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDistIsTheSame makes the packages of one version from two copies of the source, in unlike
// folders and with other settings of the user. All that is handed out has the same bytes.
func TestDistIsTheSame(t *testing.T) {
	first := dist(t, newer)
	copied := filepath.Join(t.TempDir(), "another", "place for it")
	if err := os.MkdirAll(copied, 0o755); err != nil {
		t.Fatal(err)
	}
	output(t, "bash", "-c", `cd .. && git ls-files -z --cached --others --exclude-standard |
		tar --null --ignore-failed-read -cf - -T - | tar -C "$1" -xf - --no-same-permissions`, "-", copied)
	if err := os.CopyFS(copied+"/templates/static/vendor", os.DirFS("../templates/static/vendor")); err != nil {
		t.Logf("without the style of the pages: %v", err)
	}
	second, err := makeDist(copied, "v1.1.0", "TZ=Asia/Tokyo", "TMPDIR="+t.TempDir(), "LC_ALL=C", "USER=somebody")
	if err != nil {
		t.Fatal(err)
	}
	sums := output(t, "cat", first+"/SHA256SUMS")
	if again := output(t, "cat", second+"/SHA256SUMS"); again != sums {
		t.Errorf("one folder makes\n%s\nanother\n%s", sums, again)
	}
	if n := strings.Count(sums, "\n") + 1; n != 9 {
		t.Errorf("SHA256SUMS has %d lines:\n%s", n, sums)
	}
	output(t, "bash", "-c", `cd "$1" && sha256sum --check --strict SHA256SUMS`, "-", first)
}

// known are what rpmlint finds in all that this tool makes, and what is meant to be so.
var known = []string{
	"no-signature",                  // whoever hands it out signs it
	"no-changelogname-tag",          // the history of the source is the change log
	"statically-linked-binary",      // so that it runs on each system
	"not-listed-as-documentation",   // nfpm does not mark what it takes from a tree
	"non-readable /etc/fromcache/f", // for a proxy's password
}

// TestRpm has rpm's tools read the packages.
func TestRpm(t *testing.T) {
	for _, program := range []string{"rpm2cpio", "cpio", "rpmlint"} {
		need(t, program)
	}
	dir := dist(t, newer)
	list := output(t, "bash", "-c", `for p in "$1"/*.rpm; do rpm2cpio "$p" | cpio --quiet -t; done`, "-", dir)
	files := strings.Split(list, "\n")
	for _, name := range []string{
		"/usr/bin/fromcache", "/usr/lib/systemd/system/fromcache.socket", "/usr/share/man/man1/fromcache.1.gz",
		"/usr/share/fromcache/alerts.yml", "/usr/share/fromcache/hooks/check-gpg", "/usr/share/fromcache/edge/nginx.conf", "/etc/fromcache/fromcache.env",
		"/usr/bin/fromcache-shim", "/usr/bin/curlfromcache", "/usr/bin/wgetfromcache",
	} {
		if !slices.Contains(files, name) {
			t.Errorf("the packages do not hold %s", name)
		}
	}
	for _, name := range files {
		if strings.HasPrefix(name, "/usr/local/") || strings.HasPrefix(name, "/etc/profile.d/") {
			t.Errorf("%s stands in the way of what an administrator installs", name)
		}
	}
	for line := range strings.SplitSeq(rpmlint(t, dir), "\n") {
		_, fault, found := strings.Cut(line, ": E: ")
		if found && !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(fault, k) }) {
			t.Error(line)
		}
	}
}

// rpmlint returns what that says of the packages in a directory. It unpacks them with cpio, which as
// root would write to /usr: hence another cpio stands before it in PATH.
func rpmlint(t *testing.T, dir string) string {
	t.Helper()
	real, err := exec.LookPath("cpio")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := filepath.Glob(dir + "/*.rpm")
	if err != nil {
		t.Fatal(err)
	}
	before := t.TempDir()
	script := "#!/bin/sh\nexec " + real + " --no-absolute-filenames \"$@\"\n"
	if err := os.WriteFile(before+"/cpio", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("rpmlint", packages...)
	c.Env = append(os.Environ(), "PATH="+before+":"+os.Getenv("PATH"))
	said, _ := c.CombinedOutput() // it fails for what is known
	if !strings.Contains(string(said), "2 packages") {
		t.Fatalf("rpmlint: %s", said)
	}
	return string(said)
}

// TestPackages does with packages of two versions what an administrator does, in a clean root of
// Debian: testdata/packages under systemd, testdata/unbooted without.
func TestPackages(t *testing.T) {
	bootable(t)
	need(t, "mmdebstrap")
	base := filepath.Join(t.TempDir(), "base")
	c := exec.Command("mmdebstrap", "--quiet", "--variant=essential",
		"--include=curl,ca-certificates,systemd,systemd-sysv,busybox,rpm,passwd,openrc", "bookworm", base)
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("mmdebstrap makes no root here: %v\n%s", err, out)
	}
	made := map[string]string{"old": dist(t, older), "new": dist(t, newer)}
	for _, story := range []struct{ kind, file, mode string }{
		{"deb", "packages", ""}, {"rpm", "packages", ""},
		{"deb", "unbooted", "unbooted"}, {"rpm", "unbooted", "unbooted"}, {"apk", "unbooted", "unbooted"},
	} {
		t.Run(story.file+"/"+story.kind, func(t *testing.T) {
			over := layOver(t, story.kind, made)
			said := output(t, "env", "BASE="+base, "unshare", "--mount", "testdata/boot", over,
				"testdata/"+story.file, story.mode)
			isWhole(t, said)
			for line := range strings.SplitSeq(said, "\n") {
				if strings.Contains(line, "to the first hit") && !strings.HasPrefix(line, "+") {
					t.Log(line)
				}
			}
		})
	}
}

// copyPackages copies both packages of a kind, the server's and the shim's, into a directory that it makes.
func copyPackages(t *testing.T, from, kind, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	packages, err := filepath.Glob(from + "/*." + kind)
	if err != nil || len(packages) != 2 {
		t.Fatalf("packages: %s, %v", packages, err)
	}
	output(t, "cp", append(packages, to)...)
}

// layOver returns a directory with the packages of a kind, as they lie in the container.
func layOver(t *testing.T, kind string, made map[string]string) string {
	t.Helper()
	over := t.TempDir()
	for age, dir := range made {
		copyPackages(t, dir, kind, filepath.Join(over, "root", age))
	}
	if err := os.WriteFile(filepath.Join(over, "root", "kind"), []byte(kind), 0o644); err != nil {
		t.Fatal(err)
	}
	return over
}
