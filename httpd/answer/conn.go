package answer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listen returns a listener that accepts from ln and hands out each TCP connection
// as a *Conn. A write on it may take any time as long as its reader takes
// something every now and then: a slow download of 10 GiB goes on, and a stalled
// reader is cut off after one to three times stall, or when it has rested for as
// long as what it took has earned it.
//
// It sets the options of ln that its connections inherit, so that none of them costs each
// connection a call. A failure to set one is ignored: they are about speed.
func Listen(ln net.Listener, stall time.Duration) net.Listener {
	l := listener{Listener: ln, stall: stall, since: time.Now(), lanes: new(lanes)}
	if socket, ok := ln.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { l.prepared = prepareListener(int(fd)) }) //nolint:errcheck // it is closed, as Accept says
		}
	}
	return l
}

type listener struct {
	net.Listener
	stall    time.Duration
	prepared bool // connections inherit limitUnsent
	since    time.Time
	lanes    *lanes
}

// waitedBefore is how long after Listen connections are accepted that were made before it, and so
// inherit nothing: a server listens while it opens its data.
const waitedBefore = 10 * time.Second

// Accept waits for the next connection.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	tcp, ok := c.(*net.TCPConn)
	if !ok || err != nil {
		return c, err
	}
	raw, err := tcp.SyscallConn()
	if err == nil && (!l.prepared || time.Since(l.since) < waitedBefore) {
		err = raw.Control(func(fd uintptr) { limitUnsent(int(fd), unsentMost) })
	}
	conn := &Conn{TCPConn: tcp, raw: raw, stall: l.stall, queued: -1, lanes: l.lanes}
	conn.in.init(false)
	conn.out.init(true)
	return conn, err
}

func limitUnsent(fd, most int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, most) //guard:httpd.TestStalledReaderHoldsLittle
}

// unsentMost bounds what the kernel takes from us before the network wants it,
// tcp(7) TCP_NOTSENT_LOWAT: else each of a thousand stalled readers holds
// megabytes of the memory that all connections of the machine share. What is
// under way on a long fat link is not bounded by it. So little is also still
// in the processor's cache when it is sent: a GiB on loopback costs a third of
// the CPU that it costs with 128 KiB.
const unsentMost = 32 << 10

// connKey finds a request's Conn in its context.
type connKey struct{}

// WithConn is an http.Server's ConnContext: it lets ConnOf find c.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// ConnOf returns the connection of a request, or nil where it is none of Listen's.
func ConnOf(r *http.Request) *Conn {
	c, _ := r.Context().Value(connKey{}).(*Conn)
	return c
}

// Conn moves its write deadline as bytes flow. It embeds *net.TCPConn and has
// a ReadFrom, so that net/http still sends files by sendfile. One goroutine
// writes at a time.
type Conn struct {
	*net.TCPConn
	raw    syscall.RawConn
	stall  time.Duration
	asked  bool      // for one byte, and got none
	fields []byte    // to be sent with the next write, which is a header
	header []byte    // room for that header with its fields
	more   bool      // the next write is a header, and a file follows at once
	armed  time.Time // when the deadline was set
	queued int       // bytes in the kernel at the last deadline, -1 unknown
	credit int64     // bytes that were taken, less what resting has cost

	awaited atomic.Int32 // see Await
	unread  []byte       // see Unread
	in, out transfer     // of ReadSome and try
	lanes   *lanes
}

// Unread has the next reads return b, which was read already, before anything else.
func (c *Conn) Unread(b []byte) { c.unread = b }

