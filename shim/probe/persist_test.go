package probe

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// TestOwnLimitIsNotDown holds that a connection that this process may not make tells nothing of the
// cache, which other calls would else not ask.
func TestOwnLimitIsNotDown(t *testing.T) {
	for errno, want := range map[syscall.Errno]state{
		syscall.EMFILE: unsure, syscall.ENOBUFS: unsure, syscall.EADDRNOTAVAIL: unsure, syscall.EPERM: unsure,
		syscall.ECONNREFUSED: down, syscall.ENETUNREACH: down, syscall.ETIMEDOUT: silent,
	} {
		err := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)}
		if r := dialError(0, 1, err); r.state != want {
			t.Errorf("%v: state %d, not %d", errno, r.state, want)
		}
	}
}
