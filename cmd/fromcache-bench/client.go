package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// connections is how many the client keeps open: enough that neither server ever waits for it, few enough to be a lab.
const connections = 32

// request is a prepared question and what its answer must be.
type request struct {
	wire   []byte
	head   bool   // the answer has no body
	status int    // of the answer
	length int64  // of the body, or as HEAD promises it; -1: any
	sha256 string // of the body; "": any
}

// client drives one server from one thread: each connection has one request on its way, and whichever answer comes gets
// the next one. It is meant to cost less than any server, so that a rate tells of the server: no goroutine and no timer for
// a connection, and bodies are dropped in the kernel by MSG_TRUNC, see tcp(7), instead of copied.
type client struct {
	epoll int
	conns []clientConn
	drop  []byte // MSG_TRUNC fills nothing of it, but its length is how much may go
}

// clientConn is one connection. Its source address is its own, 127.0.1.x, for the cache-host counts misses by client.
type clientConn struct {
	fd    int
	asked *request
	have  int // bytes of the header in buf
	left  int64
	body  bool // the header has been read; left bytes are to come
	buf   [4 << 10]byte
}

// dial opens n connections to a loopback port. All of them must be used: a server soon closes one that asks for nothing.
func dial(port, n int) (*client, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	c := &client{epoll: epoll, conns: make([]clientConn, n), drop: make([]byte, 1<<20)}
	for i := range c.conns {
		c.conns[i].fd = -1
	}
	for i := range c.conns {
		if err := c.connect(i, port); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *client) connect(i, port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c.conns[i].fd = fd
	from := netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + i)})
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}),
		unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}),
		unix.SetNonblock(fd, true),
		unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}),
	)
}

func (c *client) close() {
	for i := range c.conns {
		if c.conns[i].fd >= 0 {
			unix.Close(c.conns[i].fd)
		}
	}
	unix.Close(c.epoll)
}

// patience is how long a server may be silent.
const patience = 20 * time.Second

// errSilent: a server that has not answered in all that time.
var errSilent = fmt.Errorf("no answer in %s", patience)

// drive sends what next gives, in turn on whichever connection is free, until next gives nil or ctx ends, and waits for the
// last answers. It returns the number of answers and the time from the first request to the last answer.
func (c *client) drive(ctx context.Context, next func() *request) (n int, took time.Duration, err error) {
	start := time.Now()
	flying := 0
	for i := range c.conns {
		sent, err := c.conns[i].send(next())
		if err != nil {
			return 0, 0, err
		}
		flying += sent
	}
	for flying > 0 {
		done, sent, err := c.wait(next)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return n, 0, err
		}
		n += done
		flying += sent - done
	}
	return n, time.Since(start), nil
}

// wait takes what answers have come, and sends a new request for each that is whole.
func (c *client) wait(next func() *request) (done, sent int, err error) {
	var events [connections]unix.EpollEvent
	ready, err := unix.EpollWait(c.epoll, events[:], int(patience.Milliseconds()))
	switch {
	case errors.Is(err, unix.EINTR):
		return 0, 0, nil
	case err != nil:
		return 0, 0, fmt.Errorf("epoll: %w", err)
	case ready == 0:
		return 0, 0, errSilent
	}
	for _, e := range events[:ready] {
		conn := &c.conns[e.Fd]
		whole, err := conn.receive(c.drop)
		if err != nil {
			return done, sent, err
		}
		if !whole {
			continue
		}
		n, err := conn.send(next())
		if err != nil {
			return done, sent, err
		}
		done++
		sent += n
	}
	return done, sent, nil
}

// send puts r on its way, and says how many requests that is: 0 for nil.
func (c *clientConn) send(r *request) (int, error) {
	if r == nil {
		return 0, nil
	}
	c.asked, c.have, c.body = r, 0, false
	n, err := unix.Write(c.fd, r.wire)
	if err == nil && n < len(r.wire) {
		err = errors.New("the socket took a part of it")
	}
	if err != nil {
		return 0, fmt.Errorf("sending a request: %w", err)
	}
	return 1, nil
}

