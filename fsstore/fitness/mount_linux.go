package fitness

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// fileSystem returns the type of the file system that dir is on, from /proc/self/mountinfo
// (proc_pid_mountinfo(5)), or "".
func fileSystem(dir string) string {
	var st unix.Stat_t
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || unix.Stat(dir, &st) != nil {
		return ""
	}
	device := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	for line := range strings.Lines(string(b)) {
		mount, about, _ := strings.Cut(line, " - ")
		if f := strings.Fields(mount); len(f) > 2 && f[2] == device {
			name, _, _ := strings.Cut(about, " ")
			return name
		}
	}
	return ""
}
