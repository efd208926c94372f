package bench

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// answer is what each request of a load must get.
type answer struct {
	path   string
	status int
}

// wrkScript asks for the paths of a file in turn, or, where its argument is a pattern with %d, for one
// after the other that was never asked for. It ends with a line of numbers: requests, microseconds,
// answers of 400 and more, errors of sockets.
const wrkScript = `
local paths, pattern, n = {}, nil, 0
function init(args)
	if args[1]:find("%%d") then
		pattern, n = args[1], tonumber(args[2])
	else
		for line in io.lines(args[1]) do paths[#paths + 1] = wrk.format("GET", line) end
	end
end
function request()
	n = n + 1
	if pattern then return wrk.format("GET", pattern:format(n)) end
	return paths[n % #paths + 1]
end
function done(s)
	local e = s.errors
	print("counted", s.requests, s.duration, e.status, e.connect + e.read + e.write + e.timeout)
end
`

// wrk drives a server for a while, by args of wrkScript. It returns how many were answered, and in what time.
func (s *server) wrk(b *testing.B, lasts time.Duration, status int, args ...string) load {
	b.Helper()
	script := filepath.Join(b.TempDir(), "script.lua")
	must(b, os.WriteFile(script, []byte(wrkScript), 0o600))
	c := exec.CommandContext(b.Context(), "wrk", append([]string{"-t1", "-c", strconv.Itoa(connections),
		"-d", fmt.Sprintf("%ds", lasts/time.Second), "-s", script, "http://" + s.addr, "--"}, args...)...)
	var n, micros, refused, broken int
	out := s.client(b, c)
	_, counts, _ := strings.Cut(out, "counted")
	if _, err := fmt.Sscan(counts, &n, &micros, &refused, &broken); err != nil {
		b.Fatalf("wrk says %s", out)
	}
	if broken > 0 || (refused != 0) != (status >= 400) || refused != 0 && refused != n {
		b.Fatalf("%d answers, not all of them %d:\n%s", n, status, out)
	}
	return load{n, time.Duration(micros) * time.Microsecond, c}
}

// load is what a client did.
type load struct {
	n    int
	took time.Duration
	cmd  *exec.Cmd // nil: it was this process
}

var abLine = regexp.MustCompile(`(Complete requests|Non-2xx responses|Failed requests): +(\d+)|Time taken for tests: +([0-9.]+)`)

// ab sends n times HEAD, with options of ab(1): -k keeps connections, -c says how many.
func (s *server) ab(b *testing.B, n int, a answer, options ...string) load {
	b.Helper()
	c := exec.CommandContext(b.Context(), "ab", append(append([]string{"-i", "-q", "-c", strconv.Itoa(connections)}, options...),
		"-n", strconv.Itoa(n), s.url(a.path))...)
	out := s.client(b, c)
	said := map[string]int{}
	var took float64
	for _, m := range abLine.FindAllStringSubmatch(out, -1) {
		if m[1] != "" {
			said[m[1]], _ = strconv.Atoi(m[2])
		} else {
			took, _ = strconv.ParseFloat(m[3], 64)
		}
	}
	refused := 0
	if a.status >= 400 {
		refused = n
	}
	if said["Complete requests"] != n || said["Failed requests"] != 0 || said["Non-2xx responses"] != refused {
		b.Fatalf("%d answers, not all of them %d:\n%s", n, a.status, out)
	}
	return load{n, time.Duration(took * float64(time.Second)), c}
}

// drain gets a large body so many times on one connection, and has the kernel drop it, tcp(7): no client
// could take it faster, so that the server's CPU is that of sending alone. curl, which copies it, makes
// a server wait and wake for each buffer.
func (s *server) drain(b *testing.B, path string, size int64, times int) load {
	b.Helper()
	if s.tls {
		return s.drainTLS(b, path, size, times)
	}
	conn, err := net.Dial("tcp", s.addr)
	must(b, err)
	defer conn.Close()
	f, err := conn.(*net.TCPConn).File() // blocks
	must(b, err)
	defer f.Close()
	must(b, unix.SetNonblock(int(f.Fd()), false))
	began, buf := time.Now(), make([]byte, 1<<20)
	for range times {
		fmt.Fprintf(f, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, s.addr)
		n, err := f.Read(buf[:4<<10])
		must(b, err)
		head, body, whole := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		if !whole || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
			b.Fatalf("%s: %.200s", path, head)
		}
		for left := size - int64(len(body)); left > 0; left -= int64(n) {
			n, _, err = unix.Recvfrom(int(f.Fd()), buf[:min(left, int64(len(buf)))], unix.MSG_TRUNC)
			must(b, err)
			if n == 0 {
				b.Fatalf("%s ends %d bytes early", path, left)
			}
		}
	}
	return load{n: 1, took: time.Since(began)}
}

// drainAll is drain by several readers at once.
func (s *server) drainAll(b *testing.B, path string, size int64, times, readers int) load {
	b.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for range readers {
		all.Go(func() { s.drain(b, path, size, times) })
	}
	all.Wait()
	return load{n: 1, took: time.Since(began)}
}

// client runs a client to its end.
func (s *server) client(b *testing.B, c *exec.Cmd) string {
	b.Helper()
	out, err := c.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", c, err, out)
	}
	return string(out)
}

// timed tells what a load cost the server, and its client.
func (s *server) timed(b *testing.B, run func() load) sample {
	b.Helper()
	pids := s.family(b)
	before := cpuTime(b, pids...)
	l := run()
	cost := cpuTime(b, pids...) - before
	if l.n == 0 {
		b.Fatal("a round without an answer")
	}
	got := sample{rate: float64(l.n) / l.took.Seconds(), cpu: cost.Seconds() / float64(l.n)}
	if l.cmd != nil {
		p := l.cmd.ProcessState
		got.client = (p.UserTime() + p.SystemTime()).Seconds() / float64(l.n)
	}
	return got
}

// patient keeps as many connections as a load has.
var patient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, TLSClientConfig: trusting}, Timeout: patience}

// patience is how long a server may be silent.
const patience = 20 * time.Second

// verify asks once, and compares status, length and bytes. It returns the header.
func (s *server) verify(b *testing.B, a answer, size int64, digest string) http.Header {
	b.Helper()
	resp, err := patient.Get(s.url(a.path))
	must(b, err)
	defer resp.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, resp.Body)
	must(b, err)
	if resp.StatusCode != a.status {
		b.Fatalf("%s: status %d where %d is right", a.path, resp.StatusCode, a.status)
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); digest != "" && (n != size || got != digest) {
		b.Fatalf("%s: %d bytes with digest %s, where %d and %s are right", a.path, n, got, size, digest)
	}
	return resp.Header
}

// pathsFile is a file of paths for wrk.
func pathsFile(b *testing.B, answers []answer) string {
	var text bytes.Buffer
	for _, a := range answers {
		fmt.Fprintln(&text, a.path)
	}
	file := filepath.Join(b.TempDir(), "paths")
	must(b, os.WriteFile(file, text.Bytes(), 0o600))
	return file
}
