package answer

import "golang.org/x/sys/unix"

// msgMore asks the kernel to wait for what follows, send(2).
const msgMore = unix.MSG_MORE

// unsentOf is the number of bytes of a socket that its peer has not confirmed, tcp(7).
func unsentOf(fd int) int {
	n, _ := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	return n
}

// prepareListener sets what connections inherit, tcp(7) and socket(7): the bound on what is unsent,
// and keep-alive as package net would set it on each. It reports false for a socket of MPTCP, from
// which nothing is inherited.
func prepareListener(fd int) bool {
	if protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || protocol != unix.IPPROTO_TCP {
		return false
	}
	limitUnsent(fd, unsentMost)
	for _, o := range [...]struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		_ = unix.SetsockoptInt(fd, o.level, o.name, o.value)
	}
	return true
}

// queueOf is Queue for a descriptor: of a socket that listens tcp_info has the queue in the place of
// two other numbers, as ss(8) shows it.
func queueOf(fd int) (waiting, room int, known bool) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, 0, false
	}
	return int(info.Unacked), int(info.Sacked), true
}
