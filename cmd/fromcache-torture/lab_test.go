package torture

import (
	"bytes"
	"context"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
	"fromcache/fsstore"
	"fromcache/fsstore/fetch"
)

// lab is one data directory and what is known of it.
type lab struct {
	p     *program
	row   *Row
	root  string // holds data/, and what must not change beside it
	data  string
	known judge.Known
	asked []string // URLs that were asked to be evicted
	files []string // globs that must match something from now on
	rot   bool     // a blob was spoilt: nothing is judged until fsck has repaired
	cut   bool     // the power was: misses, which are not fsynced, may be empty until then

	servers []*server // end with it at the latest
}

func (p *program) newLab(row *Row) *lab {
	root, err := os.MkdirTemp(p.temp, "lab-")
	row.must(err)
	l := &lab{p: p, row: row, root: root, data: filepath.Join(root, "data")}
	l.known.Bodies = map[string]string{}
	return l
}

// labOn is a lab whose data directory is elsewhere: on a mount, or a copy.
func (p *program) labOn(row *Row, data string) *lab {
	l := p.newLab(row)
	l.data = data
	return l
}

// serving is a lab where one is held, with a server on it. It is for the caller
// to close.
func (p *program) serving(row *Row, prefix []string, flags ...string) (*lab, *server) {
	l := p.newLab(row)
	l.hold(one)
	return l, l.serve(row, prefix, flags...)
}

// close comes before the end of the file system that the tree is on.
func (l *lab) close() {
	l.killServers()
	os.RemoveAll(l.root)
}

func (l *lab) killServers() {
	for _, s := range l.servers {
		if !s.Dead() {
			s.Kill()
		}
	}
}

// serve starts a server on the tree. The part ends if that does not start.
func (l *lab) serve(row *Row, prefix []string, flags ...string) *server {
	s, err := l.p.serve(l.data, prefix, flags...)
	if err != nil {
		row.Fatalf("no server starts: %v", err)
	}
	l.servers = append(l.servers, s)
	return s
}

// url is an origin's URL, whose true bytes are known from now on.
func (l *lab) url(path string) string {
	u := l.p.origin.URL + path
	l.known.Bodies[u] += " " + digest(body(path, 0)) + " " + digest(body(path, 1))
	return u
}

func (l *lab) open() *fsstore.Store {
	s, err := fsstore.Open(l.data, fsstore.Options{})
	l.row.must(err)
	return s
}

var by = fsstore.Operator{Via: "cli", Addr: "torture"}

// add queues a URL, before anything goes wrong.
func (l *lab) add(url string) {
	_, err := l.open().Add(fsstore.Addition{URL: url}, by)
	l.row.must(err)
	l.known.Queued = append(l.known.Queued, url)
}

// hold makes the bytes of a path held, by the way of put.
func (l *lab) hold(path string) *fsstore.Artifact {
	b := body(path, 0)
	add := fsstore.Addition{URL: l.url(path), AcceptAny: true}
	a, err := l.open().Put(add, bytes.NewReader(b), int64(len(b)), by, func(int64) error { return nil })
	l.row.must(err)
	l.known.Held = append(l.known.Held, l.url(path))
	return a
}

// fetchLost plays the operator who has fetched again what fsck names.
func (l *lab) fetchLost(s *fsstore.Store) {
	for a, err := range s.Artifacts() {
		if err != nil || s.Lost(a) == "" {
			continue
		}
		if err := s.Retry(a.Key, by); err != nil {
			_, _ = s.Add(fsstore.Addition{URL: a.URL}, by)
		}
	}
}

// fetched is hold by the way of a download, before a server runs.
func (l *lab) fetched(path string) *fsstore.Artifact {
	s := l.open()
	name, err := s.Add(fsstore.Addition{URL: l.url(path)}, by)
	l.row.must(err)
	c, err := s.Claim(name)
	if err != nil || c == nil {
		l.row.Fatal("claim: ", err)
	}
	return l.fill(c, path)
}

// fill ends a claim with the bytes of its path.
func (l *lab) fill(c *fsstore.Claim, path string) *fsstore.Artifact {
	b := body(path, 0)
	part, err := c.Part(context.Background(), false)
	if err == nil {
		_, err = part.Write(b)
	}
	l.row.must(err)
	a, err := c.Publish(part, fsstore.Origin{Header: map[string]string{"Etag": etag(b)}})
	l.row.must(err)
	l.known.Held = append(l.known.Held, l.url(path))
	return a
}

