package replay

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// insideEnv names the directory of the built programs to the test that runs in the namespaces.
const insideEnv = "FROMCACHE_TEST_REPLAY"

const insideScript = `ip link set lo up && ip route add local 0.0.0.0/0 dev lo && { ip -6 route add local ::/0 dev lo || :; } &&
	exec "$0" -test.run='^TestReplay$' -test.count=1 -test.v -test.timeout=8h`

// TestReplay runs the command lines of testdata/commands.txt, or of the file that
// FROMCACHE_COMMANDS names.
func TestReplay(t *testing.T) {
	if dir := os.Getenv(insideEnv); dir != "" {
		replayAll(t, dir)
		return
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/", "fromcache/cmd/fromcache", "fromcache/cmd/fromcache-shim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if file := os.Getenv("FROMCACHE_COMMANDS"); file != "" {
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", "-r", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", insideScript, os.Args[0])
	cmd.Env = append(os.Environ(), insideEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "=== RUN") {
		t.Skipf("no network namespace here: %v: %s", err, strings.TrimSpace(string(out)))
	}
	t.Logf("\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// Ports of the cache-host's, and no origin's: its own, and one where TLS goes to it.
const (
	cachePort = 39371
	tlsPort   = 39372
)

// replayAll is the test within the namespaces.
func replayAll(t *testing.T, programs string) {
	list := readCommands(t)
	o := &origin{ca: newCA(t)}
	root := makeRoot(t, o.ca.pem())
	if err := hasTools(root); err != nil {
		t.Skip(err)
	}
	serveNames(t)
	o.start(t, ports(list))
	copyProgram(t, programs+"/fromcache", root+"/host/fromcache")
	for _, tool := range []string{"curl", "wget"} {
		copyProgram(t, programs+"/fromcache-shim", root+"/shim/"+tool)
	}
	r := &replay{t: t, stage: newStage(t, root, o), began: time.Now().Add(-time.Minute)}
	r.startCache()
	r.startTLS()
	r.compare(list)
}

// replay is the whole comparison.
type replay struct {
	t     *testing.T
	stage *stage
	began time.Time
	table table
}

// host is a command of the cache-host's program.
func (r *replay) host(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), "/host/fromcache", args...)
	cmd.Env = []string{"FROMCACHE_DATA_DIR=/host/data"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: r.stage.root}
	return cmd
}

func (r *replay) startCache() {
	cmd := r.host("serve", "--port", fmt.Sprint(cachePort), "--min-free", "0", "--max-misses", "1000000", "--retries", "1",
		"--workers", "8", "--scrub-rate", "0", "--allow-origin", "0.0.0.0/0", "--allow-origin", "::/0")
	log, err := os.Create(filepath.Join(r.t.TempDir(), "log"))
	must(r.t, err)
	cmd.Stderr = log
	must(r.t, cmd.Start())
	r.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); log.Close() })
	for range 600 {
		if answer, err := http.Get("http://" + net.JoinHostPort("127.0.0.1", fmt.Sprint(cachePort)) + "/healthz"); err == nil {
			answer.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	r.t.Fatalf("the cache-host does not start: %s", text)
}

// startTLS takes TLS connections and hands what is in them to the cache-host.
func (r *replay) startTLS() {
	l, err := tls.Listen("tcp", fmt.Sprint(":", tlsPort), &tls.Config{GetCertificate: r.stage.origin.ca.leaf})
	must(r.t, err)
	r.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				to, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", cachePort))
				if err != nil {
					return
				}
				defer to.Close()
				go func() {
					io.Copy(to, from)
					to.(*net.TCPConn).CloseWrite()
				}()
				io.Copy(from, to)
			}()
		}
	}()
}

// shimEnv is the environment of the i-th command through the shim: every third asks an https cache.
// It lets the shim wait for a cache on a busy machine.
func shimEnv(i int) []string {
	server := fmt.Sprint("http://cache-host:", cachePort)
	if i%3 == 2 {
		server = fmt.Sprint("https://cache-host:", tlsPort)
	}
	return []string{"FROMCACHE_SERVER=" + server, "FROMCACHE_VERBOSE=1", "FROMCACHE_CONNECT_TIMEOUT=15", "FROMCACHE_TIMEOUT=15"}
}

// compare runs all commands directly and before anything is held, has all that was asked for
// fetched, and runs them again.
func (r *replay) compare(list []command) {
	directs := make([]result, len(list))
	for i, c := range list {
		if directs[i] = r.direct(c); directs[i].late {
			r.t.Logf("not compared, it waits: %s", c)
			continue
		}
		r.check(i, c, "not held", directs[i])
	}
	r.fetchAll()
	for i, c := range list {
		if directs[i].late {
			continue
		}
		if shim := r.check(i, c, "held", directs[i]); c.turn == "" {
			r.table.add(c, directs[i], shim)
		}
	}
	r.table.report(r.t)
}

func (r *replay) direct(c command) result { return r.stage.run("/usr/bin/"+c.argv[0], c) }

// check runs a command through the shim and compares. Some commands set themselves a tenth of a
// second: a difference is one that stays.
func (r *replay) check(i int, c command, when string, direct result) (shim result) {
	r.table.runs++
	for tries := 3; ; tries-- {
		shim = r.stage.run("/shim/"+c.argv[0], c, shimEnv(i)...)
		d := differ(direct, shim, r.began)
		switch {
		case shim.said == "":
			r.t.Errorf("%s: %s\nthe shim was not there", when, c)
		case d != "" && tries > 1:
			direct = r.direct(c)
			continue
		case d != "":
			r.table.differ++
			r.t.Errorf("%s: %s\n%s%s", when, c, d, shim.said)
		}
		return shim
	}
}

// fetchAll approves all that was noted, and waits until the cache-host has done with it.
func (r *replay) fetchAll() {
	if out, err := r.host("approve", "*").CombinedOutput(); err != nil {
		r.t.Fatalf("approve: %v: %.500s", err, out)
	}
	data := r.stage.root + "/host/data/"
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		waiting := 0
		for _, dir := range []string{"misses", "queue", "active"} {
			names, err := os.ReadDir(data + dir)
			must(r.t, err)
			waiting += len(names)
		}
		if waiting == 0 {
			break
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d jobs are not done after ten minutes", waiting)
		}
	}
	r.stage.origin.taken()
	metas, _ := os.ReadDir(data + "meta")
	failed, _ := os.ReadDir(data + "failed")
	r.t.Logf("%d artifacts held, %d jobs failed", len(metas), len(failed))
	for why, n := range reasonsIn(data+"failed/", failed) {
		r.t.Logf("%6d failed: %s", n, why)
	}
}

// reasonsIn counts what the last lines of jobs say.
func reasonsIn(dir string, jobs []os.DirEntry) map[string]int {
	why := map[string]int{}
	for _, job := range jobs {
		text, _ := os.ReadFile(dir + job.Name())
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		_, last, _ := strings.Cut(lines[len(lines)-1], " ")
		why[number.ReplaceAllString(last, "0")]++
	}
	return why
}
