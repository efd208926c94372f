package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fromcache/cmd/internal/moosefs"
)

// sharedDir is a MooseFS, mounted twice.
func sharedDir(t *testing.T) *moosefs.FS {
	if why := moosefs.Missing(); why != "" {
		t.Skip(why)
	}
	dir, err := os.MkdirTemp("", "fromcache-moosefs-") // t.TempDir fails where a mount is left
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m, err := moosefs.Start(dir)
	if m != nil {
		t.Cleanup(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// onMount has a server work on a data directory of a mount.
func onMount(t *testing.T, mount string) *process {
	return newProcess(t, "", "FROMCACHE_DATA_DIR="+mount+"/data")
}

// TestStorageThatHangs: whoever asks is answered while nothing comes from the disk, those who had
// asked before, too, and everything goes on by itself when it does.
func TestStorageThatHangs(t *testing.T) {
	m := sharedDir(t)
	p := onMount(t, m.Mounts[0])
	p.start()
	if s := (way{process: p}).run("held\n", "put", "https://example.com/held.bin", "-"); s.status != 0 {
		t.Fatal(s.stderr)
	}
	held, miss := p.url+"/m/https/example.com/held.bin", p.url+"/m/https/example.com/miss.bin"
	p.wantStatus(held, http.StatusOK)
	p.wantStatus(miss, http.StatusNotFound)
	p.wantStatus(p.url+"/metrics", http.StatusOK)
	p.must(m.Signal(0, syscall.SIGSTOP))
	began := time.Now()
	early := make(chan *http.Response, 1) // asks before the server can know
	go func() {
		r, err := fresh(nil).Get(held)
		if err != nil {
			t.Error(err)
		}
		early <- r
	}()
	p.wantStatus(p.url+"/metrics", http.StatusOK) // is answered before the server can know
	p.eventually("/healthz says that the storage hangs", func() bool {
		code, text := p.get(p.url + "/healthz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, "does not answer")
	})
	t.Logf("/healthz is 503 after %v", time.Since(began))
	p.eventually("who asks is refused", func() bool { code, _ := p.get(held); return code == http.StatusServiceUnavailable })
	p.wantStatus(miss, http.StatusServiceUnavailable)
	p.wantStatus(p.url+"/artifacts", http.StatusServiceUnavailable)
	if code, text := p.get(p.url + "/metrics"); code != http.StatusOK ||
		!strings.Contains(text, `fromcache_health_trouble{kind="storage"} 1`) || !strings.Contains(text, "fromcache_artifacts 1\n") {
		t.Errorf("/metrics while the storage hangs: %d %s", code, text)
	}
	if r := <-early; r != nil && (r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "") {
		t.Errorf("who had asked before got %s, Retry-After %q", r.Status, r.Header.Get("Retry-After"))
	}
	t.Logf("all are refused after %v", time.Since(began))
	p.must(m.Signal(0, syscall.SIGCONT))
	began = time.Now()
	p.eventually("all is well again", func() bool { code, _ := p.get(p.url + "/healthz"); return code == http.StatusOK })
	t.Logf("well %v after the storage", time.Since(began))
	p.wantStatus(held, http.StatusOK)
	p.wantStatus(miss, http.StatusNotFound)
	if strings.Contains(p.log(), "result=hit method=GET status=200 key=example.com--held.bin--c69ce0856d1afdaa0a8407d23f7866f3 bytes=0") {
		t.Error("who was refused is logged as a hit")
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"trouble begins", "trouble is over"} {
		if n := strings.Count(p.log(), line); n != 1 {
			t.Errorf("%q is logged %d times:\n%s", line, n, p.log())
		}
	}
}

func (p *process) wantStatus(url string, want int) {
	p.t.Helper()
	if code, text := p.get(url); code != want {
		p.t.Errorf("%s: %d %s", url, code, text)
	}
}

// asHost has p run as a machine of its own: another host name, and another start of the kernel.
func (p *process) asHost(name string) {
	p.path = filepath.Join(p.dir, "as-host")
	boot := filepath.Join(p.dir, "boot")
	p.must(os.WriteFile(boot, []byte("0123"+name+"\n"), 0o600))
	p.must(os.WriteFile(p.path, []byte("#!/bin/bash\nexec unshare --uts --mount bash -c 'hostname "+name+
		" && mount --bind "+boot+" /proc/sys/kernel/random/boot_id && exec -a fromcache \"$0\" \"$@\"' "+os.Args[0]+" \"$@\"\n"), 0o700))
}

// TestHostThatDies: another host on the shared directory goes on with what a killed one was
// fetching, long before the ten minutes that it would wait where locks are not seen across hosts.
func TestHostThatDies(t *testing.T) {
	const size, paced = 96 << 20, 80 << 20
	m := sharedDir(t)
	froms := make(chan string, 9)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		froms <- r.Header.Get("Range")
		w.Header().Set("ETag", `"one"`)
		body := io.NewSectionReader(zeros{}, 0, size)
		if r.Header.Get("Range") != "" {
			http.ServeContent(w, r, "", time.Time{}, body)
			return
		}
		w.Header().Set("Accept-Ranges", "bytes")
		w.Header().Set("Content-Length", strconv.Itoa(size))
		io.CopyN(w, body, paced) //nolint:errcheck // it may be killed
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer origin.Close()
	dying, other := onMount(t, m.Mounts[0]), onMount(t, m.Mounts[1])
	dying.asHost("dying")
	dying.start()
	dying.run("add", origin.URL+"/large.bin")
	other.asHost("other")
	dir := filepath.Join(m.Mounts[1], "data")
	has := func(glob, text string) func() bool {
		return func() bool {
			paths, _ := filepath.Glob(filepath.Join(dir, glob))
			for _, path := range paths {
				if b, _ := os.ReadFile(path); strings.Contains(string(b), text) {
					return true
				}
			}
			return false
		}
	}
	dying.eventually("it is being fetched, and a good part of it is on the disk", has("active/*large*", " kept 6"))
	other.start("--workers", "1")
	other.eventually("the other host shows that it lives", has("tmp/host-other.*", ""))
	time.Sleep(7 * time.Second) // it looks every 5 s who else does
	began := time.Now()
	dying.cmd.Process.Kill() //nolint:errcheck // it runs
	other.eventually("it is done", has("done/*large*", " done "))
	t.Logf("done %v after the kill", time.Since(began))
	if first, then := <-froms, <-froms; first != "" || !strings.HasPrefix(then, "bytes=6") {
		t.Errorf("the origin was asked for %q, then %q", first, then)
	}
}

// zeros is a file without end.
type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) { clear(b); return len(b), nil }