// Read answers a read of a single byte with none, unless it is asked twice.
// net/http asks for one while a handler runs, in a goroutine of its own that
// waits for the client to hang up and is called off again through the poller:
// a seventh of the time of a small request. We notice a client that has left
// when we write to it. A bufio.Reader with room for one byte asks again at
// once (io.ErrNoProgress says after how many times it would not), and waits.
func (c *Conn) Read(b []byte) (int, error) {
	if len(c.unread) > 0 {
		n := copy(b, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	if len(b) == 1 && !c.asked {
		c.asked = true
		return 0, nil
	}
	c.asked = false
	return c.TCPConn.Read(b)
}

// slice is how much one deadline covers at most: small enough that a client on
// a fast link never waits for a timer, large enough that setting one is free.
const slice = 4 << 20

// Write writes b whole, or fails when the reader takes nothing for a while.
func (c *Conn) Write(b []byte) (int, error) {
	if !c.beginAnswer() {
		return 0, net.ErrClosed
	}
	if c.fields == nil {
		return c.write(b)
	}
	n, err := c.write(c.withFields(b))
	return max(0, n-(len(c.header)-len(b))), err
}

// AddFields has the next write, which is a header, carry header fields that were
// formatted before. They go behind its status line.
func (c *Conn) AddFields(fields []byte) { c.fields = fields }

// ExpectFile has the next write, which is a header, wait for the file that
// follows at once, so that both leave in one packet.
func (c *Conn) ExpectFile() { c.more = true }

// withFields puts an artifact's fields behind the status line of the header b.
// By way of http.Header they cost each answer a map, its copy and a sort, a
// fifth of the time of a HEAD, for what are the same bytes every time.
func (c *Conn) withFields(b []byte) []byte {
	line := bytes.IndexByte(b, '\n') + 1
	c.header = append(append(append(c.header[:0], b[:line]...), c.fields...), b[line:]...)
	c.fields = nil
	return c.header
}

func (c *Conn) write(b []byte) (n int, err error) {
	c.arm()
	if c.more {
		c.more = false
		n = c.try(b, msgMore)
	}
	for n < len(b) {
		m, err := c.TCPConn.Write(b[n:])
		n += m
		c.took(int64(m))
		if err == nil || !c.onward(m, err) {
			return n, err
		}
	}
	return n, nil
}

// try hands b to the kernel once, without a deadline, because it does not wait. With msgMore it asks
// the kernel to wait for what follows, so that header and file leave in one packet and wake their
// reader once. What it does not take, if only for an error, write sends.
func (c *Conn) try(b []byte, flags int) (n int) {
	c.out.set(b, flags)
	c.raw.Write(c.out.once) //nolint:errcheck // it is closed, as write says
	n, _ = c.out.got()
	return n
}

// ReadSome is Read for whoever read nothing in another way, and asks for more than a byte.
func (c *Conn) ReadSome(b []byte) (n int, err error) {
	c.in.set(b, 0)
	if err = c.raw.Read(c.in.ready); err != nil {
		return 0, err
	}
	return c.in.got()
}

// WriteHead writes the header of an answer, whole, or fails as Write does. With more a file follows
// at once, and both leave in one packet.
func (c *Conn) WriteHead(b []byte, more bool) error {
	if !c.beginAnswer() {
		return net.ErrClosed
	}
	flags := 0
	if more {
		flags = msgMore
	}
	n := c.try(b, flags)
	c.took(int64(n))
	if n == len(b) {
		return nil
	}
	_, err := c.write(b[n:])
	return err
}

// SendFile sends the first size bytes of a regular file that is open by sendfile(2). It fails
// where the file is shorter, and when the reader takes nothing for a while. Its descriptor need not
// be known to the poller of the runtime, which saves a call for each file.
func (c *Conn) SendFile(file int, size int64) (sent int64, err error) {
	l := c.beginLong(size)
	defer l.end()
	for sent < size {
		n, err := c.sendPart(file, sent, min(slice, size-sent))
		sent += n
		c.took(n)
		l.has(sent)
		if err == nil && n == 0 {
			return sent, io.ErrUnexpectedEOF
		}
		if err != nil && !c.onward(int(n), err) {
			return sent, err
		}
	}
	return sent, nil
}

// sendPart sends at most size bytes. It sets a deadline only if it has to wait for the reader.
func (c *Conn) sendPart(file int, from, size int64) (int64, error) {
	n, failed := 0, error(nil)
	send := func(fd uintptr) bool {
		n, failed = unix.Sendfile(int(fd), file, &from, int(size))
		return n > 0 || failed != unix.EAGAIN && failed != unix.EINTR
	}
	done := false
	err := c.raw.Write(func(fd uintptr) bool {
		done = send(fd)
		return true
	})
	if err == nil && !done {
		c.arm()
		err = c.raw.Write(send)
	}
	if err == nil && n <= 0 {
		err = failed
	}
	return int64(max(n, 0)), err
}

// ReadFrom sends from r, a file by sendfile.
func (c *Conn) ReadFrom(r io.Reader) (n int64, err error) {
	from, ok := r.(*io.LimitedReader)
	if !ok || !isFile(from.R) {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	l := c.beginLong(from.N)
	defer l.end()
	for from.N > 0 {
		c.arm()
		part := io.LimitedReader{R: from.R, N: min(slice, from.N)}
		want := part.N
		m, err := c.TCPConn.ReadFrom(&part)
		n += m
		c.took(m)
		l.has(n)
		from.N -= m
		if err != nil && (want-part.N != m || !c.onward(int(m), err)) {
			return n, err // a part that was read and not sent can't be sent again
		}
		if err == nil && m < want {
			return n, nil // the file is shorter: net/http closes the connection
		}
	}
	return n, nil
}

// isFile reports whether sendfile can take r: the store's *os.File can.
func isFile(r io.Reader) bool {
	_, ok := r.(syscall.Conn)
	return ok
}

// arm sets the deadline, unless it was set a moment ago: for most answers it
// costs a look at the clock.
func (c *Conn) arm() {
	if now := time.Now(); now.Sub(c.armed) > c.stall/8 {
		c.armed = now
		c.queued = -1
		c.TCPConn.SetWriteDeadline(now.Add(c.stall))
	}
}

// SetWriteDeadline is what net/http and crypto/tls call around a handshake; the next write has its
// own deadline again.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.armed = time.Time{} //guard:httpd.TestStalledReaderOverTLSIsCut
	return c.TCPConn.SetWriteDeadline(t)
}

// onward decides what a write of n bytes that ended in err means: where it was
// the deadline and the reader has taken something since, the deadline moves.
// The kernel wakes us only when a good part of what it holds for a reader is
// gone, so what it still holds is asked for too.
func (c *Conn) onward(n int, err error) bool {
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		return false
	}
	before, now := c.queued, c.unsent()
	c.armed = time.Time{}
	if n == 0 && before < 0 {
		before = now + 1 // nothing to compare with: one more turn
	}
	if n == 0 && now >= before &&
		!c.mayRest() { //guard:httpd.TestProxyThatBuffers
		c.SetLinger(0) // else the kernel keeps what it holds for minutes more //guard:httpd.TestStalledReaderIsCut
		return false
	}
	c.arm()
	c.queued = now
	return true
}

// A reader that has taken much may rest for long. A proxy that buffers on its
// disk is one: it takes a GiB at once, and then nothing until its own reader has
// had that. What is no more than the buffers of two kernels is no proof of a
// reader, and earns nothing.
const (
	unearned = 16 << 20
	pace     = 64 << 10  // bytes a second, of the slowest reader that such a proxy is expected to have
	longest  = time.Hour // that anyone may rest
)

func (c *Conn) took(n int64) {
	c.credit = min(c.credit+n, unearned+int64(longest.Seconds())*pace)
}

// mayRest pays for one more turn of the deadline, if there is enough.
func (c *Conn) mayRest() bool {
	cost := int64(c.stall.Seconds() * pace)
	if c.credit-cost < unearned { //guard:TestRestIsEarned
		return false
	}
	c.credit -= cost
	return true
}

// unsent is the number of bytes that the kernel holds for the reader.
func (c *Conn) unsent() int {
	n := 0
	c.raw.Control(func(fd uintptr) { n = unsentOf(int(fd)) })
	return n
}

// HungUp returns a channel that is closed when the reader of an answer that takes long leaves, also
// one that only ends its side, as net/http has it. It looks at what comes next and takes nothing of
// it, because net/http does not watch for that here (see Conn.Read); once the next request has come
// it can't tell any more. The read deadline must be lifted before. forget ends the watch and waits
// for it.
func HungUp(r *http.Request) (gone <-chan struct{}, forget func()) {
	c := ConnOf(r)
	if c == nil {
		return r.Context().Done(), func() {}
	}
	left, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if c.awaitEnd() {
			close(left)
		}
	}()
	return left, func() {
		c.SetReadDeadline(time.Now())
		<-ended
	}
}

