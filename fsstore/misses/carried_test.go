package misses_test

import (
	"errors"
	"fmt"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/job"
)

// What an operator brings is bounded by misses/ alone, and by no share of a client. What is there
// is merged when misses/ is full, too.
func TestTakeMissUpToTheCap(t *testing.T) {
	s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{MaxMisses: 3})
	for round := range 2 {
		for i := range 5 {
			text := fmt.Sprintf("https://example.com/%d\n2026-01-02T03:04:0%dZ miss 192.0.2.1 curl/8\n", i, round)
			took, err := s.TakeMiss(&job.Parse([]byte(text)).Jobs[0])
			if took != (i < 3) || errors.Is(err, fsstore.ErrFull) != (i >= 3) {
				t.Errorf("%d: %v, %v", i, took, err)
			}
		}
	}
	jobs, err := s.Jobs(fsstore.Misses)
	storetest.Must(t, err)
	for i := range jobs {
		if n, _ := jobs[i].Job.Misses(); n != 2 {
			t.Errorf("%s: %d requests", jobs[i].Name, n)
		}
	}
	if len(jobs) != 3 {
		t.Errorf("%d misses", len(jobs))
	}
}
