package probe

import (
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"fromcache/shim/plan"
)

// bareConn is a TCP connection past Go's network poller: this thread itself waits for it, in
// poll(2).
type bareConn struct {
	fd    int
	until time.Time // when Read gives up with errLater
}

// bareAddress returns where a cache is, if its host is an address, or has one by /etc/hosts.
func bareAddress(q plan.Question, c plan.Cache) (to syscall.Sockaddr, ok bool) {
	port, wrong := strconv.ParseUint(c.URL.EffectivePort(), 10, 16)
	ip, err := netip.ParseAddr(strings.Trim(c.URL.Host, "[]"))
	ok = err == nil
	if !ok {
		ip, ok = hostsAddress(c.URL.Host)
	}
	switch {
	case !ok || wrong != nil || ip.Zone() != "":
		return nil, false
	case ip.Is4() && q.Family != 6:
		return &syscall.SockaddrInet4{Port: int(port), Addr: ip.As4()}, true
	case ip.Is6() && !ip.Is4In6() && q.Family != 4:
		return &syscall.SockaddrInet6{Port: int(port), Addr: ip.As16()}, true
	}
	return nil, false
}

// beginBare begins a connection, and waits for it until then. With errLater it may come yet.
func beginBare(to syscall.Sockaddr, until time.Time) (*bareConn, error) {
	family := syscall.AF_INET
	if _, ok := to.(*syscall.SockaddrInet6); ok {
		family = syscall.AF_INET6
	}
	kind := syscall.SOCK_STREAM | syscall.SOCK_CLOEXEC | syscall.SOCK_NONBLOCK
	fd, err := syscall.Socket(family, kind, 0)
	if err != nil {
		return nil, err
	}
	b := &bareConn{fd, until}
	if err = syscall.Connect(fd, to); err == syscall.EINPROGRESS {
		if !b.wait(pollOut) {
			return b, errLater
		}
		err = socketError(fd)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Events of poll(2).
const (
	pollIn  = 0x1
	pollOut = 0x4
)

// wait waits for an event or the connection's end; it is false where neither came in time. It is a
// raw system call, because Go would have another thread run meanwhile, for which there is nothing
// to do. A signal has it begin anew, as that of a window's size.
func (b *bareConn) wait(event int16) bool {
	for {
		left := time.Until(b.until)
		if left <= 0 {
			return false
		}
		poll := struct {
			fd              int32
			events, revents int16
		}{int32(b.fd), event, 0}
		t := syscall.NsecToTimespec(int64(left))
		n, _, err := syscall.RawSyscall6(syscall.SYS_PPOLL,
			uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&t)), 0, 0, 0)
		if err != syscall.EINTR {
			return err != 0 || n > 0 // after an error of poll itself the next call says what is wrong
		}
	}
}

// Read reads what comes in time; with errLater nothing did.
func (b *bareConn) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(b.fd, p)
		switch {
		case err == syscall.EAGAIN:
			if !b.wait(pollIn) {
				return 0, errLater
			}
		case err == nil && n == 0:
			return 0, io.EOF
		case err != syscall.EINTR:
			return max(n, 0), err
		}
	}
}

// Write writes what there is room for at once, which is more than any request.
func (b *bareConn) Write(p []byte) (int, error) {
	n, err := syscall.Write(b.fd, p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return max(n, 0), err
}

// SetDeadline has Read give up then, or after bareTime.
func (b *bareConn) SetDeadline(t time.Time) error {
	b.until = soonest(t, bareTime)
	return nil
}

func (b *bareConn) Close() error { return syscall.Close(b.fd) }

// quiet reports whether nothing is there to be read, not even the end.
func (b *bareConn) quiet() bool {
	_, _, err := syscall.Recvfrom(b.fd, make([]byte, 1), syscall.MSG_PEEK)
	return err == syscall.EAGAIN
}

// polled hands the connection over to Go's network poller.
func (b *bareConn) polled() (net.Conn, error) {
	f := os.NewFile(uintptr(b.fd), "")
	b.fd = -1
	defer f.Close()
	return net.FileConn(f)
}
