package fetch

import (
	"testing"
	"time"
)

func TestDelay(t *testing.T) {
	o := Options{}.withDefaults()
	for n, base := range map[int]time.Duration{1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute, 7: 32 * time.Minute, 8: time.Hour, 99: time.Hour} {
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 200 {
			d := o.delay(n, 0)
			least, most = min(least, d), max(most, d)
		}
		if least < base*3/4 || most > base*5/4 || least == most {
			t.Errorf("%d: %v to %v around %v", n, least, most, base)
		}
	}
	if d := o.delay(1, 5*time.Hour); d != 5*time.Hour {
		t.Errorf("the origin asked for 5 h and gets %v", d)
	}
}
