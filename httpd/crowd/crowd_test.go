package crowd

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
)

func TestDistinct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDistinct(time.Minute)
		for round := range 2 {
			for i := range 100_000 {
				got := d.Add("10.0.0.1", strconv.Itoa(i))
				if want := i + 1; round == 0 && (got < want*97/100-1 || got > want*103/100+1) {
					t.Fatalf("%d names count as %d", want, got)
				}
			}
		}
		one := d.Count()
		if one < 98_000 || one > 102_000 {
			t.Errorf("the same names again make %d", one)
		}
		time.Sleep(time.Minute)
		d.Add("10.0.0.1", "0")
		if n := d.Count(); n != one {
			t.Errorf("after a span, and with one name again, %d of %d", n, one)
		}
		time.Sleep(time.Minute)
		if n := d.Count(); n != 1 {
			t.Errorf("after two spans %d of 1", n)
		}
		time.Sleep(3 * time.Minute)
		if n := d.Count(); n != 0 {
			t.Errorf("after five spans %d", n)
		}
	})
}

// Never more than 500 of those who wait ask in a second, however many they are.
func TestAskAgainGrowsWithTheCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(nil, 0)
		last := 0
		for n := 1; n <= 200_000; n++ {
			got := c.AskAgain("https://example.com/x", strconv.Itoa(n), fsstore.VerdictQueued)
			switch n {
			case 1, 500, 900:
				if got != 2 {
					t.Errorf("the client %d is told %d s", n, got)
				}
			case 10_000, 50_000, 100_000:
				if want := n / 500; got < want*97/100 || got > want*103/100+1 {
					t.Errorf("the client %d is told %d s, not %d", n, got, want)
				}
			}
			last = got
		}
		if last != 300 {
			t.Errorf("the last of 200,000 is told %d s", last)
		}
		if n := c.Waiting(); n < 194_000 || n > 206_000 {
			t.Errorf("%d wait", n)
		}
		time.Sleep(2 * time.Minute)
		if got := c.AskAgain("https://example.com/x", "one", fsstore.VerdictQueued); got != 2 {
			t.Errorf("when all have left, one is told %d s", got)
		}
	})
}

// Who waits for one artifact waits by one watch, and the watch ends with the last of them.
func TestOneWatchForAllWhoWait(t *testing.T) {
	s, err := fsstore.Open(t.TempDir()+"/data", fsstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const url = "https://example.com/x"
	if _, err := s.Add(fsstore.Addition{URL: url}, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	c := New(s, 100)
	var waiters []*Waiter
	for range 50 {
		waiters = append(waiters, c.Wait(url))
	}
	watch := c.waits.watches
	if len(watch) != 1 || c.Held() != 50 {
		t.Errorf("%d watches for %d", len(watch), c.Held())
	}
	for _, w := range waiters {
		w.Leave()
	}
	if len(watch) != 0 || c.Held() != 0 {
		t.Errorf("%d watches are left, %d wait", len(watch), c.Held())
	}
}
