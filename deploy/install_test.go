package deploy

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestInstall installs into a directory of its own, and takes everything back.
func TestInstall(t *testing.T) {
	need(t, "bash")
	bin, root := t.TempDir(), t.TempDir()
	output(t, "go", "build", "-o", bin+"/", "fromcache/cmd/fromcache", "fromcache/cmd/fromcache-shim", "fromcache/cmd/fromcache-shim-tls")
	to := []string{"-C", "..", "BIN=" + bin, "DESTDIR=" + root, "PREFIX=/opt/cache"}
	output(t, "make", append(to, "install")...)
	installed := filesBelow(t, root)
	for _, name := range []string{
		"bin/fromcache", "bin/fromcache-shim", "bin/fromcache-shim-tls", "lib/systemd/system/fromcache.service", "lib/systemd/system/fromcache.socket", "lib/sysctl.d/10-fromcache.conf", "share/doc/fromcache/LICENSE", "share/doc/fromcache/fromcache.env",
		"share/fromcache/alerts.yml", "share/fromcache/grafana-dashboard.json", "share/fromcache/hooks/check-gpg", "share/fromcache/edge/nginx.conf",
		"share/bash-completion/completions/fromcache", "share/zsh/site-functions/_fromcache",
		"share/fish/vendor_completions.d/fromcache.fish", "share/man/man1/fromcache.1", "share/man/man7/fromcache-environment.7",
	} {
		if !slices.Contains(installed, "opt/cache/"+name) {
			t.Errorf("%s is not installed; there is %s", name, installed)
		}
	}
	unit, err := os.ReadFile(filepath.Join(root, "opt/cache/lib/systemd/system/fromcache.service"))
	if err != nil || !strings.Contains(string(unit), "\nExecStart=/opt/cache/bin/fromcache serve ") {
		t.Errorf("the unit, %v:\n%s", err, unit)
	}
	output(t, "bash", "-n", filepath.Join(root, "opt/cache/share/bash-completion/completions/fromcache"))
	if v := output(t, filepath.Join(root, "opt/cache/bin/fromcache"), "version"); !strings.HasPrefix(v, "fromcache ") {
		t.Errorf("version says %q", v)
	}
	output(t, "make", append(to, "uninstall")...)
	if left := filesBelow(t, root); len(left) > 0 {
		t.Errorf("uninstall leaves %s", left)
	}
}

func filesBelow(t *testing.T, root string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
