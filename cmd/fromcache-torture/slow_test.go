package torture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
)

// A process has 20,000 descriptors, and the server wants most of its own: so
// slow clients are processes of their own, this program again.
const (
	slowEnv    = "FROMCACHE_TORTURE_SLOW" // "ADDR URL NUMBER"
	slowEach   = 5000                     // clients of one process
	slowMemory = 512 << 10                // KiB that the server may take
	slowBytes  = 8_000_000                // of the artifact that they ask for
)

var slowPath = fmt.Sprintf("/%d/large.bin", slowBytes)

// TestSlow: threat 20. Clients that send their request a byte a second, read
// a byte a second, or read nothing, by the thousand; who is cut off comes back.
// A usual client is answered, memory stays flat, and no descriptor is left when
// they have gone.
func TestSlow(t *testing.T) {
	p, row := begin(t, "20 slow clients")
	n := size(400, 10_000)
	lasts := 4 * time.Second
	if long {
		lasts = 10 * time.Minute
	}
	l := p.newLab(row)
	defer l.close()
	l.hold(slowPath)
	l.hold(one)
	s := l.serve(row, nil)
	before := s.Descriptors()
	crowd := p.crowd(s.Addr+" "+p.origin.URL+slowPath, n, row)
	if err := until("they have come", func() bool { return s.Descriptors() >= before+n*9/10 }); err != nil {
		row.Errorf("only %d descriptors for %d slow clients: %v", s.Descriptors(), n, err)
	}
	most, kernel, resets := 0, 0, testbed.TCPCount("self", "netstat", "TcpExt:", "TCPAbortOnMemory")
	for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(lasts / 400) {
		answers(l, s, one, "among slow clients", row)
		most = max(most, s.Descriptors())
		kernel = max(kernel, testbed.TCPCount("self", "sockstat", "TCP:", "mem")*os.Getpagesize())
	}
	if n := testbed.TCPCount("self", "netstat", "TcpExt:", "TCPAbortOnMemory") - resets; n > 0 {
		row.Errorf("the kernel had no memory left for connections, and reset %d", n)
	}
	peak := s.Memory("VmHWM")
	if peak > slowMemory {
		row.Errorf("%d KiB of memory for %d slow clients", peak, n)
	}
	row.Note("at most %d KiB resident, %d MiB in the kernel for all connections of the machine, %d descriptors, for %v", peak, kernel>>20, most, lasts)
	sent, read := crowd()
	row.Note("cut off: %d who sent slowly, %d who read nothing", sent, read)
	if long && (sent < n || read < n/4) { // a third are of each kind, and each is cut some times
		row.Errorf("only %d of those who send slowly and %d of those who read nothing were cut off", sent, read)
	}
	if err := until("their descriptors are free", func() bool { return s.Descriptors() <= before+8 }); err != nil {
		row.Errorf("%v: %d before, %d after", err, before, s.Descriptors())
	}
	row.Tried("slow clients", n)
	l.end("slow clients", s, row)
}

// crowd starts n clients, and returns what sends them away, and says how many
// had been cut off.
func (p *program) crowd(what string, n int, row *Row) (leave func() (sent, read int)) {
	self, err := os.Executable()
	row.must(err)
	var ends []func()
	var said strings.Builder
	for ; n > 0; n -= slowEach {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", slowEnv, what, min(n, slowEach)))
		cmd.Stdout, cmd.Stderr = new(strings.Builder), os.Stderr
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			row.Errorf("slow clients: %v", err)
			continue
		}
		ends = append(ends, func() {
			in.Close()
			cmd.Wait()
			fmt.Fprint(&said, cmd.Stdout)
		})
	}
	return func() (sent, read int) {
		for _, end := range ends {
			end()
		}
		for line := range strings.Lines(said.String()) {
			var s, r int
			fmt.Sscan(line, &s, &r)
			sent, read = sent+s, read+r
		}
		return sent, read
	}
}

// cut counts those who were cut off, by their kind.
var cut [3]atomic.Int64

// beSlow is the other process, until its standard input ends.
func beSlow(spec string) {
	words := strings.Fields(spec)
	n, err := strconv.Atoi(words[2])
	if err != nil {
		panic(err)
	}
	stop := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	for i := range n {
		go comeBack(words[0], words[1], i, stop)
		if i%100 == 99 {
			time.Sleep(10 * time.Millisecond) // no burst beyond the listen backlog
		}
	}
	<-stop
	fmt.Println(cut[0].Load(), cut[1].Load())
}

// comeBack is one client. Who was cut off asks again.
func comeBack(addr, url string, i int, stop <-chan struct{}) {
	kind := []func(net.Conn, string, <-chan struct{}) (cut bool){sendSlowly, readNothing, readSlowly}[i%3]
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%200))} // more ports than one address has
	for {
		c, err := (&net.Dialer{LocalAddr: from, Timeout: 30 * time.Second}).Dial("tcp", addr)
		if err == nil {
			if kind(c, url, stop) {
				cut[i%3].Add(1)
			}
			c.Close()
		}
		if wait(time.Second, stop) {
			return
		}
	}
}

// wait reports whether it is time to leave.
func wait(d time.Duration, stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	case <-time.After(d):
		return false
	}
}

func sendSlowly(c net.Conn, url string, stop <-chan struct{}) (cut bool) {
	head := "GET /blob?url=" + url + " HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 10_000)
	for i := range head {
		if _, err := c.Write([]byte{head[i]}); err != nil {
			return true
		}
		if wait(time.Second, stop) {
			return false
		}
	}
	return false
}

// readNothing looks at last whether it was cut off, which happens after one
// minute or two.
func readNothing(c net.Conn, url string, stop <-chan struct{}) (cut bool) {
	c.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(c, "GET /blob?url=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", url)
	if wait(130*time.Second, stop) {
		return false
	}
	c.(*net.TCPConn).SetReadBuffer(1 << 20)
	c.SetReadDeadline(time.Now().Add(110 * time.Second)) // the sender's kernel asks for room ever less often
	n, err := io.Copy(io.Discard, c)
	return n < slowBytes && !errors.Is(err, os.ErrDeadlineExceeded)
}

func readSlowly(c net.Conn, url string, stop <-chan struct{}) (cut bool) {
	c.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(c, "GET /blob?url=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", url)
	for r := bufio.NewReaderSize(c, 16); ; {
		if _, err := r.ReadByte(); err != nil {
			return true
		}
		if wait(time.Second, stop) {
			return false
		}
	}
}
