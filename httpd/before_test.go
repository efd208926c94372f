package httpd

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/httpd/access"
)

// What a stranger can make the server do before it knows who asks.

// resident is what the process holds in memory, and the most that it held since
// forgetPeak; proc_pid_status(5).
func resident(t *testing.T, field string) (kib int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n"+field+":")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// forgetPeak has VmHWM begin anew, proc_pid_clear_refs(5).
func forgetPeak(t *testing.T) {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skip("the kernel does not forget the peak of the memory: ", err)
	}
}

// TestBodyOfAStranger sends 64 MiB without a cookie to every route: the answer
// comes without them, and nothing is held of them.
func TestBodyOfAStranger(t *testing.T) {
	w, held, _ := full(t, Options{Access: access.Options{Password: password, GuessRate: 1e6, GuessRateAll: 1e6}})
	forgetPeak(t)
	before := resident(t, "VmRSS")
	var sent sync.WaitGroup
	for _, rt := range w.srv.table() {
		for _, method := range strings.Fields(rt.Methods) {
			for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"} {
				for _, length := range []string{"Content-Length: 67108864", "Transfer-Encoding: chunked"} {
					sent.Go(func() {
						code, taken := sendBody(w, method+" "+address(rt, held), kind, length)
						if taken > 16<<20 || strings.HasPrefix(rt.Path, "/admin/") && code != http.StatusUnauthorized && code != 0 {
							t.Errorf("%s %s, %s, %s: %d, and %d bytes were taken", method, rt.Path, kind, length, code, taken)
						}
					})
				}
			}
		}
	}
	sent.Wait()
	// One form that is held takes 200 MiB, all answers together take 17, and 100
	// under the race detector.
	if grown := resident(t, "VmHWM") - before; grown > 160<<10 {
		t.Errorf("%d KiB more in memory", grown)
	}
}

var (
	plainPiece   = bytes.Repeat([]byte("a"), 64<<10)
	chunkedPiece = append(append([]byte("10000\r\n"), plainPiece...), "\r\n"...)
)

// sendBody sends 64 MiB while they are taken, and returns the status of the
// answer, if there was one left to read, and how many bytes were taken.
func sendBody(w *world, line, kind, length string) (code, taken int) {
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Error(err)
		return 0, 0
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%s\r\n\r\n", line, w.addr, kind, length)
	answer := make(chan int, 1)
	go func() {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			answer <- 0
			return
		}
		answer <- resp.StatusCode
	}()
	piece := plainPiece
	if strings.HasPrefix(length, "Transfer") {
		piece = chunkedPiece
	}
	for range 1024 {
		n, err := c.Write(piece)
		taken += n
		if err != nil {
			break
		}
	}
	return <-answer, taken
}

// TestNoByteBeforeTheSignIn: who asks is judged by the header, so the answer
// comes though no byte of the body has.
func TestNoByteBeforeTheSignIn(t *testing.T) {
	t.Parallel()
	w, held, _ := full(t, Options{Access: access.Options{Password: password}})
	for _, rt := range w.srv.table() {
		if !posts(rt) || strings.HasPrefix(rt.Path, "/ui/") {
			continue
		}
		resp, _ := exchange(w, rt.Path, []string{"POST " + address(rt, held) + " HTTP/1.1",
			"Content-Type: application/x-www-form-urlencoded", "Content-Length: 1000000000000", "Expect: 100-continue"})
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", rt.Path, resp.StatusCode)
		}
	}
}

// TestUploadTakesMultipart: a file has no other form, and an answer that says so
// needs none of the body.
func TestUploadTakesMultipart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	for _, kind := range []string{"application/x-www-form-urlencoded", "application/octet-stream", "text/plain", "multipart/form-data", ""} {
		resp, body := exchange(w, kind, []string{"POST /admin/upload HTTP/1.1", "Content-Type: " + kind, "Content-Length: 1000000000000"})
		if resp.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(body, "multipart/form-data") {
			t.Errorf("%q: %d %s", kind, resp.StatusCode, body)
		}
	}
}