// receive takes what has come, and says whether the answer is whole.
func (c *clientConn) receive(drop []byte) (bool, error) {
	if !c.body {
		if err := c.receiveHeader(); err != nil || !c.body || c.left == 0 {
			return err == nil && c.body, err
		}
	}
	n, _, err := unix.Recvfrom(c.fd, drop[:min(c.left, int64(len(drop)))], unix.MSG_TRUNC)
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	if err == nil && n == 0 {
		err = fmt.Errorf("the connection ended %d bytes early", c.left)
	}
	if err != nil {
		return false, fmt.Errorf("reading a body: %w", err)
	}
	c.left -= int64(n)
	return c.left == 0, nil
}

var headerEnd = []byte("\r\n\r\n")

func (c *clientConn) receiveHeader() error {
	n, err := unix.Read(c.fd, c.buf[c.have:])
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if err == nil && n == 0 {
		err = errors.New("the connection ended or its header is too large")
	}
	if err != nil {
		return fmt.Errorf("reading the answer to %s: %w", c.asked, err)
	}
	c.have += n
	end := bytes.Index(c.buf[:c.have], headerEnd)
	if end < 0 {
		return nil
	}
	end += len(headerEnd)
	status, length, err := parseHeader(c.buf[:end])
	if err != nil {
		return err
	}
	if err := c.asked.check(status, length); err != nil {
		return err
	}
	c.body = true
	c.left = -int64(c.have - end)
	if !c.asked.head {
		c.left += length
	}
	if c.left < 0 {
		return errors.New("an answer is longer than it promised")
	}
	return nil
}

// String is the request's first line.
func (r *request) String() string {
	line, _, _ := bytes.Cut(r.wire, []byte("\r\n"))
	return fmt.Sprintf("%.200s", line)
}

func (r *request) check(status int, length int64) error {
	if status == r.status && (r.length < 0 || r.length == length) {
		return nil
	}
	return fmt.Errorf("%s: status %d and %d bytes, where %d and %d are right", r, status, length, r.status, r.length)
}

// contentLength as nginx and net/http write it.
var contentLength = []byte("\r\nContent-Length: ")

// parseHeader takes from an answer's header the two things that tell where it ends.
func parseHeader(h []byte) (status int, length int64, err error) {
	if len(h) < len("HTTP/1.1 200") || !bytes.HasPrefix(h, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("%.40q is no answer", h)
	}
	for _, c := range h[9:12] {
		status = status*10 + int(c) - '0'
	}
	at := bytes.Index(h, contentLength)
	if at < 0 {
		return 0, 0, fmt.Errorf("an answer without Content-Length, status %d", status)
	}
	value, _, _ := bytes.Cut(h[at+len(contentLength):], []byte("\r"))
	length, err = strconv.ParseInt(string(value), 10, 64)
	return status, length, err
}

// verify asks r once, reads its body and compares the digest. It returns the header.
func (c *client) verify(r *request) (string, error) {
	conn := &c.conns[0]
	if _, err := conn.send(r); err != nil {
		return "", err
	}
	if err := unix.SetNonblock(conn.fd, false); err != nil {
		return "", err
	}
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(conn.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return "", err
	}
	for !conn.body {
		before := conn.have
		if err := conn.receiveHeader(); err != nil {
			return "", err
		}
		if conn.have == before {
			return "", errSilent
		}
	}
	header, first, _ := bytes.Cut(conn.buf[:conn.have], headerEnd)
	sum := sha256.New()
	sum.Write(first)
	for conn.left > 0 {
		n, err := unix.Read(conn.fd, c.drop[:min(conn.left, int64(len(c.drop)))])
		if err != nil || n <= 0 {
			return "", fmt.Errorf("reading a body: %d bytes are missing: %w", conn.left, err)
		}
		sum.Write(c.drop[:n])
		conn.left -= int64(n)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); r.sha256 != "" && !r.head && got != r.sha256 {
		return "", fmt.Errorf("wrong bytes: their digest is %s, not %s", got, r.sha256)
	}
	return string(header), unix.SetNonblock(conn.fd, true)
}
