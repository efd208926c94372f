package answer

import "golang.org/x/sys/unix"

// msgMore asks the kernel to wait for what follows, send(2).
const msgMore = unix.MSG_MORE

// unsentOf is the number of bytes of a socket that its peer has not confirmed, tcp(7).
func unsentOf(fd int) int {
	n, _ := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	return n
}