// half leaves a job in queue/ and the first half of its bytes in tmp/.
func (l *lab) half(path string) {
	url := l.url(path)
	l.add(url)
	c, err := l.open().Claim(judge.KeyOf(url) + ".job")
	if err != nil || c == nil {
		l.row.Fatal("claim: ", err)
	}
	b := body(path, 0)
	part, err := c.Part(context.Background(), false)
	if err == nil {
		_, err = part.Write(b[:len(b)/2])
	}
	if err == nil {
		err = c.Start(fsstore.Started{Size: int64(len(b)), ETag: etag(b)})
	}
	if err == nil {
		err = c.Requeue("half")
	}
	l.row.must(err)
}

// exists reports whether a glob below data/ matches.
func (l *lab) exists(glob string) bool {
	list, _ := filepath.Glob(l.data + "/" + glob)
	return len(list) > 0
}

// judge compares the tree with what is known.
func (l *lab) judge() []string {
	if l.rot {
		return nil
	}
	found := judge.Check(l.data, l.known)
	for _, glob := range l.files {
		if !l.exists(glob) {
			found = append(found, "I2: "+glob+" was acknowledged, and is not there")
		}
	}
	return found
}

// finish lets a sound server do what is left, without any waiting between
// attempts: what it must come to is that everything approved is held.
func (l *lab) finish() []string {
	s, err := fsstore.Open(l.data, fsstore.Options{})
	if err != nil {
		return []string{"the tree can't be opened: " + err.Error()}
	}
	if l.rot || l.cut {
		if _, err := s.Fsck(context.Background(), fsstore.FsckOptions{Repair: true}); err != nil {
			return []string{"fsck: " + err.Error()}
		}
		l.fetchLost(s)
		l.rot, l.cut = false, false
	}
	pool, err := fetch.New(s, fetch.Options{
		AllowOrigin: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Backoff:     1, MaxBackoff: 1, Interval: 10 * time.Millisecond,
	})
	if err != nil {
		return []string{err.Error()}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- pool.Run(ctx) }()
	idle := l.settle(s)
	cancel()
	<-ended
	if !idle {
		return append([]string{"work is left that nothing finishes: " + l.ls()}, l.judge()...)
	}
	if _, err := s.GC(fsstore.GCOptions{}); err != nil {
		return []string{"gc: " + err.Error()}
	}
	l.known.Settled = true
	return append(l.judge(), fsckLines(s)...)
}

func fsckLines(s *fsstore.Store) (found []string) {
	r, err := s.Fsck(context.Background(), fsstore.FsckOptions{})
	if err != nil {
		found = append(found, "fsck: "+err.Error())
	}
	for _, p := range r.Problems {
		found = append(found, "fsck: "+p.Path+": "+p.Text)
	}
	return found
}

// settle plays the operator who retries what failed and waits for nothing. It
// gives up when no job has ended for a minute.
func (l *lab) settle(s *fsstore.Store) bool {
	least, end := math.MaxInt, time.Now().Add(time.Minute)
	for ; time.Now().Before(end); time.Sleep(4 * time.Millisecond) {
		if s.Recover() != nil {
			continue
		}
		l.hurry(s)
		failed := l.retry(s)
		queue, err1 := s.Count(fsstore.Queue)
		active, err2 := s.Count(fsstore.Active)
		if err1 != nil || err2 != nil {
			continue
		}
		left := queue + active + failed
		if left == 0 {
			return true
		}
		if left < least {
			least, end = left, time.Now().Add(time.Minute)
		}
	}
	return false
}

// retry queues what failed, and reports how many jobs had.
func (l *lab) retry(s *fsstore.Store) int {
	failed, _ := s.Jobs(fsstore.Failed)
	for _, j := range failed {
		s.Retry(j.Name, by)
	}
	return len(failed)
}

// hurry makes jobs due that wait for a later attempt.
func (l *lab) hurry(s *fsstore.Store) {
	list, _ := s.Jobs(fsstore.Queue)
	for _, j := range list {
		if !j.Due.After(time.Now()) {
			continue
		}
		f, err := os.OpenFile(l.data+"/queue/"+j.Name, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			f.WriteString("after 2000-01-01T00:00:00Z\n")
			f.Close()
		}
	}
}

// ls names what is in the spool.
func (l *lab) ls() string {
	var all []string
	for _, dir := range []string{"queue", "active", "failed"} {
		list, _ := filepath.Glob(l.data + "/" + dir + "/*")
		for _, path := range list {
			b, _ := os.ReadFile(path)
			lines := strings.Split(strings.TrimSpace(string(b)), "\n")
			all = append(all, strings.TrimPrefix(path, l.data+"/")+" ("+lines[len(lines)-1]+")")
		}
	}
	return strings.Join(all, ", ")
}
