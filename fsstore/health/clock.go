package health

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	leap     = 10 * time.Second // between two looks: slewing takes months for as much
	leapTold = time.Hour
)

// clock is by how much the wall clock was set while the store was open.
type clock struct {
	ahead time.Duration // of the uptime, at the last look; 0: there was none
	off   time.Duration
	set   time.Duration // uptime when it was last set
}

// look returns by how much the wall clock is off the one that the store was opened with, for an hour
// after it was set: by then what people see is of the new time. A step is what the wall clock has
// moved between two looks beside the machine's uptime.
func (c *clock) look(wall time.Time, uptime time.Duration) time.Duration {
	ahead := time.Duration(wall.UnixNano()) - uptime
	if by := ahead - c.ahead; c.ahead != 0 && by.Abs() >= leap {
		c.off += by
		c.set = uptime
	}
	c.ahead = ahead
	if c.off.Abs() < leap || uptime-c.set >= leapTold {
		c.off = 0
	}
	return c.off
}

// lookAtClock: nothing is lost by a clock that is set, and no time-out goes by
// it. But people read times. CLOCK_BOOTTIME (clock_gettime(2)) goes on while the
// machine sleeps, which time.Time's monotonic reading does not.
func (s *Monitor) lookAtClock() {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return
	}
	off, way := s.state.clock.look(time.Now(), time.Duration(up.Nano())).Round(time.Second), "forward"
	if off == 0 {
		s.setTrouble(inClock, Trouble{}, nil)
		return
	}
	if off < 0 {
		way = "back"
	}
	what := fmt.Sprintf("the clock of this machine was set %s by %v: times from before are off by as much; downloads and limits do not go by it", way, off.Abs())
	s.setTrouble(inClock, Trouble{What: what}, errors.New("the wall clock and the uptime moved apart"))
}
