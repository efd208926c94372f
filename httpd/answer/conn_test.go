package answer

import (
	"testing"
	"time"
)

// TestRestIsEarned: a reader that took much may rest as long as that is worth,
// and one that took little may not.
func TestRestIsEarned(t *testing.T) {
	for _, tt := range []struct {
		took  int64
		stall time.Duration
		turns int
	}{
		{0, time.Minute, 0}, {unearned, time.Minute, 0}, {unearned + 60*pace, time.Minute, 1}, {unearned + 600*pace, time.Minute, 10},
		{1 << 50, time.Minute, 60}, {unearned + 2*pace, time.Second, 2},
	} {
		c := &Conn{stall: tt.stall}
		c.took(tt.took)
		turns := 0
		for c.mayRest() {
			turns++
		}
		if turns != tt.turns {
			t.Errorf("%d bytes: %d turns of %v, want %d", tt.took, turns, tt.stall, tt.turns)
		}
	}
}
