package shim_test

import (
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The benchmarks compare two programs in one run, turn by turn, so that a busy machine slows both.
// They report the ratio of the medians and the difference in milliseconds, and never fail on time.
// The real tool is true(1), so the difference is what stands in front of it.

// command is one program to be timed.
type command struct {
	path string
	args []string
	env  []string
}

func (c command) run(b *testing.B) time.Duration {
	cmd := exec.Command(c.path, c.args...)
	cmd.Env = c.env
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// against times two commands in turns and reports how the second compares with the first.
func against(b *testing.B, first, second command) {
	var x, y []time.Duration
	first.run(b)
	second.run(b)
	b.ResetTimer()
	for b.Loop() {
		x = append(x, first.run(b))
		y = append(y, second.run(b))
	}
	slices.Sort(x)
	slices.Sort(y)
	m, n := x[len(x)/2], y[len(y)/2]
	b.ReportMetric(float64(n)/float64(m), "ratio")
	b.ReportMetric(float64(n-m)/1e6, "ms-more")
	b.ReportMetric(float64(m)/1e6, "ms-first")
	b.ReportMetric(0, "ns/op")
}

// realTool makes a directory with true(1) as curl, and returns it and an environment with it on PATH.
func realTool(b *testing.B, more ...string) (dir string, env []string) {
	path, err := exec.LookPath("true")
	if err != nil {
		b.Fatal(err)
	}
	dir = b.TempDir()
	if err := os.Symlink(path, dir+"/curl"); err != nil {
		b.Fatal(err)
	}
	return dir, append([]string{"HOME=" + b.TempDir(), "PATH=" + dir, "TMPDIR=" + b.TempDir()}, more...)
}

// inFront compares the shim with the tool that stands behind it.
func inFront(b *testing.B, more ...string) {
	dir, env := realTool(b, more...)
	args := []string{"-fsSLO", vendorURL}
	against(b, command{dir + "/curl", args, env}, command{tools + "/curl", args, env})
}

// BenchmarkUnset is what the shim costs where no cache is set.
func BenchmarkUnset(b *testing.B) { inFront(b) }

// BenchmarkHit is what a hit costs before the first byte.
func BenchmarkHit(b *testing.B) {
	url, _ := cacheOf(b, holds)
	inFront(b, "FROMCACHE_SERVER="+url)
}

// BenchmarkMiss is what a miss costs.
func BenchmarkMiss(b *testing.B) {
	url, _ := cacheOf(b, http.NotFound)
	inFront(b, "FROMCACHE_SERVER="+url)
}

// BenchmarkFiveURLs compares five URLs in one call with one.
func BenchmarkFiveURLs(b *testing.B) {
	url, _ := cacheOf(b, holds)
	_, env := realTool(b, "FROMCACHE_SERVER="+url)
	five := []string{"-fsSL", "--remote-name-all"}
	for _, c := range "12345" {
		five = append(five, vendorURL+string(c))
	}
	against(b, command{tools + "/curl", []string{"-fsSLO", vendorURL}, env}, command{tools + "/curl", five, env})
}

// BenchmarkDeadCache compares the second call against a cache that swallows connections with the tool
// itself; the first one, reported too, pays the connect time-out.
func BenchmarkDeadCache(b *testing.B) {
	dir, env := realTool(b, "FROMCACHE_SERVER="+swallowing(b))
	args := []string{"-fsSLO", vendorURL}
	dead := command{tools + "/curl", args, env}
	first := dead.run(b)
	against(b, command{dir + "/curl", args, env}, dead)
	b.ReportMetric(float64(first)/1e6, "ms-once-in-30s")
}

// swallowing returns an address at which connections are neither accepted nor refused: a listener
// whose queue is full.
func swallowing(b testing.TB) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		b.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		b.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		b.Fatal(err)
	}
	for range 4 {
		c, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			b.Fatal(err)
		}
		syscall.SetNonblock(c, true)
		b.Cleanup(func() { syscall.Close(c) })
		syscall.Connect(c, at)
	}
	return "127.0.0.1:" + strconv.Itoa(at.(*syscall.SockaddrInet4).Port)
}
