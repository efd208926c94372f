package health_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/health"
	"fromcache/fsstore/internal/storetest"
)

// TestAClockSetBack: what a worker put off by a clock that was ahead is due when
// that has been set back. What a person put off is not.
func TestAClockSetBack(t *testing.T) {
	s := storetest.TestStore(t)
	put := func(name, text string) {
		if err := os.WriteFile(storetest.JobPath(s, fsstore.Queue, name+".job"), []byte(text), 0o660); err != nil {
			t.Fatal(err)
		}
	}
	url := "https://example.com/%.run\n"
	put(storetest.KeyOf(t, "https://example.com/1.run"), strings.ReplaceAll(url, "%", "1")+"2099-01-01T00:00:00Z error 503, after 2099-01-01T00:00:30Z\n")
	put(storetest.KeyOf(t, "https://example.com/2.run"), strings.ReplaceAll(url, "%", "2")+"after 2099-01-01T00:00:00Z\n")
	put(storetest.KeyOf(t, "https://example.com/3.run"), strings.ReplaceAll(url, "%", "3")+"2020-01-01T00:00:00Z wait x, after 2099-01-01T00:00:00Z\n")
	due, err := s.Due()
	if err != nil || len(due) != 1 || !strings.Contains(due[0], "1.run") {
		t.Fatalf("due: %q, %v", due, err)
	}
	jobs, err := s.Jobs(fsstore.Queue)
	if err != nil || strings.Contains(jobs[0].Note, "again at") || jobs[0].PutOff || jobs[1].Note != "put off: not before 2099-01-01T00:00:00Z" || !jobs[1].PutOff {
		t.Errorf("%+v, %v", jobs, err)
	}
	storetest.MustClaim(t, s, due[0])
}

// TestClockBook: a step is told for an hour or until it is taken back; slewing
// and a sleep of the machine are no steps.
func TestClockBook(t *testing.T) {
	var c health.Clock
	wall, up := time.Date(2030, 1, 31, 2, 0, 0, 0, time.UTC), time.Hour
	for i, x := range []struct{ wall, up, off time.Duration }{
		{0, 0, 0},
		{10 * time.Second, 10 * time.Second, 0},
		{8 * time.Hour, 8 * time.Hour, 0},                           // slept
		{9 * time.Second, time.Second, 0},                           // slewed
		{time.Hour + time.Second, time.Second, time.Hour},           // set forward
		{time.Minute, time.Minute, time.Hour},                       // still
		{-30 * time.Minute, 0, 30 * time.Minute},                    // half of it taken back
		{59 * time.Minute, 59 * time.Minute, 30 * time.Minute},      //
		{2 * time.Minute, 2 * time.Minute, 0},                       // an hour is over
		{-25 * time.Hour, time.Second, -25*time.Hour - time.Second}, // set back
		{25*time.Hour + time.Second, 0, 0},                          // and right again
	} {
		wall, up = wall.Add(x.wall), up+x.up
		if off := c.Update(wall, up); off != x.off {
			t.Errorf("%d: off by %v, want %v", i, off, x.off)
		}
	}
}
