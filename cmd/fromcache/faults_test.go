package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fromcache/fsstore/key"
)

// Operations under faults: for as long as a fault lasts a hit is answered where
// its bytes can be read, a miss is a 404, /healthz and the pages say what is
// wrong and what to do, and all of it is over soon after the fault is, with no
// restart. What was approved meanwhile is fetched then.

// ward is a server with an origin, and one artifact that it holds.
type ward struct {
	*process
	origin *httptest.Server
	n      int // URLs asked for so far
}

const wardBytes = "what was held before"

func newWard(t *testing.T, path string, env ...string) *ward {
	w := &ward{process: newProcess(t, path, env...)}
	w.origin = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, wardBytes) }))
	t.Cleanup(w.origin.Close)
	return w
}

func (w *ward) open(flags ...string) {
	w.t.Helper()
	w.start(flags...)
	w.add("/held.bin")
	w.fetched("/held.bin")
}

func (w *ward) add(path string) {
	w.t.Helper()
	w.run("add", w.origin.URL+path)
}

func (w *ward) get(path string) (code int, body string) { return w.process.get(w.url + path) }

func (w *ward) blob(path string) (code int, body string) {
	return w.get("/blob?url=" + w.origin.URL + path)
}

// ails waits until /healthz and a page say so, and looks at what clients get.
func (w *ward) ails(says string, code, hit int) {
	w.t.Helper()
	w.eventually("/healthz says: "+says, func() bool {
		got, body := w.get("/healthz")
		return got == code && strings.Contains(body, says)
	})
	w.eventually("a page says: "+says, func() bool {
		got, body := w.get("/downloads")
		return got == http.StatusOK && strings.Contains(body, says)
	})
	if got, body := w.blob("/held.bin"); got != hit || got == http.StatusOK && body != wardBytes {
		w.t.Errorf("%s: a hit: %d %q", says, got, body)
	}
	w.n++
	if got, body := w.blob(fmt.Sprintf("/never%d.bin", w.n)); got != http.StatusNotFound || code != http.StatusOK && !strings.Contains(body, "not recorded: the cache-host can't") {
		w.t.Errorf("%s: a miss: %d %q", says, got, body)
	}
}

// recovers waits until all is well, and what was approved is held.
func (w *ward) recovers() {
	w.t.Helper()
	w.eventually("all is well", func() bool {
		code, body := w.get("/healthz")
		return code == http.StatusOK && strings.TrimSpace(body) == "ok"
	})
	path := fmt.Sprintf("/later%d.bin", w.n)
	w.add(path)
	w.fetched(path)
	if code, body := w.blob("/held.bin"); code != http.StatusOK || body != wardBytes {
		w.t.Errorf("a hit afterwards: %d %q", code, body)
	}
	if n, m := strings.Count(w.log(), "trouble begins"), strings.Count(w.log(), "trouble is over"); n != m || n == 0 {
		w.t.Errorf("the log has %d troubles that begin and %d that are over", n, m)
	}
}

func (w *ward) sh(script string) {
	w.t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// untilReadOnly: a disk is busy while a file on it is open to be written.
const untilReadOnly = "n=0; until mount -o remount,ro disk; do n=$((n + 1)); [ $n -lt 600 ]; sleep 0.1; done"

// TestDiskFaults: data/ is a link onto a small disk.
func TestDiskFaults(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it mounts a tmpfs, as root")
	}
	t.Parallel()
	w := newWard(t, "")
	w.sh("mkdir disk; mount -t tmpfs -o size=24m,nr_inodes=1000 tmpfs disk; mkdir disk/data; ln -s disk/data data")
	t.Cleanup(func() { exec.Command("umount", "-l", filepath.Join(w.dir, "disk")).Run() })
	w.open()
	for _, fault := range []struct {
		begin, end, says string
		hit              int
	}{
		{"cat /dev/zero > disk/ballast 2>&1 || true", "rm disk/ballast", "the disk is full", http.StatusOK},
		{"mkdir disk/many; (seq 2000 | while read n; do : > disk/many/$n; done) 2>&1 || true", "rm -r disk/many", "no inodes left", http.StatusOK},
		{untilReadOnly, "mount -o remount,rw disk", "the disk is read-only", http.StatusOK},
		{"mv disk/data disk/away", "mv disk/away disk/data", "the data directory is gone", http.StatusNotFound},
		{"mv disk/data disk/away; mkdir disk/data", "rmdir disk/data; mv disk/away disk/data", "not in its place", http.StatusNotFound},
		{"mv disk/data/meta disk/meta", "mv disk/meta disk/data/meta", "meta/ is gone", http.StatusNotFound},
	} {
		w.sh(fault.begin)
		w.ails(fault.says, http.StatusServiceUnavailable, fault.hit)
		w.sh(fault.end)
		w.recovers()
	}
	w.sh("rm -r disk/data/hits disk/data/misses; rm -r disk/data/failed")
	w.eventually("what was removed is made again", func() bool { return w.there("hits") && w.there("misses") && w.there("failed") })
	w.recovers()
	if out, err := w.program("fsck").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// wrapped is a program that starts the server by a line of bash, in which
// "$@" is the server.
func wrapped(t *testing.T, line string) string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fromcache")
	script := "#!/bin/bash\nset -- " + self + " \"$@\"\nrun() { exec -a fromcache \"$@\"; }\n" + line + "\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFewDescriptors: far more connections than files may be open.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	w := newWard(t, wrapped(t, "ulimit -n 96 && run \"$@\""))
	w.open()
	var idle []net.Conn
	for range 200 {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		w.must(err)
		t.Cleanup(func() { c.Close() })
		idle = append(idle, c)
	}
	w.eventually("a hit is answered among 200 connections", func() bool {
		code, body := w.blob("/held.bin")
		return code == http.StatusOK && body == wardBytes
	})
	w.eventually("the log says so", func() bool { // for the second or two until the idle ones are cut /healthz does too
		return strings.Contains(w.log(), "more connections than open files allow")
	})
	for _, c := range idle {
		c.Close()
	}
	w.recovers()
}

// TestNoWatch: the system gives no inotify watch, and then it does.
func TestNoWatch(t *testing.T) {
	if exec.Command("unshare", "-Ur", "true").Run() != nil {
		t.Skip("it wants a user namespace of its own")
	}
	t.Parallel()
	const limit = "/proc/sys/user/max_inotify_instances"
	w := newWard(t, wrapped(t, `export -f run; exec unshare -Ur bash -c 'echo 0 > `+limit+`
(until [ -e raise ]; do sleep 0.1; done; echo 128 > `+limit+`) >/dev/null 2>&1 &
run "$@"' fromcache "$@"`))
	w.env = append(w.env, "GOTRACEBACK=all")
	w.open()
	w.ails("no inotify watch", http.StatusOK, http.StatusOK)
	if code, _ := w.blob("/moved.bin"); code != http.StatusNotFound {
		t.Errorf("a miss: %d", code)
	}
	u, err := key.Parse(w.origin.URL+"/moved.bin", key.Auto)
	w.must(err)
	w.must(os.Rename(w.data("misses", u.Key()), w.data("queue", u.Key())))
	w.fetched("/moved.bin")
	w.sh("touch raise")
	w.recovers()
}
