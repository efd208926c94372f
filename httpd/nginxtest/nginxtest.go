// Package nginxtest runs a real nginx before a server, for tests, with the lines that the help has.
package nginxtest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Lines returns what stands in the first block of a help topic that is for nginx and begins so.
func Lines(t testing.TB, help, begins string) string {
	t.Helper()
	_, rest, _ := strings.Cut(help, "```nginx\n"+begins)
	lines, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("the help has no lines for nginx that begin %q", begins)
	}
	return begins + lines
}

// Start starts an nginx that has this for its server, with the addresses of the cache-host and its
// own in the place of 127.0.0.1:3000 and LISTEN. It returns its own address and its process, which
// ends with the test.
func Start(t testing.TB, cacheHost, server string) (addr string, pid int) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Fatal("nginx is not installed; make needs installs it")
		}
	}
	addr = freeAddress(t)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "temp"), 0o700))
	server = strings.NewReplacer("127.0.0.1:3000", cacheHost, "LISTEN", addr).Replace(server)
	conf := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(conf, []byte(config(dir, server)), 0o600))
	nginx := exec.Command(path, "-p", dir, "-c", conf, "-e", filepath.Join(dir, "log"))
	must(t, nginx.Start())
	t.Cleanup(func() {
		nginx.Process.Kill() //nolint:errcheck // it may have ended
		nginx.Wait()         //nolint:errcheck // it was killed
		if log, _ := os.ReadFile(filepath.Join(dir, "log")); t.Failed() {
			t.Logf("%s", log)
		}
	})
	for end := time.Now().Add(time.Minute); !listens(addr); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nginx does not listen")
		}
	}
	return addr, nginx.Process.Pid
}

// config keeps all files of nginx in dir. What it buffers on the disk is in dir/temp/proxy.
func config(dir, server string) string {
	c := "daemon off; master_process off; pid " + dir + "/pid;\nevents {}\nhttp {\naccess_log off;\n"
	if os.Getuid() == 0 {
		c = "user root;\n" + c // who owns dir
	}
	for _, of := range []string{"proxy", "client_body", "fastcgi", "uwsgi", "scgi"} {
		c += of + "_temp_path " + filepath.Join(dir, "temp", of) + ";\n"
	}
	return c + server + "}\n"
}

func freeAddress(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

func listens(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
