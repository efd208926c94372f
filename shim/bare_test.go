package shim_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalsWhileAsking holds that signals which say something and end nothing, as that of a
// window's size, change nothing of what a call comes to, however often they come, before the answer
// and in the middle of it.
func TestSignalsWhileAsking(t *testing.T) {
	answer := "HTTP/1.1 200 OK\r\nX-Fromcache-Sha256: " + aDigest + "\r\n\r\n"
	for _, pause := range []time.Duration{2 * time.Millisecond, 12 * time.Millisecond, 80 * time.Millisecond} {
		addr, asked := rawCache(t, func(c net.Conn) {
			for _, part := range []string{answer[:30], answer[30:]} {
				time.Sleep(pause)
				c.Write([]byte(part))
			}
		})
		cmd := exec.Command(tools+"/curl", vendorURL)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.Env = append([]string{"PATH=" + fake(t, "curl") + ":/usr/bin:/bin", "TMPDIR=" + t.TempDir(), "FROMCACHE_SERVER=" + addr}, patient...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- cmd.Wait() }()
		signals := []syscall.Signal{syscall.SIGWINCH, syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG}
		err := error(nil)
		for i, running := 0, true; running; i++ {
			select {
			case err = <-ended:
				running = false
			case <-time.After(200 * time.Microsecond):
				cmd.Process.Signal(signals[i%len(signals)])
			}
		}
		if !strings.Contains(out.String(), addr+"/b/") || err != nil || asked.Load() != 1 {
			t.Errorf("after %v: %q, %v, asked %d times", pause, out.String(), err, asked.Load())
		}
	}
}

// TestSignalMask holds that the real tool has no signals blocked that the call had not, and those
// that it had, save for some that Go's runtime wants to get.
func TestSignalMask(t *testing.T) {
	addr, asked := cacheOf(t, holds)
	dir := place(t, "curl", script("#!/bin/sh\nexec grep SigBlk /proc/self/status\n"))
	for _, before := range []string{"", "env --block-signal=USR1,WINCH,ALRM "} {
		var said []string
		for _, path := range []string{dir, tools + ":" + dir} {
			r := run(t, "export PATH="+path+":/usr/bin:/bin; "+before+"curl "+vendorURL, []string{"TMPDIR=" + t.TempDir(), "HOME=/nonexistent", "FROMCACHE_SERVER=" + addr})
			said = append(said, r.stdout+r.stderr)
		}
		if said[0] != said[1] || !strings.HasPrefix(said[0], "SigBlk:") {
			t.Errorf("%s: %q, through the shim %q", before, said[0], said[1])
		}
	}
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// late is a handler's writer that sends the header, and the body later than the shim waits without
// the poller.
type late struct{ http.ResponseWriter }

func (l late) Write(b []byte) (int, error) {
	l.ResponseWriter.(http.Flusher).Flush()
	time.Sleep(40 * time.Millisecond)
	return l.ResponseWriter.Write(b)
}

// TestLateParts holds that a call which goes on with a file gets its parts from a cache that is slow
// to send them, though it had said at once that it holds the file.
func TestLateParts(t *testing.T) {
	w := newWorld(t)
	cache := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			time.Sleep(40 * time.Millisecond)
			rw = late{rw}
		}
		w.serveCache(rw, r)
	}))
	defer cache.Close()
	r := run(t, "printf '/a\\n' >a; curl -sS -C - -O "+w.origin.URL+"/late/a", w.env(t.TempDir(), tools+":"+realPath(), "FROMCACHE_SERVER="+cache.URL))
	if got := w.outcome("late", 0); got != "hit" || r.files["/a"] != string(content("/a")) {
		t.Errorf("%s, status %d, %q", got, r.status, r.stderr)
	}
}

// TestNoNetwork holds that a call in a network namespace without a way to the cache, not even on
// loopback, does what the real tool does there.
func TestNoNetwork(t *testing.T) {
	inside := []string{"unshare", "-r", "-n"}
	if out, err := exec.Command(inside[0], append(inside[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no namespaces: %v %s", err, out)
	}
	scratch := t.TempDir()
	for _, server := range []string{"http://127.0.0.1:1", "http://192.0.2.1", "http://[::1]:1", "http://[2001:db8::1]", "http://cache.example"} {
		for _, tool := range []string{"curl", "wget"} {
			r := shimRun(t, strings.Join(inside, " ")+" "+tool+" "+vendorURL, "FROMCACHE_SERVER="+server, "XDG_RUNTIME_DIR="+scratch)
			if !strings.HasPrefix(r.stdout, tool+"|"+vendorURL) || r.status != 0 || r.stderr != "" {
				t.Errorf("%s: %q, status %d, %q", server, r.stdout, r.status, r.stderr)
			}
		}
	}
}

// TestDeadAddressOfAName holds that a cache is found whose name has another address, too, at which
// nobody answers.
func TestDeadAddressOfAName(t *testing.T) {
	addr, _ := cacheOf(t, holds)
	_, port, _ := strings.Cut(strings.TrimPrefix(addr, "http://"), ":")
	hosts := t.TempDir() + "/hosts"
	if err := os.WriteFile(hosts, []byte("127.0.0.9 two\n127.0.0.1 two\n127.0.0.1 one ONE # two\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inside := "unshare -r -m sh -c 'mount --bind " + hosts + " /etc/hosts && exec \"$@\"' sh "
	if out, err := exec.Command("sh", "-c", inside+"true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %v %s", err, out)
	}
	for _, name := range []string{"one", "One", "two", "TWO"} {
		for _, tool := range []string{"curl", "wget"} {
			r := shimRun(t, inside+tool+" "+vendorURL, fmt.Sprintf("FROMCACHE_SERVER=http://%s:%s", name, port))
			if !strings.Contains(r.stdout, ":"+port+"/b/") || r.status != 0 {
				t.Errorf("%s, %s: %q, status %d, %q", name, tool, r.stdout, r.status, r.stderr)
			}
		}
	}
}
