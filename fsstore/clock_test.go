package fsstore

import (
	"os"
	"strings"
	"testing"
)

// TestAClockSetBack: what a worker put off by a clock that was ahead is due when
// that has been set back. What a person put off is not.
func TestAClockSetBack(t *testing.T) {
	s := testStore(t)
	put := func(name, text string) {
		if err := os.WriteFile(s.job(Queue, name+".job"), []byte(text), 0o660); err != nil {
			t.Fatal(err)
		}
	}
	url := "https://example.com/%.run\n"
	put(keyOf(t, "https://example.com/1.run"), strings.ReplaceAll(url, "%", "1")+"2099-01-01T00:00:00Z error 503, after 2099-01-01T00:00:30Z\n")
	put(keyOf(t, "https://example.com/2.run"), strings.ReplaceAll(url, "%", "2")+"after 2099-01-01T00:00:00Z\n")
	put(keyOf(t, "https://example.com/3.run"), strings.ReplaceAll(url, "%", "3")+"2020-01-01T00:00:00Z wait x, after 2099-01-01T00:00:00Z\n")
	due, err := s.Due()
	if err != nil || len(due) != 1 || !strings.Contains(due[0], "1.run") {
		t.Errorf("due: %q, %v", due, err)
	}
	jobs, err := s.Jobs(Queue)
	if err != nil || strings.Contains(jobs[0].Note, "again at") || !strings.Contains(jobs[1].Note, "again at") {
		t.Errorf("%+v, %v", jobs, err)
	}
}
