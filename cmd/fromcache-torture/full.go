package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/torture"
)

// fullDisk: threat 4. A tmpfs is filled, then its inodes, then both are freed,
// again and again, while a server holds an artifact and has jobs to fetch. Hits
// are answered all the time; what was approved is held once there is room.
func fullDisk(p *program, rounds int, row *torture.Row) {
	if !mayMount(row, "mount") {
		return
	}
	for _, kind := range []string{"size=24m,nr_inodes=5000", "size=64m,nr_inodes=160"} {
		if err := p.fill(kind, rounds, row); err != nil {
			row.Violated("%s: %v", kind, err)
		}
	}
}

func (p *program) fill(options string, rounds int, row *torture.Row) error {
	m, err := p.newTmpfs(options)
	if err != nil {
		return err
	}
	defer m.close()
	l := m.on(p, "data")
	defer l.close()
	held := "/900000/held.bin"
	l.hold(held)
	s, ok := l.serve(row, nil)
	if !ok {
		return nil
	}
	for n := range rounds {
		caught := l.url(fmt.Sprintf("/slow/500000/caught-%d.bin", n))
		if err := l.halfWay(s, caught); err != nil {
			return err
		}
		undo := stuff(m.dir, strings.HasPrefix(options, "size=24m"))
		url := p.origin.URL + fmt.Sprintf("/%d/late-%d.bin", 400_000, n)
		code, _, err := s.get(url)
		if err != nil || code != http.StatusNotFound {
			row.Violated("%s, round %d: a miss on a full disk: %d, %v", options, n, code, err)
		}
		l.known.Bodies[url] = digest(body(strings.TrimPrefix(url, p.origin.URL), 0))
		taken := false
		if code, err := s.post("/admin/fetch", "url", url); err == nil && code == http.StatusSeeOther && l.exists("*/"+torture.KeyOf(url)+"*") {
			l.known.Queued = append(l.known.Queued, url)
			taken = true
			row.Tried("jobs taken on a full disk", 1)
		}
		answers(l, s, held, options, row)
		if err := undo(); err != nil {
			return err
		}
		row.Tried("fills", 1)
		if err := l.roomAgain(s, caught, true, false); err != nil {
			row.Violated("%s, round %d, under way: %v", options, n, err)
		}
		if err := l.roomAgain(s, url, taken, n == 0 && p.long); err != nil {
			row.Violated("%s, round %d: %v", options, n, err)
		}
	}
	l.end(options, s, row)
	return nil
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

// stuff fills a file system's bytes or its inodes, and returns what frees them.
func stuff(dir string, bytes bool) (undo func() error) {
	if bytes {
		path := dir + "/filler"
		f, err := os.Create(path)
		for b := make([]byte, 64<<10); err == nil; {
			_, err = f.Write(b)
		}
		f.Close()
		return func() error { return os.Remove(path) }
	}
	os.Mkdir(dir+"/fillers", 0o700)
	for i := 0; ; i++ {
		f, err := os.Create(fmt.Sprintf("%s/fillers/%d", dir, i))
		if err != nil {
			return func() error { return os.RemoveAll(dir + "/fillers") }
		}
		f.Close()
	}
}

// forget makes room for the next round.
func (l *lab) forget(store *fsstore.Store, url string) error {
	l.known.Queued = slices.DeleteFunc(l.known.Queued, func(u string) bool { return u == url })
	err := store.Evict(torture.KeyOf(url), by)
	_, clearErr := store.Clear(by)
	_, gcErr := store.GC(fsstore.GCOptions{Older: time.Nanosecond})
	return errors.Join(err, clearErr, gcErr)
}

// roomAgain: what was taken on the full disk is fetched now, and nobody asks for
// it again. A job that waits is due later than anyone wants to wait here, but
// for once.
func (l *lab) roomAgain(s *server, url string, taken, patient bool) error {
	store := l.open()
	defer store.Close()
	if !taken {
		if _, err := store.Add(fsstore.Addition{URL: url}, by); err != nil {
			return fmt.Errorf("with room again: %w", err)
		}
	}
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := store.Lookup(url); err == nil && !l.exists("active/*") && !l.exists("queue/*") {
			return l.forget(store, url)
		}
		if !patient {
			l.hurry(store)
		}
	}
	return fmt.Errorf("%s is not fetched although there is room: %s\n%s", url, l.ls(), s.text())
}