// awaitEnd waits for the next byte, and reports whether the connection ends instead, here or there;
// false at the read deadline.
func (c *Conn) awaitEnd() (ends bool) {
	var b [1]byte
	err := c.raw.Read(func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK)
		ends = n <= 0
		return !errors.Is(err, unix.EAGAIN)
	})
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return false
	}
	return ends || err != nil
}

// TryRead reads what has come without waiting. It reports false where nothing has, and at an error,
// which Read has then.
func (c *Conn) TryRead(b []byte) (n int, ok bool) {
	c.in.set(b, 0)
	c.raw.Read(c.in.once) //nolint:errcheck // then Read says so
	n, _ = c.in.got()
	return n, n > 0
}

// Peek copies what has come and was not read into b, without waiting, and returns how much that is.
func (c *Conn) Peek(b []byte) (n int) {
	c.raw.Control(func(fd uintptr) { //nolint:errcheck // then nothing comes
		n, _, _ = unix.Recvfrom(int(fd), b, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return max(n, 0)
}

// Queue returns how many connections of a listening socket wait to be accepted, and how many may;
// false where the system does not tell.
func Queue(ln net.Listener) (waiting, room int, known bool) {
	socket, ok := ln.(syscall.Conn)
	if !ok {
		return 0, 0, false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	raw.Control(func(fd uintptr) { waiting, room, known = queueOf(int(fd)) }) //nolint:errcheck // it is closed
	return waiting, room, known
}
