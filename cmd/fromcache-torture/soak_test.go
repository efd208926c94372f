package torture

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSoak: threat 21. A server lives through round after round of everything that
// clients and operators do, some of it broken off half-way. What it takes after
// a tenth of them it takes at the end: descriptors, threads, memory, and files.
func TestSoak(t *testing.T) {
	p, row := begin(t, "21 leaks")
	rounds := size(100, 20_000)
	l := p.newLab(row)
	defer l.close()
	l.hold(slowPath)
	l.hold(one)
	s := l.serve(row, nil)
	asked := p.origin.sum.Load()
	each(upTo(rounds/10), func(n int) { l.live(s, n, row) })
	before := l.takes(s)
	each(upTo(rounds-rounds/10), func(n int) { l.live(s, rounds/10+n, row) })
	if err := until("its descriptors are as before", func() bool { return l.takes(s).descriptors <= before.descriptors+4 }); err != nil {
		row.Errorf("%v: %v, then %v", err, before, l.takes(s))
	}
	after := l.takes(s)
	if after.threads > before.threads+16 || after.kib > before.kib+48<<10 || after.temporary > before.temporary+8 {
		row.Errorf("it takes more and more: %v, then %v", before, after)
	}
	row.Note("after a tenth: %v; after all: %v", before, after)
	row.Tried("rounds", rounds)
	row.Tried("fetches", int(p.origin.sum.Load()-asked))
	row.AtLeast(size(20, 1000), "fetches")
	l.end("soak", s, row)
}

// taken is what a server has of the machine.
type taken struct{ descriptors, threads, kib, temporary int }

func (t taken) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %d KiB, %d files in tmp/", t.descriptors, t.threads, t.kib, t.temporary)
}

func (l *lab) takes(s *server) taken {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", s.cmd.Process.Pid))
	time.Sleep(100 * time.Millisecond)
	return taken{descriptors(s), len(threads), memory(s, "VmRSS"), l.count("tmp")}
}

// live is one round: a hit, a miss, a page, a fetch and its end, and three
// clients that hang up, the last of them on a stream of events.
func (l *lab) live(s *server, n int, row *Row) {
	if code := l.p.trueOrMiss(s, l.p.origin.URL+one, row); code != http.StatusOK {
		row.Errorf("round %d: what is held: %d", n, code)
	}
	path := fmt.Sprintf("/%d/soak-%d.bin", 100+n%5000, n%50) // the same few again and again
	k := l.key(path)
	s.get(l.p.origin.URL + path)
	s.post("/admin/approve", "key", k)
	s.post("/admin/evict", "key", k)
	s.post("/admin/dismiss", "key", k)
	for _, page := range []string{"/", "/downloads", "/artifacts", "/nothing"} {
		s.look(page)
	}
	for _, request := range []string{
		"GET /blob?url=" + url.QueryEscape(l.p.origin.URL+slowPath) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /blob?url=x HTTP/1.1\r\nHo",
		"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		l.hangUp(s, request)
	}
	os.Remove(l.data + "/done/" + k + ".job")
}

// hangUp reads a little of an answer, and goes.
func (l *lab) hangUp(s *server, request string) {
	c, err := net.DialTimeout("tcp", s.addr, 10*time.Second)
	if err != nil {
		return
	}
	defer c.Close()
	io.WriteString(c, request)
	c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	io.ReadFull(c, make([]byte, 1000))
}
