package misses

// What the tests in this folder reach of the inside.

import "time"

const (
	LinesAtOnce = linesAtOnce
	YoungMiss   = smallMiss
)

// MakeOlder lets so much time pass for what is gathered.
func (s *Misses) MakeOlder(d time.Duration) {
	for _, r := range s.repeats.m {
		r.began = r.began.Add(-d)
	}
}

// InMoment reports whether repeats are counted without a look at a file.
func (s *Misses) InMoment() bool { return s.changes.Now() != 0 }
