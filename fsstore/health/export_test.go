package health

// What the tests in this folder reach of the inside.

import "time"

type Clock = clock

func (c *clock) Look(wall time.Time, uptime time.Duration) time.Duration { return c.look(wall, uptime) }

// Missing are the directories that looks miss, and since when.
func (s *Monitor) Missing() *map[string]time.Time { return &s.state.missing }
