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
// The real tool is true(1): what is measured is what stands in front of it.

// program builds one of the programs under testdata.
func program(b *testing.B, name string) string {
	out := b.TempDir() + "/" + name
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	return out
}

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

// env is a small environment with true(1) as the real tool.
func benchEnv(b *testing.B, more ...string) []string {
	path, err := exec.LookPath("true")
	if err != nil {
		b.Fatal(err)
	}
	return append([]string{"HOME=" + b.TempDir(), "PATH=/usr/bin:/bin", "TMPDIR=" + b.TempDir(), "REAL_CURL=" + path}, more...)
}

// BenchmarkUnset compares the shim without a cache with a program that only execs.
func BenchmarkUnset(b *testing.B) {
	env := benchEnv(b)
	args := []string{"-fsSLO", vendorURL}
	against(b, command{program(b, "execonly"), args, env}, command{tools + "/curl", args, env})
}

// BenchmarkHit compares a hit with a program that only execs.
func BenchmarkHit(b *testing.B) {
	url, _ := cacheOf(b, holds)
	env := benchEnv(b, "FROMCACHE_SERVER="+url)
	args := []string{"-fsSLO", vendorURL}
	against(b, command{program(b, "execonly"), args, env}, command{tools + "/curl", args, env})
}

// BenchmarkSpawning compares the same with a shim that runs a second curl to ask.
func BenchmarkSpawning(b *testing.B) {
	url, _ := cacheOf(b, holds)
	env := benchEnv(b, "FROMCACHE_SERVER="+url)
	args := []string{"-fsSLO", vendorURL}
	against(b, command{program(b, "execonly"), args, env}, command{program(b, "spawning"), args, env})
}

// BenchmarkMiss compares a miss with a program that only execs.
func BenchmarkMiss(b *testing.B) {
	url, _ := cacheOf(b, http.NotFound)
	env := benchEnv(b, "FROMCACHE_SERVER="+url)
	args := []string{"-fsSLO", vendorURL}
	against(b, command{program(b, "execonly"), args, env}, command{tools + "/curl", args, env})
}

// BenchmarkFiveURLs compares five URLs in one call with one.
func BenchmarkFiveURLs(b *testing.B) {
	url, _ := cacheOf(b, holds)
	env := benchEnv(b, "FROMCACHE_SERVER="+url)
	five := []string{"-fsSL", "--remote-name-all"}
	for _, c := range "12345" {
		five = append(five, vendorURL+string(c))
	}
	against(b, command{tools + "/curl", []string{"-fsSLO", vendorURL}, env}, command{tools + "/curl", five, env})
}

// BenchmarkDeadCache compares the second call against a cache that swallows connections with a call
// without a cache; the first one, reported too, pays the connect time-out.
func BenchmarkDeadCache(b *testing.B) {
	env := benchEnv(b, "FROMCACHE_SERVER="+swallowing(b))
	args := []string{"-fsSLO", vendorURL}
	dead := command{tools + "/curl", args, env}
	first := dead.run(b)
	against(b, command{tools + "/curl", args, benchEnv(b)}, dead)
	b.ReportMetric(float64(first)/1e6, "ms-once-in-30s")
}

// swallowing returns an address at which connections are neither accepted nor refused: a listener
// whose queue is full.
func swallowing(b *testing.B) string {
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
