package torture

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
	"fromcache/fsstore"
)

// TestFullDisk: threat 4. A tmpfs is filled, its bytes or its inodes or all but the
// reserve, and freed, again and again, while a server holds an artifact and has
// jobs to fetch. Hits are answered all the time; what was approved is held once
// there is room, and nobody but the server does anything for it.
//
// A job that met a full disk comes again after half a minute, and nobody hurries
// it here. So the rounds are dealt to disks that are filled beside one another.
func TestFullDisk(t *testing.T) {
	p, row := begin(t, "4 disk or inodes full")
	rounds := size(2, 100)
	needsMounts(row, "mount")
	each(disks(rounds), func(d disk) {
		if err := p.fillDisk(d, row); err != nil {
			row.Errorf("%s: %v", d.name, err)
		}
	})
	row.AtLeast(size(4, 200), "jobs taken without room")
	row.AtLeast(size(2, 200), "waits for room")
}

// disk is one file system, with one server on it.
type disk struct {
	shortage
	rounds int
}

// disks deals the rounds of each shortage out: at most ten to a disk.
func disks(rounds int) (all []disk) {
	onEach := max(1, rounds/10)
	for _, s := range shortages {
		for left := rounds; left > 0; left -= onEach {
			all = append(all, disk{s, min(onEach, left)})
		}
	}
	return all
}

func (p *program) fillDisk(d disk, row *Row) error {
	m, err := p.newTmpfs(d.options)
	if err != nil {
		return err
	}
	defer m.close()
	l := m.on(p, row, "data")
	defer l.close()
	l.hold(fullHeld)
	s := l.serve(row, nil, d.flags...)
	for n := range d.rounds {
		if err := l.fillOnce(s, m, d.shortage, n, row); err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
	}
	row.Tried("waits for room", strings.Count(s.Text(), "download deferred"))
	l.end(d.name, s, row)
	return nil
}

const fullHeld = "/900000/held.bin"

// fillOnce is one round. A job is under way when the room goes, another comes
// while there is none.
func (l *lab) fillOnce(s *server, m *mount, short shortage, n int, row *Row) error {
	caught, late := l.url(fmt.Sprintf("/slow/500000/caught-%d.bin", n)), l.url(fmt.Sprintf("/%d/late-%d.bin", 400_000, n))
	if !short.reserve {
		if err := l.halfWay(s, caught); err != nil {
			return err
		}
	}
	undo, err := short.fill(m.dir)
	if err != nil {
		return err
	}
	if code, _, err := s.get(late); err != nil || code != http.StatusNotFound {
		row.Errorf("%s, round %d: a miss: %d, %v", short.name, n, code, err)
	}
	taken := l.comesLate(s, late)
	if taken {
		row.Tried("jobs taken without room", 1)
	}
	answers(l, s, fullHeld, short.name, row)
	if short.reserve {
		err = l.keptBack(m, late)
		answers(l, s, fullHeld, short.name, row)
	}
	if err := errors.Join(err, undo()); err != nil {
		return err
	}
	row.Tried("fills of "+short.name, 1)
	if !short.reserve {
		err = l.roomAgain(s, caught, true)
	}
	return errors.Join(err, l.roomAgain(s, late, taken))
}

// halfWay has a job under way whose bytes are still coming.
func (l *lab) halfWay(s *server, url string) error {
	code, err := s.post("/admin/fetch", "url", url)
	if err != nil || code != http.StatusSeeOther {
		return fmt.Errorf("%s is not taken: %d, %w", url, code, err)
	}
	l.known.Queued = append(l.known.Queued, url)
	return until("a download is under way", func() bool { return l.exists("tmp/*.part") })
}

// comesLate reports whether a job is taken for which there is no room.
func (l *lab) comesLate(s *server, url string) bool {
	code, err := s.post("/admin/fetch", "url", url)
	if err != nil || code != http.StatusSeeOther || !l.exists("*/"+judge.KeyOf(url)+"*") {
		return false
	}
	l.known.Queued = append(l.known.Queued, url)
	return true
}

// keptBack: a job waits in queue/, and nothing takes from the reserve.
func (l *lab) keptBack(m *mount, url string) error {
	k := judge.KeyOf(url)
	before := m.free()
	waits := func() bool { return l.exists("queue/"+k+".job") && !l.exists("active/*") }
	if err := until("what there is no room for waits in queue/", waits); err != nil {
		return fmt.Errorf("%w: %s", err, l.ls())
	}
	time.Sleep(3 * time.Second) // a server looks at queue/ every two
	if free := m.free(); !waits() || l.exists("meta/"+k+".json") || free < before-64<<10 {
		return fmt.Errorf("%s was to wait, and %d bytes to stay free: %d are: %s", url, before, free, l.ls())
	}
	return nil
}

// roomAgain: what was taken without room is fetched now, and nobody asks for it
// again or hurries it.
func (l *lab) roomAgain(s *server, url string, taken bool) error {
	store := l.open()
	defer store.Close()
	if !taken {
		if _, err := store.Add(fsstore.Addition{URL: url}, by); err != nil {
			return fmt.Errorf("with room again: %w", err)
		}
	}
	k := judge.KeyOf(url)
	held := func() bool { _, err := store.Lookup(url); return err == nil }
	err := within(roomWait, "what was approved is over, as there is room", func() bool {
		return l.exists("failed/"+k+"*") || held() && !l.exists("active/*") && !l.exists("queue/"+k+"*")
	})
	if err == nil && !held() {
		err = errors.New("it failed for want of room")
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s\n%s", url, err, l.ls(), s.Text())
	}
	return l.forget(store, url)
}

// roomWait: a shortage of a few seconds makes a job wait for 30 s, or for 60
// more where it was tried again meanwhile, and up to a quarter longer.
const roomWait = 3 * time.Minute

// forget makes room for the next round.
func (l *lab) forget(store *fsstore.Store, url string) error {
	l.known.Queued = slices.DeleteFunc(l.known.Queued, func(u string) bool { return u == url })
	err := store.Evict(judge.KeyOf(url), by)
	_, clearErr := store.Clear(by)
	_, gcErr := store.GC(fsstore.GCOptions{Older: time.Nanosecond})
	return errors.Join(err, clearErr, gcErr)
}
