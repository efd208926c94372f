package httpd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slowReader opens a connection whose receive buffer is small, so that a
// reader's pace is felt at the other end.
func slowReader(t *testing.T, w *world, path string, fields ...string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.addr)
	w.must(err)
	t.Cleanup(func() { c.Close() })
	w.must(c.(*net.TCPConn).SetReadBuffer(16 << 10))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, strings.Join(fields, ""))
	w.must(err)
	return c
}

// TestSlowReaderLives: the whole takes many times the stall time-out, and one
// slice of a file does too.
func TestSlowReaderLives(t *testing.T) {
	t.Parallel()
	const size = 12 << 20
	w := newWorld(t, Options{StallTimeout: time.Second})
	w.hollow("https://vendor.example/big.bin", size)
	for name, field := range map[string]string{
		"whole": "", "range": "Range: bytes=0-\r\n", "ranges": fmt.Sprintf("Range: bytes=0-%d,%d-\r\n", size/2-1, size/2),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readSlowly(t, slowReader(t, w, "/b/"+token("https://vendor.example/big.bin"), field), size)
		})
	}
}

func readSlowly(t *testing.T, c net.Conn, size int64) {
	r := bufio.NewReaderSize(c, 64<<10)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	start, got := time.Now(), int64(0)
	for got < size {
		n, err := io.CopyN(io.Discard, resp.Body, min(256<<10, size-got))
		got += n
		if err != nil {
			t.Fatalf("cut after %d bytes and %v: %v", got, time.Since(start), err)
		}
		time.Sleep(120 * time.Millisecond)
	}
	if took := time.Since(start); took < 5*time.Second {
		t.Errorf("not slow: %v", took)
	}
}

// TestStalledReaderIsCut, and its descriptors and goroutines come back.
func TestStalledReaderIsCut(t *testing.T) {
	w := newWorld(t, Options{StallTimeout: 300 * time.Millisecond})
	w.hollow("https://vendor.example/big.bin", 1<<30)
	eventually(t, "the server does not watch", func() bool { return watches(t) > 0 }) // the last that it begins
	before, open := runtime.NumGoroutine(), descriptors(t)
	var stalled []net.Conn
	for range 20 {
		c := slowReader(t, w, "/b/"+token("https://vendor.example/big.bin"))
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		_, err := io.ReadFull(c, make([]byte, 1)) // the download has begun; it may be cut before the last one has
		w.must(err)
		stalled = append(stalled, c)
	}
	mine := open + len(stalled) // the clients' own ends stay
	eventually(t, "the server keeps goroutines or descriptors", func() bool {
		return runtime.NumGoroutine() <= before+2 && descriptors(t) <= mine+2
	})
	eventually(t, "the kernel keeps what nobody reads", func() bool { return kernelHolds(t, w.addr) == 0 })
	if t.Failed() {
		return
	}
	n, err := io.Copy(io.Discard, stalled[0])
	if n >= 1<<30 || n == 0 {
		t.Errorf("%d bytes, %v: a short answer must not look whole", n, err)
	}
}

// watches is how many inotify descriptors this process has.
func watches(t *testing.T) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, _ := os.Readlink(link); to == "anon_inode:inotify" {
			n++
		}
	}
	return n
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestShortBlob: a blob that lost bytes under our hands ends the connection
// before the length that was promised.
func TestShortBlob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.hollow("https://vendor.example/big.bin", 64<<20)
	a, err := w.store.Lookup("https://vendor.example/big.bin")
	w.must(err)
	c := slowReader(t, w, "/b/"+token("https://vendor.example/big.bin"))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	w.must(err)
	w.must(os.Truncate(filepath.Join(w.dir, "blobs", a.SHA256), 32<<20))
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	if n, err := io.Copy(io.Discard, resp.Body); err != io.ErrUnexpectedEOF || n >= 64<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestStalledReaderHoldsLittle: the kernel's memory for connections is shared
// by all, and a machine that has none left resets every one of them.
func TestStalledReaderHoldsLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.hollow("https://vendor.example/big.bin", 1<<30)
	slowReader(t, w, "/b/"+token("https://vendor.example/big.bin"))
	most := 0
	for held, still, looks := -1, 0, 0; still < 10 && looks < 600; time.Sleep(50 * time.Millisecond) { // until it moves no more
		looks++
		n := kernelHolds(t, w.addr)
		if n == held && n > 0 {
			still++
		} else {
			held, still = n, 0
		}
		most = max(most, n)
	}
	if most == 0 || most > 256<<10 {
		t.Errorf("the kernel holds %d bytes for a reader that takes nothing", most)
	}
}

