//go:build linux

package testbed

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// TCPCount is a number of the kernel's in the namespace of a process, which may be self: in netstat a
// line of names stands above the line of numbers, in sockstat each name before its number.
func TCPCount(pid, file, line, name string) int {
	b, _ := os.ReadFile("/proc/" + pid + "/net/" + file)
	var names []string
	for text := range strings.Lines(string(b)) {
		words := strings.Fields(text)
		if len(words) == 0 || words[0] != line {
			continue
		}
		if i := slices.Index(names, name); i >= 0 {
			n, _ := strconv.Atoi(words[i])
			return n
		}
		if i := slices.Index(words, name); file == "sockstat" && i >= 0 {
			n, _ := strconv.Atoi(words[i+1])
			return n
		}
		names = words
	}
	return 0
}

// CPUTime is the CPU time that a process has used, to the nanosecond: user and system, of threads
// that have ended too.
func CPUTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	// The clock of a process, as clock_getcpuclockid(3) makes its name: ~pid << 3 | CPUCLOCK_SCHED.
	err := unix.ClockGettime(int32(^pid<<3|2), &t)
	return time.Duration(t.Nano()), err
}
