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

// prepareListener sets keep-alive, which connections inherit, and package net does not set on them.
// What is unsent has to be bounded on each.
func prepareListener(fd int) bool {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	return false
}

func queueOf(int) (waiting, room int, known bool) { return 0, 0, false }
