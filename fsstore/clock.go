package fsstore

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	inClock  = "clock"
	leap     = 10 * time.Second // between two looks: slewing takes months for as much
	leapTold = time.Hour
)

// clockBook is by how much the wall clock was set while the store was open.
type clockBook struct {
	wall   time.Time     // at the last look
	uptime time.Duration // then
	off    time.Duration
	set    time.Duration // uptime when it was last set
}

// look compares how far the wall clock and the machine's uptime have come since
// the last look. It returns by how much the wall clock is off the one that the
// store was opened with, for an hour after it was set: by then what people see
// is of the new time.
func (c *clockBook) look(wall time.Time, uptime time.Duration) time.Duration {
	wall = wall.Round(0)
	if !c.wall.IsZero() {
		if by := wall.Sub(c.wall) - (uptime - c.uptime); by.Abs() >= leap {
			c.off += by
			c.set = uptime
		}
	}
	c.wall, c.uptime = wall, uptime
	if c.off.Abs() < leap || uptime-c.set >= leapTold {
		c.off = 0
	}
	return c.off
}

// uptime goes on while the machine sleeps, which time.Time's monotonic reading
// does not: clock_gettime(2), CLOCK_BOOTTIME.
func uptime() (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
	return time.Duration(t.Nano()), err
}

// bootID tells one start of the machine from all others, proc_sys_kernel(5). Where
// it can't be read each store is of a start of its own.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(b) < 8 {
		return newWorker()[:8]
	}
	return string(b[:8])
}

// examineClock: nothing is lost by a clock that is set, and no time-out goes by
// it. But people read times.
func (s *Store) examineClock() {
	up, err := uptime()
	if err != nil {
		return
	}
	off := s.health.clock.look(time.Now(), up).Round(time.Second)
	if off == 0 {
		s.setTrouble(inClock, Trouble{}, nil)
		return
	}
	way := "forward"
	if off < 0 {
		way = "back"
	}
	what := fmt.Sprintf("the clock of this machine was set %s by %v: times from before are off by as much; downloads and limits do not go by it", way, off.Abs())
	s.setTrouble(inClock, Trouble{What: what}, errors.New("the wall clock and the uptime moved apart"))
}
