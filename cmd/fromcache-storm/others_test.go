package storm

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is CPU time since the machine's start, proc_stat(5), and ours of it.
type usage struct{ idle, all, ours time.Duration }

func (h *host) usage() (u usage) {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	for i, word := range strings.Fields(line)[1:9] { // user nice system idle iowait irq softirq steal
		n, _ := strconv.Atoi(word)
		u.all += time.Duration(n) * time.Second / 100
		if i == 3 || i == 4 {
			u.idle += time.Duration(n) * time.Second / 100
		}
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		unix.Getrusage(who, &r)
		u.ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	u.ours += h.counts().cpu
	return u
}

// others is what share of the machine programs had since then that are not of the storm. What they take
// makes each time in the table longer.
func (u usage) others(now usage) float64 {
	all := now.all - u.all
	return max(0, float64(all-(now.idle-u.idle)-(now.ours-u.ours))/float64(max(1, all)))
}
