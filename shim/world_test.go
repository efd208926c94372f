package shim_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once. tools is a directory with links to it by every
// name.
var binary, tools string

// withoutEarly says why the program has nothing that runs before Go, empty if it has.
var withoutEarly string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "shimtest")
	if err != nil {
		panic(err)
	}
	binary = dir + "/fromcache-shim"
	build := exec.Command("../cmd/fromcache-shim/build", binary) // with what runs before Go, where there is a C compiler
	out, err := build.CombinedOutput()
	if err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	if strings.Contains(string(out), "is built without what runs before Go") {
		withoutEarly = strings.TrimSpace(string(out))
	}
	os.Chmod(dir, 0o755) // for a test that is another user
	tools = dir + "/tools"
	os.Mkdir(tools, 0o755)
	for _, name := range []string{"curl", "wget", "curlfromcache", "wgetfromcache"} {
		if err := os.Symlink(binary, tools+"/"+name); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// realPath is a PATH with the real tools. FROMCACHE_TEST_PATH comes before it, to test against
// other releases.
func realPath() string {
	return strings.TrimPrefix(os.Getenv("FROMCACHE_TEST_PATH")+":/usr/local/bin:/usr/bin:/bin", ":")
}

// modified is the Last-Modified of everything that the origin serves.
var modified = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// content is what the origin has at a path: a script where the name says so, else bytes that no
// other path has.
func content(path string) []byte {
	if strings.HasSuffix(path, ".sh") || strings.HasSuffix(path, "/install") {
		return []byte("#!/bin/sh\nprintf 'ran %s with %s\\n' '" + path + "' \"$*\"\n")
	}
	sum := sha256.Sum256([]byte(path))
	return append([]byte(path+"\n"), bytes.Repeat(sum[:], 300)...)
}

// world is an origin, over plain HTTP and TLS, and a cache that holds all of it save what is under
// /unheld/ and /missing/. Paths begin with the name of a case, under which requests are counted.
type world struct {
	origin, secure, cache *httptest.Server
	caFile                string
	mu                    sync.Mutex
	seen                  map[string]int // "origin case", "probe case", "cache case"
	requests              []string       // to the cache, as "METHOD path" with its header
}

func newWorld(t testing.TB) *world {
	w := &world{seen: map[string]int{}}
	w.origin = httptest.NewServer(http.HandlerFunc(w.serveOrigin))
	w.secure = httptest.NewTLSServer(http.HandlerFunc(w.serveOrigin))
	w.cache = httptest.NewServer(http.HandlerFunc(w.serveCache))
	w.caFile = w.caOf(t, w.secure)
	t.Cleanup(func() { w.origin.Close(); w.secure.Close(); w.cache.Close() })
	return w
}

// caOf writes the certificate of a server to a file.
func (w *world) caOf(t testing.TB, s *httptest.Server) string {
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, ca, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func (w *world) note(what, path string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	w.mu.Lock()
	w.seen[what+" "+name]++
	w.mu.Unlock()
}

// count returns how often a server was asked by a case.
func (w *world) count(what, name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[what+" "+name]
}

func (w *world) serveOrigin(rw http.ResponseWriter, r *http.Request) {
	w.note("origin", r.URL.Path)
	rw.Header().Set("Date", modified.Format(http.TimeFormat)) // two commands that save it are compared
	if r.Method == "POST" || r.Method == "PUT" {
		fmt.Fprintf(rw, "%s %d\n", r.Method, r.ContentLength)
		return
	}
	if strings.Contains(r.URL.Path, "/redirect/") {
		http.Redirect(rw, r, strings.Replace(r.URL.Path, "/redirect/", "/", 1), http.StatusFound)
		return
	}
	serve(rw, r, r.URL.Path)
}

func serve(rw http.ResponseWriter, r *http.Request, path string) {
	if strings.Contains(path, "/missing/") {
		http.Error(rw, "no such page", http.StatusNotFound)
		return
	}
	_, path, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	rw.Header().Set("Content-Type", "application/octet-stream")
	rw.Header().Set("ETag", `"e"`)
	if strings.Contains(path, "/disposition/") {
		rw.Header().Set("Content-Disposition", `attachment; filename="chosen.zip"`)
	}
	http.ServeContent(rw, r, "", modified, bytes.NewReader(content("/"+path)))
}

func (w *world) serveCache(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.requests = append(w.requests, r.Method+" "+r.RequestURI+" "+fmt.Sprint(r.Header))
	w.mu.Unlock()
	if r.URL.Path == "/healthz" {
		return
	}
	parts := strings.SplitN(r.URL.Path, "/", 4)
	encoded, pin, _ := strings.Cut(parts[min(2, len(parts)-1)], ".")
	url, err := base64.RawURLEncoding.DecodeString(encoded)
	if len(parts) != 4 || parts[1] != "b" || err != nil {
		http.Error(rw, "bad token", http.StatusBadRequest)
		return
	}
	path := "/"
	if f := strings.SplitN(string(url), "/", 4); len(f) == 4 {
		path, _, _ = strings.Cut("/"+f[3], "?")
	}
	w.note(map[bool]string{true: "probe", false: "cache"}[strings.HasSuffix(r.UserAgent(), "+fromcache-shim")], path)
	at := strings.HasPrefix(string(url), w.origin.URL) || strings.HasPrefix(string(url), w.secure.URL) || strings.HasPrefix(string(url), "http://[::1]:")
	if !at || strings.Contains(path, "/unheld/") || strings.Contains(path, "/missing/") {
		http.Error(rw, "not held", http.StatusNotFound)
		return
	}
	if strings.Contains(path, "/redirect/") {
		rw.Header().Set("X-Fromcache-Redirected", "1")
		path = strings.Replace(path, "/redirect/", "/", 1)
	}
	if strings.Contains(path, "/stranger/") { // some web server that answers to the cache's name
		fmt.Fprintln(rw, "<!DOCTYPE html><h1>It works!</h1>")
		return
	}
	_, file, _ := strings.Cut(strings.TrimPrefix(unescape(path), "/"), "/")
	digest := fmt.Sprintf("%x", sha256.Sum256(content("/"+file)))
	if pin != "" && pin != digest {
		http.Error(rw, "not this version", http.StatusNotFound)
		return
	}
	rw.Header().Set("X-Fromcache-Sha256", digest)
	rw.Header().Set("Cache-Status", "fromcache; hit")
	serve(rw, r, unescape(path))
}

// unescape decodes what a server decodes in a path.
func unescape(p string) string {
	r, err := http.NewRequest("GET", "http://h"+p, nil)
	if err != nil {
		return p
	}
	return r.URL.Path
}

// result is all that a script could notice of a command.
type result struct {
	stdout string
	stderr string
	status int
	files  map[string]string // name to contents
	times  map[string]time.Time
}

// env is the environment of a test command: nothing of the machine's but a PATH.
func (w *world) env(home, path string, more ...string) []string {
	return append([]string{"HOME=" + home, "PATH=" + path, "TMPDIR=" + home, "LC_ALL=C", "CURL_CA_BUNDLE=" + w.caFile, "FROMCACHE_LOOPBACK=1"}, more...)
}

// patient lets the shim wait for a cache on a machine that is busy with other
// tests; what a test sets itself comes after it, and counts.
var patient = []string{"FROMCACHE_CONNECT_TIMEOUT=15", "FROMCACHE_TIMEOUT=15"}

// run runs a shell command in an empty directory.
func run(t testing.TB, command string, env []string) result {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Dir, cmd.Env = dir, append(slices.Clone(patient), env...)
	cmd.Stdin = strings.NewReader("the standard input\n")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 30 * time.Second
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Errorf("hangs: %s", command)
	}
	r := result{out.String(), errs.String(), cmd.ProcessState.ExitCode(), map[string]string{}, map[string]time.Time{}}
	filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			data, _ := os.ReadFile(path)
			name := strings.TrimPrefix(path, dir)
			r.files[name], r.times[name] = string(data), info.ModTime()
		}
		return nil
	})
	return r
}

// differ returns how two results differ to a script, empty if they don't.
func differ(direct, shim result) string {
	var b strings.Builder
	if direct.status != shim.status {
		fmt.Fprintf(&b, "exit status %d, through the shim %d\n", direct.status, shim.status)
	}
	if direct.stdout != shim.stdout {
		fmt.Fprintf(&b, "stdout %.200q, through the shim %.200q\n", direct.stdout, shim.stdout)
	}
	for name, data := range direct.files {
		got, ok := shim.files[name]
		if !ok || got != data {
			fmt.Fprintf(&b, "file %s: %.100q, through the shim %v %.100q\n", name, data, ok, got)
		}
		if a, z := direct.times[name], shim.times[name]; ok && !a.Equal(z) && (a.Year() == modified.Year() || z.Year() == modified.Year()) {
			fmt.Fprintf(&b, "time of %s: %v, through the shim %v\n", name, a, z)
		}
	}
	for name := range shim.files {
		if _, ok := direct.files[name]; !ok {
			fmt.Fprintf(&b, "file %s only through the shim\n", name)
		}
	}
	return b.String()
}
