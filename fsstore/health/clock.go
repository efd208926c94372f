package health

import (
	"errors"
	"fmt"
	"time"

	"fromcache/fsstore/internal/tree"
)

const (
	minStep = 10 * time.Second // between two checks: slewing takes months for as much
	tellFor = time.Hour
)

// clock tells by how much the wall clock was set while the store was open.
type clock struct {
	ahead time.Duration // of the uptime, at the last check; 0: there was none
	off   time.Duration // what it was set by, all told; negative: back
	set   time.Duration // uptime when it was last set
}

// update returns by how much the wall clock was set since the store was opened. An hour after the
// last step it returns 0, because by then the times that people see are of the new clock. A step is
// a difference between what wall clock and uptime have moved since the last call.
func (c *clock) update(wall time.Time, uptime time.Duration) time.Duration {
	ahead := time.Duration(wall.UnixNano()) - uptime
	if by := ahead - c.ahead; c.ahead != 0 && by.Abs() >= minStep {
		c.off += by
		c.set = uptime
	}
	c.ahead = ahead
	if c.off.Abs() < minStep || uptime-c.set >= tellFor {
		c.off = 0
	}
	return c.off
}

// checkClock lists a wall clock that was set as trouble, because people read the times in logs. No
// time-out depends on it. The uptime goes on while the machine sleeps; time.Time's monotonic reading
// does not.
func (s *Monitor) checkClock() {
	up, err := tree.Uptime()
	if err != nil {
		return
	}
	off, way := s.state.clock.update(time.Now(), up), "forward"
	off = off.Round(time.Second)
	if off == 0 {
		s.setTrouble(troubleClock, Trouble{}, nil)
		return
	}
	if off < 0 {
		way = "back"
	}
	what := fmt.Sprintf("the clock of this machine was set %s by %v: earlier times in logs and pages "+
		"are off by as much; downloads and limits are not affected", way, off.Abs())
	err = errors.New("the wall clock and the uptime moved apart")
	s.setTrouble(troubleClock, Trouble{What: what}, err)
}
