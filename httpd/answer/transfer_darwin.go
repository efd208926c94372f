package answer

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// call makes a call on the socket fd, which does not block.
func (t *transfer) call(fd uintptr) (n int, errno syscall.Errno) {
	var err error
	if t.isSend {
		n, err = unix.SendmsgN(int(fd), t.b, nil, nil, t.flags)
	} else {
		n, _, err = unix.Recvfrom(int(fd), t.b, t.flags)
	}
	errors.As(err, &errno)
	return n, errno
}
