package main

import (
	"io"
	"net/http"
	"os"
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
	p.eventually("/healthz says that the storage hangs", func() bool {
		code, text := p.get(p.url + "/healthz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, "does not answer")
	})
	t.Logf("/healthz is 503 after %v", time.Since(began))
	p.eventually("who asks is refused", func() bool { code, _ := p.get(held); return code == http.StatusServiceUnavailable })
	p.wantStatus(miss, http.StatusServiceUnavailable)
	p.wantStatus(p.url+"/artifacts", http.StatusServiceUnavailable)
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

func (p *process) get(url string) (code int, text string) {
	r, err := fresh(nil).Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(b)
}

func (p *process) wantStatus(url string, want int) {
	p.t.Helper()
	if code, text := p.get(url); code != want {
		p.t.Errorf("%s: %d %s", url, code, text)
	}
}
