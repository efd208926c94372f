package answer

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call makes a call on the socket fd. It says nothing to the scheduler of the runtime: that takes a
// call of 20 µs on a busy machine for one that blocks, and wakes another thread for what waits, which
// costs a tenth of a small answer. This one never blocks.
func (t *transfer) call(fd uintptr) (n int, errno syscall.Errno) {
	trap := uintptr(unix.SYS_RECVFROM)
	if t.isSend {
		trap = unix.SYS_SENDTO
	}
	r, _, errno := unix.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.b))), uintptr(len(t.b)),
		uintptr(t.flags|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL), 0, 0)
	return int(r), errno //nolint:gosec // at most len(t.b)
}
