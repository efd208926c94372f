package torture

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// Faults of a machine, threats 4 and 11: hits go on where the bytes are there,
// /healthz says what is wrong, and the server recovers by itself.

// until waits for a state that must come; how long it takes is not judged.
func until(what string, is func() bool) error { return within(time.Minute, what, is) }

func within(long time.Duration, what string, is func() bool) error {
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
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
			row.Errorf("%s: %v: %s\n%s", when, err, l.ls(), s.text())
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

func TestFewDescriptors(t *testing.T) {
	p, row := begin(t, "4 few descriptors")
	l, s := p.serving(row, []string{"prlimit", "--nofile=64"})
	defer l.close()
	var open []net.Conn
	for range 200 {
		if c, err := net.DialTimeout("tcp", s.addr, time.Second); err == nil {
			open = append(open, c)
		}
	}
	l.add(l.url(two))
	time.Sleep(300 * time.Millisecond)
	if s.dead() {
		row.Errorf("the server died of too few descriptors:\n%s", s.text())
	}
	for _, c := range open {
		c.Close()
	}
	answersSoon(l, s, one, row)
	l.worksAgain(s, "with descriptors again", row)
	row.Tried("connections past the limit", len(open))
	row.AtLeast(100, "connections past the limit")
	l.end("64 descriptors", s, row)
}

// answersSoon: the server has noticed that its clients went.
func answersSoon(l *lab, s *server, path string, row *Row) {
	if err := until("a hit", func() bool { code, _, err := s.get(l.p.origin.URL + path); return err == nil && code == 200 }); err != nil {
		row.Errorf("%v\n%s", err, s.text())
		return
	}
	answers(l, s, path, "after", row)
}

func TestReadOnly(t *testing.T) {
	p, row := begin(t, "4 a read-only disk")
	needsMounts(row, "mount")
	m, err := p.newTmpfs("size=64m")
	row.must(err)
	defer m.close()
	l := m.on(p, row, "data")
	defer l.close()
	l.hold(one)
	s := l.serve(row, nil)
	if err := until("the file system is read-only", func() bool { return sh("mount -o remount,ro %s", m.dir) == nil }); err != nil {
		row.Errorf("a file system that was mounted just now can't be made read-only, so that this was not tried: %v", err)
		return
	}
	answers(l, s, one, "read-only", row)
	if code, _, err := s.get(l.p.origin.URL + "/50/nothing.bin"); err != nil || code != 404 {
		row.Errorf("a miss on a read-only disk: %d, %v", code, err)
	}
	err = errors.Join(until("/healthz is red on a read-only disk", func() bool { return !s.healthy() }),
		sh("mount -o remount,rw %s", m.dir), until("/healthz is green again", s.healthy))
	if err != nil {
		row.Errorf("read-only: %v", err)
	}
	l.add(l.url(two))
	l.worksAgain(s, "writable again", row)
	row.Tried("read-only disks", 1)
	l.end("read-only", s, row)
}
