package shim

import (
	"syscall"
	"unsafe"

	"fromcache/shim/call"
)

// leaveSignals has the signals end this process that end the tool, as that of alarm(2) before an
// exec. Go's runtime catches them, and does nothing, or prints what its goroutines do.
func leaveSignals(tool call.Tool) {
	var action [64]byte // a struct sigaction of zeros is SIG_DFL, see rt_sigaction(2)
	for _, s := range endingSignals(tool) {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	}
}
