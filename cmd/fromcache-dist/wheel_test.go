package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func output(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// scratch is for what all tests share.
var scratch string

func TestMain(m *testing.M) {
	os.Chdir("../..") // the license and the README are there
	dir, err := os.MkdirTemp("", "fromcache-dist-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// built makes the programs of this machine.
var built = sync.OnceValues(func() (string, error) {
	for _, program := range []string{"fromcache", "fromcache-shim", "fromcache-shim-tls"} {
		c := exec.Command("go", "build", "-o", scratch+"/programs/", "fromcache/cmd/"+program)
		if out, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w\n%s", err, out)
		}
	}
	return scratch + "/programs", nil
})

// environment makes one of Python, with pip.
var environment = sync.OnceValues(func() (string, error) {
	if out, err := exec.Command("python3", "-m", "venv", scratch+"/venv").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w, make needs installs python3 and its venv\n%s", err, out)
	}
	return scratch + "/venv", nil
})

// pythonBin returns the directory of the environment's programs.
func pythonBin(t *testing.T) string {
	t.Helper()
	dir, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	return dir + "/bin"
}

// makeWheel returns the path of a wheel of this machine's programs.
func makeWheel(t *testing.T, version string) string {
	t.Helper()
	programs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	to := t.TempDir()
	var said bytes.Buffer
	if err := run([]string{"wheel", version, runtime.GOOS, runtime.GOARCH, programs, to}, &said); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(to, strings.TrimSpace(said.String()))
}

// TestWheelFormat reads a wheel as PEP 427 has it.
func TestWheelFormat(t *testing.T) {
	path := makeWheel(t, "v1.2.3-4-gab0")
	tag := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "fromcache-1.2.3.post4+gab0-py3-none-"), ".whl")
	if strings.Contains(tag, "-") {
		t.Fatalf("its name is %s", filepath.Base(path))
	}
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content := map[string][]byte{}
	for _, f := range r.File {
		b := readZipped(t, f)
		content[f.Name] = b
		script := strings.HasPrefix(f.Name, "fromcache-1.2.3.post4+gab0.data/scripts/")
		if want := map[bool]os.FileMode{true: 0o755, false: 0o644}[script]; f.Mode() != want {
			t.Errorf("%s has mode %v", f.Name, f.Mode())
		}
		if !f.Modified.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
	}
	info := "fromcache-1.2.3.post4+gab0.dist-info/"
	checkRecord(t, content, info+"RECORD")
	if last := r.File[len(r.File)-1].Name; last != info+"RECORD" {
		t.Errorf("the last file is %s", last)
	}
	if !strings.Contains(string(content[info+"METADATA"]), "\nName: fromcache\nVersion: 1.2.3.post4+gab0\n") {
		t.Errorf("METADATA:\n%.200s", content[info+"METADATA"])
	}
	for platform := range strings.SplitSeq(tag, ".") {
		if !strings.Contains(string(content[info+"WHEEL"]), "\nTag: py3-none-"+platform+"\n") {
			t.Errorf("WHEEL does not name %s:\n%s", platform, content[info+"WHEEL"])
		}
	}
}

func readZipped(t *testing.T, f *zip.File) []byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkRecord wants a line for every file, with its digest and its size, and none of RECORD itself.
func checkRecord(t *testing.T, content map[string][]byte, name string) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(content[name])).ReadAll()
	if err != nil || len(lines) != len(content) {
		t.Fatalf("RECORD has %d lines for %d files, %v", len(lines), len(content), err)
	}
	for _, line := range lines {
		b, ok := content[line[0]]
		sum := sha256.Sum256(b)
		want := []string{line[0], "sha256=" + base64.RawURLEncoding.EncodeToString(sum[:]), fmt.Sprint(len(b))}
		if line[0] == name {
			want = []string{name, "", ""}
		}
		if !ok || !slices.Equal(line, want) {
			t.Errorf("RECORD says %q, want %q", line, want)
		}
	}
}

// TestWheelInstalls installs a wheel with each of the tools, and runs what it brings.
func TestWheelInstalls(t *testing.T) {
	older, wheel := makeWheel(t, "v1.2.2"), makeWheel(t, "v1.2.3")
	bin := pythonBin(t)
	t.Run("pip", func(t *testing.T) {
		for _, w := range []string{older, wheel} { // the second is an upgrade
			output(t, nil, bin+"/pip", "install", "--no-index", w)
		}
		if said := output(t, nil, bin+"/pip", "show", "fromcache"); !strings.Contains(said, "\nVersion: 1.2.3\n") {
			t.Errorf("pip show: %s", said)
		}
		checkPrograms(t, bin)
		output(t, nil, bin+"/pip", "uninstall", "-y", "fromcache")
		if left, err := filepath.Glob(bin + "/*fromcache*"); err != nil || len(left) > 0 {
			t.Errorf("pip uninstall leaves %s, %v", left, err)
		}
	})
	if out, err := exec.Command(bin+"/pip", "install", "-q", "pipx", "uv").CombinedOutput(); err != nil {
		t.Skipf("pip finds no pipx and uv from here: %s", out)
	}
	t.Run("pipx", func(t *testing.T) {
		dir := t.TempDir()
		env := []string{"PIPX_HOME=" + dir + "/home", "PIPX_BIN_DIR=" + dir + "/bin", "PIPX_MAN_DIR=" + dir + "/man"}
		output(t, env, bin+"/pipx", "install", wheel)
		checkPrograms(t, dir+"/bin")
	})
	t.Run("uv", func(t *testing.T) {
		dir := t.TempDir()
		env := []string{"UV_TOOL_DIR=" + dir + "/home", "UV_TOOL_BIN_DIR=" + dir + "/bin", "UV_CACHE_DIR=" + dir + "/cache"}
		output(t, env, bin+"/uv", "tool", "install", "--offline", "--no-index", "--python", bin+"/python", wheel)
		checkPrograms(t, dir+"/bin")
	})
}

// checkPrograms runs each program of a wheel. PATH has neither Python nor the programs.
func checkPrograms(t *testing.T, bin string) {
	t.Helper()
	env := []string{"PATH=/usr/bin:/bin", "FROMCACHE_SERVER=off"}
	for _, c := range []struct{ program, arg, want string }{
		{"fromcache", "version", "fromcache "},
		{"fromcache-server", "--help", "Answer clients"},
		{"fromcache-shim", "status", "fromcache-shim "},
		{"curlfromcache", "--version", "curl "},
		{"wgetfromcache", "--version", "GNU Wget"},
	} {
		if said := output(t, env, filepath.Join(bin, c.program), c.arg); !strings.HasPrefix(said, c.want) {
			t.Errorf("%s %s: %.200s", c.program, c.arg, said)
		}
	}
}

// TestWheelCalls holds that a call which would make a wrong wheel is refused.
func TestWheelCalls(t *testing.T) {
	programs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ epoch, version, system, programs string }{
		{"", "v1.2.3", "linux", programs},
		{"1700000000", "0123abc", "linux", programs},
		{"1700000000", "v1.2.3", "plan9", programs},
		{"1700000000", "v1.2.3", "linux", t.TempDir()},
	} {
		t.Setenv("SOURCE_DATE_EPOCH", c.epoch)
		to := t.TempDir()
		if err := run([]string{"wheel", c.version, c.system, "amd64", c.programs, to}, io.Discard); err == nil {
			t.Errorf("%+v: no error", c)
		}
		if made, err := os.ReadDir(to); err != nil || len(made) > 0 {
			t.Errorf("%+v: there is %v, %v", c, made, err)
		}
	}
}
