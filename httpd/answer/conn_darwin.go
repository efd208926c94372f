package answer

import "golang.org/x/sys/unix"

// msgMore is 0: on macOS the kernel sends at once.
const msgMore = 0

// unsentOf is the number of bytes of a socket that its peer has not confirmed, SO_NWRITE in
// getsockopt(2).
func unsentOf(fd int) int {
	n, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NWRITE)
	return n
}
