package httpd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/access"
	"fromcache/httpd/pages"
)

const schemathesisVersion = "4.32.5"

// schemathesis returns the program, installed from PyPI into the user's cache. It skips the test
// where that can't be done.
func schemathesis(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	dir := filepath.Join(cache, "fromcache-test", "schemathesis-"+schemathesisVersion)
	program := filepath.Join(dir, "bin", "schemathesis")
	if exec.Command(program, "--version").Run() == nil {
		return program
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "-q", "--disable-pip-version-check", "schemathesis==" + schemathesisVersion},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("schemathesis can't be installed from PyPI: %v: %.500s", err, out)
		}
	}
	return program
}

// TestAPIFuzzed calls the API with what its own document allows and forbids, and holds the answers
// against the document: statuses, content types, schemas, who may call, and no 500.
func TestAPIFuzzed(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	program := schemathesis(t)
	w := newWorld(t, Options{
		Access: access.Options{Password: "secret"},
		Head: func(context.Context, string, string) (pages.OriginFacts, error) {
			return pages.OriginFacts{Status: 200, Size: -1, Final: "https://example.com/"}, nil
		},
	})
	bearer := w.program(fsstore.RoleOperate).bearer
	for _, name := range []string{"a.run", "b.tar.gz", "c?x=1", "c?x=2"} {
		w.miss("https://example.com/" + name)
		w.putIn("https://example.com/held/"+name, "bytes of "+name)
	}
	w.claim("https://example.com/active.run")
	config, err := filepath.Abs("testdata/schemathesis.toml")
	w.must(err)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	c := exec.CommandContext(ctx, program, "--config-file", config, "run", w.url("/api/openapi.json"),
		"--checks", "all", "--max-examples", "15", "--seed", "3", "--request-timeout", "30", "--no-color",
		"-H", "Authorization: Bearer "+bearer, "-H", "Prefer: wait=0")
	c.Dir = t.TempDir() // where it keeps what it found
	if out, err := c.CombinedOutput(); err != nil {
		lines := ""
		for _, line := range strings.Split(string(out), "\n") {
			lines += line[:min(len(line), 300)] + "\n"
		}
		t.Errorf("%v\n%s\n%s", err, lines, w.log)
	}
}
