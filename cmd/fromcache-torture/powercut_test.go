package torture

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// TestPowerCut: threat 2. A server fetches what an operator approves one after the
// other, and the file system is cut at any moment. What was acknowledged before
// must be there when it is mounted again.
func TestPowerCut(t *testing.T) {
	p, row := begin(t, "2 power cut")
	cuts := size(20, 500)
	needsMounts(row, "mkfs.ext4", "mkfs.xfs", "losetup")
	var kinds sync.WaitGroup
	for _, kind := range []string{"ext4", "xfs"} {
		kinds.Go(func() { p.cutAll(kind, cuts, row) })
	}
	kinds.Wait()
	row.AtLeast(size(40, 1000), "acknowledged")
}

func (p *program) cutAll(kind string, cuts int, row *Row) {
	m, err := p.newMount(kind)
	if err != nil {
		row.Errorf("%s: %v", kind, err)
		return
	}
	defer m.close()
	for n := range cuts {
		if err := p.cutOnce(m, n, row); err != nil {
			row.Errorf("%s, cut %d: %v", kind, n, err)
			return
		}
		row.Tried("cuts of "+kind, 1)
		if row.Failed() {
			return // the next would only say it again
		}
	}
}

func (p *program) cutOnce(m *mount, n int, row *Row) error {
	l := m.on(p, row, fmt.Sprintf("data-%d", n))
	defer l.close()
	s, err := p.serve(l.data, nil)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(uint64(n), uint64(len(m.kind))))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		l.approveMany(s, stop)
	}()
	time.Sleep(20*time.Millisecond + time.Duration(r.Int64N(int64(150*time.Millisecond))))
	close(stop)
	done := l.done()
	err = m.cut()
	s.Kill()
	<-stopped
	if err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	if err := m.again(); err != nil {
		return err
	}
	row.Tried("acknowledged", len(l.known.Queued)+len(done)+len(l.known.Evicted))
	l.known.Held = append(l.known.Held, l.without(done)...)
	l.known.Queued = l.without(l.known.Queued)
	l.cut = true
	for _, v := range l.judge() {
		row.Errorf("%s, cut %d: %s", m.kind, n, v)
	}
	if row.Failed() {
		return nil
	}
	for _, v := range l.finish() {
		row.Errorf("%s, cut %d, finished: %s", m.kind, n, v)
	}
	return os.RemoveAll(l.data)
}

// approveMany asks and approves until told to stop. What was answered before
// that counts as acknowledged; the answer that comes after it does not.
func (l *lab) approveMany(s *server, stop <-chan struct{}) {
	for i := 0; ; i++ {
		url := l.cutURL(i)
		s.get(url)
		code, err := s.post("/admin/approve", "key", judge.KeyOf(url))
		select {
		case <-stop:
			return
		default:
		}
		if err != nil {
			return
		}
		if code == 303 {
			l.known.Queued = append(l.known.Queued, url)
		}
		if i%3 == 2 && !l.evictOne(s, i-2, stop) {
			return
		}
	}
}

// cutURL is the i-th of a run.
func (l *lab) cutURL(i int) string {
	return l.p.origin.URL + fmt.Sprintf("/%d/cut-%d.bin", 100+i*317%30_000, i)
}

// evictOne takes back what was held, once its job is over. It reports whether
// the run goes on.
func (l *lab) evictOne(s *server, i int, stop <-chan struct{}) bool {
	url := l.cutURL(i)
	k := judge.KeyOf(url)
	if !l.exists("done/" + k + ".job") {
		return true
	}
	l.asked = append(l.asked, url)
	code, err := s.post("/admin/evict", "key", k)
	select {
	case <-stop:
		return false
	default:
	}
	if err == nil && code == 303 {
		l.known.Evicted = append(l.known.Evicted, url)
	}
	return err == nil
}

// without drops what was asked to be evicted: whether it is held is open until
// that is acknowledged.
func (l *lab) without(urls []string) []string {
	return slices.DeleteFunc(urls, func(url string) bool { return slices.Contains(l.asked, url) })
}

// done lists the URLs whose jobs are in done/: they have been committed.
func (l *lab) done() (urls []string) {
	list, _ := os.ReadDir(l.data + "/done")
	for _, e := range list {
		b, err := os.ReadFile(l.data + "/done/" + e.Name())
		if url, _, ok := strings.Cut(string(b), "\n"); err == nil && ok {
			urls = append(urls, url)
		}
	}
	return urls
}
