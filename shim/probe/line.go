package probe

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// line is a connection to a cache, over which one request goes after the other (RFC 9112, 9.3).
type line struct {
	conn     conn
	tcp      net.Conn // below TLS; conn itself without it, nil for a bareConn
	limit    *io.LimitedReader
	in       *bufio.Reader
	doubtful bool // the tool may refuse the certificate that the shim took
}

// conn is what a line needs of a net.Conn or bareConn.
type conn interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

func newLine(conn conn, tcp net.Conn, doubtful bool) *line {
	limit := &io.LimitedReader{R: conn}
	return &line{conn, tcp, limit, bufio.NewReaderSize(limit, 4096), doubtful}
}

// ask sends a request, and reads the header of its answer.
func (l *line) ask(request string, deadline time.Time) reply {
	if err := l.send(request, deadline); err != nil {
		return readError(err)
	}
	return l.answer()
}

// send sends a request, whose answer is to come before the deadline.
func (l *line) send(request string, deadline time.Time) error {
	l.conn.SetDeadline(deadline)
	l.limit.N = maxHeader
	_, err := l.conn.Write([]byte(request))
	return err
}

// answer reads the header of an answer.
func (l *line) answer() reply {
	if _, err := l.in.Peek(1); err != nil {
		return readError(err)
	}
	rep := readReply(l.in)
	rep.doubtful = l.doubtful
	if rep.state != busy {
		rep.state, rep.timeouts = answered, 0
	}
	return rep
}

// body reads so many bytes that follow the header of an answer.
func (l *line) body(n int64) ([]byte, error) {
	l.limit.N = n
	b := make([]byte, n)
	_, err := io.ReadFull(l.in, b)
	return b, err
}

// quiet reports whether nothing came after the last answer. A server may have ended the connection,
// or sent a body to HEAD, which would be taken for the next answer.
func (l *line) quiet() bool {
	if l.in.Buffered() > 0 { //guard:shim.TestKeptByOddServers
		return false
	}
	if bare, ok := l.conn.(*bareConn); ok {
		return bare.quiet()
	}
	tcp, ok := l.tcp.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	var said error
	err = raw.Read(func(fd uintptr) bool {
		_, _, said = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		return true
	})
	return err == nil && said == syscall.EAGAIN
}

// lines are the connections of one round to one cache that are kept while no request needs them. A
// new connection costs the server as much as several requests.
type lines struct {
	free   chan *line
	begun  atomic.Bool
	unkept chan struct{} // is closed once a connection could not be made, or be kept
	unkeep func()        // closes it
	alone  bool          // the round has one question

	mu         sync.Mutex
	over       bool     // the round is over
	connecting net.Conn // was begun as a bareConn, and is waited for next; nil for none
}

func newLines(alone bool) *lines {
	l := &lines{
		free: make(chan *line, maxProbes*tries), unkept: make(chan struct{}), alone: alone,
	}
	l.unkeep = sync.OnceFunc(func() { close(l.unkept) })
	return l
}

// freeWithin is how long a question waits for the connection of another one before it makes its
// own: many answers of a cache-host in the same network, and nothing that a person notices.
const freeWithin = 10 * time.Millisecond

// begin notes a connection that whoever makes one next goes on waiting for. Where the poller can't
// have it, that is to say where there is no descriptor left, another one is begun.
func (l *lines) begin(bare *bareConn) {
	c, err := bare.polled()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.connecting = c
	}
}

// takeConnecting returns that connection to the first who asks, and nil to others.
func (l *lines) takeConnecting() (c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, l.connecting = l.connecting, nil
	return c
}

// take returns a connection that is free, nil where the caller is to make one.
func (l *lines) take() *line {
	if !l.begun.Swap(true) {
		return nil
	}
	late := time.NewTimer(freeWithin)
	defer late.Stop()
	for {
		select {
		case c := <-l.free:
			if c.quiet() {
				return c
			}
			l.end(c)
		case <-l.unkept:
			return nil
		case <-late.C:
			return nil
		}
	}
}

// leave has another request take a connection, or closes it where it can't be kept.
func (l *lines) leave(c *line, keep bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !keep || l.over || len(l.free) == cap(l.free) {
		l.end(c)
		return
	}
	l.free <- c
}

// end closes a connection, or has tried in vain to make one where it is nil.
func (l *lines) end(c *line) {
	if c != nil {
		c.conn.Close()
	}
	l.unkeep()
}

// close ends all connections that no request uses, and the others as soon as none does: while a
// call waits for what is being fetched it holds none.
func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.over = true; len(l.free) > 0; {
		(<-l.free).conn.Close()
	}
}
