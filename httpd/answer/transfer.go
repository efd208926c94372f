package answer

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// transfer is one recv(2) or send(2) after the other on a socket that does not block, without a
// closure for each.
type transfer struct {
	isSend bool
	b      []byte
	flags  int
	n      int
	errno  syscall.Errno
	ready  func(fd uintptr) bool // once, for syscall.RawConn
	once   func(fd uintptr) bool // the same without waiting until fd is ready
}

func (t *transfer) init(isSend bool) {
	t.isSend, t.ready = isSend, t.do
	t.once = func(fd uintptr) bool {
		t.do(fd)
		return true
	}
}

// set says what the next call is about.
func (t *transfer) set(b []byte, flags int) { t.b, t.flags, t.n, t.errno = b, flags, 0, 0 }

// got returns what the last call did.
func (t *transfer) got() (n int, err error) {
	t.b = nil
	if t.errno != 0 {
		return 0, t.errno
	}
	return t.n, nil
}

// do makes the call, and reports whether the socket was ready for it.
func (t *transfer) do(fd uintptr) bool {
	for {
		if t.n, t.errno = t.call(fd); t.errno != unix.EINTR {
			return t.errno != unix.EAGAIN
		}
	}
}
