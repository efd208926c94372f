package health

// What the tests in this folder reach of the inside.

import "time"

type Clock = clock

func (c *clock) Update(wall time.Time, uptime time.Duration) time.Duration {
	return c.update(wall, uptime)
}

// Missing returns the directories that Check misses, and since when.
func (s *Monitor) Missing() *map[string]time.Time { return &s.state.missing }
