package torture

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// until waits for a state that must come; how long it takes is not judged.
func until(what string, is func() bool) error { return within(time.Minute, what, is) }

func within(limit time.Duration, what string, is func() bool) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return nil
		}
	}
	return errors.New("it never comes to this: " + what)
}

// worksAgain: the server itself, and no other, does what is queued.
func (l *lab) worksAgain(s *server, when string, row *Row) {
	store := l.open()
	defer store.Close()
	for _, url := range l.known.Queued {
		k := judge.KeyOf(url)
		if err := until("what was approved is held", func() bool { l.hurry(store); return l.exists("done/"+k+".job") && l.exists("meta/"+k+".json") }); err != nil {
			row.Errorf("%s: %v: %s\n%s", when, err, l.ls(), s.Text())
			return
		}
		row.Tried("jobs after it", 1)
	}
}

// TestMovedAway: the data directory is moved away and back.
func TestMovedAway(t *testing.T) {
	p, row := begin(t, "11 data/ moved away")
	l, s := p.serving(row, nil)
	defer l.close()
	l.add(l.url(slow))
	elsewhere := l.root + "/elsewhere"
	for n := range size(2, 20) {
		url := l.url(fmt.Sprintf("/slow/40000/moved-%d.bin", n))
		s.post("/admin/fetch", "url", url)
		l.known.Queued = append(l.known.Queued, url)
		err := os.Rename(l.data, elsewhere)
		if err == nil {
			err = until("/healthz is red without a data directory", func() bool { return !s.healthy() })
		}
		s.get(l.p.origin.URL + "/50/nothing.bin")
		if _, statErr := os.Stat(l.data); statErr == nil {
			row.Errorf("an empty tree was made in place of the one that was moved away")
			os.RemoveAll(l.data)
		}
		err = errors.Join(err, os.Rename(elsewhere, l.data), until("/healthz is green again", s.healthy))
		if err != nil {
			row.Errorf("moved away, round %d: %v", n, err)
			break
		}
		answers(l, s, one, "moved back", row)
		row.Tried("moves of data/", 1)
	}
	l.worksAgain(s, "moved back", row)
	l.end("moved away", s, row)
}