// kernelHolds is the sum of the send queues of a server's connections,
// proc(5) /proc/net/tcp.
func kernelHolds(t *testing.T, addr string) (sum int) {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 4 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) {
			queue, _, _ := strings.Cut(f[4], ":")
			held, _ := strconv.ParseInt(queue, 16, 64)
			sum += int(held)
		}
	}
	return sum
}

// TestSlowHeader: a head or a form that never ends is cut off.
func TestSlowHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{HeaderTimeout: 200 * time.Millisecond, IdleTimeout: 200 * time.Millisecond})
	for name, text := range map[string]string{
		"nothing": "", "half a head": "GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
		"a form without its body": "POST /admin/clear HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nx",
		"a GET without its body":  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
		"an idle connection":      "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		c, err := net.Dial("tcp", w.addr)
		w.must(err)
		defer c.Close()
		_, err = io.WriteString(c, text)
		w.must(err)
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: the connection stays: %v", name, err)
		}
	}
}

// TestIdleConnection: it has a time of its own.
func TestIdleConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{IdleTimeout: 200 * time.Millisecond, HeaderTimeout: time.Hour}) // which would end it, too
	c, err := net.Dial("tcp", w.addr)
	w.must(err)
	defer c.Close()
	_, err = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	w.must(err)
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("the connection stays: %v", err)
	}
}

// TestDrain: what is being answered ends well, and what takes too long is cut.
func TestDrain(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	w := newWorld(t, Options{})
	w.hollow("https://vendor.example/big.bin", size)
	c := slowReader(t, w, "/b/"+token("https://vendor.example/big.bin"))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	w.must(err)
	w.stop()
	eventually(t, "it still listens", func() bool {
		c, err := net.Dial("tcp", w.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("cut at %d: %v", n, err)
	}
	if err := <-w.ended; err != nil {
		t.Error(err)
	}
	w.ended <- nil

	w = newWorld(t, Options{DrainTimeout: 100 * time.Millisecond})
	w.hollow("https://vendor.example/big.bin", 1<<30)
	slowReader(t, w, "/b/"+token("https://vendor.example/big.bin"))
	eventually(t, "no hit", func() bool { a, _ := w.store.Lookup("https://vendor.example/big.bin"); return w.store.Hits(a.Key) == 1 })
	w.stop()
	select {
	case err := <-w.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the drain has no end")
	}
	w.ended <- nil
}

// stopping is a listener that stops the server as soon as it has accepted a connection.
type stopping struct {
	net.Listener
	stop func()
}

func (l stopping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.stop()
		time.Sleep(200 * time.Millisecond) // a drain that does not know the connection has ended by then
	}
	return c, err
}

// A connection that is accepted while the server stops is answered before Serve returns.
func TestWhoConnectedIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.srv.Serve(ctx, stopping{ln, stop}) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	w.must(err)
	defer c.Close()
	select {
	case <-ended:
		t.Fatal("Serve returned, and the connection has no answer")
	case <-time.After(500 * time.Millisecond):
	}
	_, err = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	w.must(err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	w.must(err)
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
	w.must(<-ended)
}

// TestServeFails: a listener that breaks is an error, not a drain.
func TestServeFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.must(ln.Close())
	if err := w.srv.Serve(context.Background(), ln); err == nil {
		t.Error("no error")
	}
}

// A header that leaves room for one byte in net/http's buffer of 4096 is read
// on, whatever our Read does with reads of one byte.
func TestHeaderArrivesByteByByte(t *testing.T) {
	w := newWorld(t, Options{})
	for _, n := range []int{4094, 4095, 4096, 4097} {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		request := "GET /healthz?" + strings.Repeat("x", 5000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
		for _, piece := range []string{request[:n], request[n : n+1], request[n+1 : n+2], request[n+2:]} {
			if _, err := io.WriteString(c, piece); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
			t.Errorf("cut at %d: %q, %v", n, line, err)
		}
		c.Close()
	}
}
