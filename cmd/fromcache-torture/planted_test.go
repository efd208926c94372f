package torture

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/cmd/fromcache-torture/judge"
)

// places are the directories of the tree, as the server made them.
func (l *lab) places() (dirs []string) {
	list, err := os.ReadDir(l.data)
	l.row.must(err)
	for _, e := range list {
		if e.IsDir() {
			dirs = append(dirs, e.Name())
		}
	}
	return dirs
}

// TestPlanted: threat 7. Links, FIFOs, sockets, devices and directories under every
// name that the server could take for its own, before it starts and beside it; a
// link that swaps with a file; and hard links. Nothing outside may change, and
// what is held is answered.
func TestPlanted(t *testing.T) {
	p, row := begin(t, "7 planted files")
	l := p.newLab(row)
	defer l.close()
	a := l.hold(one)
	l.add(l.url(two))
	l.beOutside()
	l.hardLinks(a.SHA256)
	outside, _ := judge.Outside(l.root, l.data)
	kinds := l.plant(row)
	s := l.serve(row, nil)
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() { l.swap(stop) })
	l.comeUpon(s, row)
	for _, path := range []string{two, linked, linkedTwice} {
		if err := until(path+", beside what is planted, is done", func() bool { return l.exists("done/" + l.key(path) + ".job") }); err != nil {
			row.Errorf("%v: %s\n%s", err, l.ls(), s.Text())
		}
	}
	time.Sleep(300 * time.Millisecond)
	close(stop)
	swapper.Wait()
	if s.Dead() {
		row.Errorf("it died:\n%s", s.Text())
	}
	if !s.Stop() { // its last flush writes to hits/ and stats/
		row.Errorf("it does not end at SIGTERM beside planted files")
	}
	if after, _ := judge.Outside(l.root, l.data); after != outside {
		row.Errorf("I6: something beside the data directory changed")
	}
	row.Tried("planted files", kinds)
	row.AtLeast(112, "planted files") // 144, but only root makes devices
	row.Tried("hard links", 4)
	l.uproot()
	l.say(row, "finished", l.finish())
	p.linksFetched(row)
}

// comeUpon has a client and an operator ask for what is planted.
func (l *lab) comeUpon(s *server, row *Row) {
	for i := range 20 {
		s.get(fmt.Sprintf("%s/50/planted-%d.bin", l.p.origin.URL, i))
		s.post("/admin/approve", "key", fmt.Sprintf("planted-%d", i))
		s.post("/admin/cancel", "id", fmt.Sprintf("planted-%d", i))
		s.bear(fmt.Sprintf("planted-%d.secret", i))
	}
	answers(l, s, one, "planted", row)
	for _, page := range []string{"/", "/downloads", "/artifacts", "/stats"} {
		if code, err := s.look(page); err != nil || code != http.StatusOK {
			row.Errorf("%s beside planted files: %d, %v", page, code, err)
		}
	}
}

// bear asks the API with a token.
func (s *server) bear(token string) {
	req, _ := http.NewRequest("GET", "http://"+s.Addr+"/api/v1/status", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	if resp, err := client.Do(req); err == nil {
		resp.Body.Close()
	}
}

// linksFetched: once each, wherever the second name is.
func (p *program) linksFetched(row *Row) {
	p.origin.mu.Lock()
	defer p.origin.mu.Unlock()
	for _, path := range []string{linked, linkedTwice} {
		if n := p.origin.asked[path] - p.origin.again[path]; n != 1 {
			row.Errorf("%s, a hard link, was fetched %d times", path, n)
		}
	}
}

// beOutside makes what links lead to: a job, and what is none. They are files of
// the lab, so that I6 judges them, and a server without a guard spoils no other.
func (l *lab) beOutside() {
	err := sh("cd %s; echo %s/60/secret.bin > secret; echo root:x:0:0:root:/root:/bin/sh > passwd", l.root, l.p.origin.URL)
	l.row.must(err)
}

const (
	linked      = "/60/linked.bin"
	linkedTwice = "/60/twice.bin"
)

// hardLinks: a blob and a part that have a name outside of the tree, a job that
// has one, and a job of two names.
func (l *lab) hardLinks(blob string) {
	for _, path := range []string{linked, linkedTwice} {
		queued(path)(l)
	}
	err := sh(`cd %s; ln data/blobs/%s blob
		printf half > part; ln part data/tmp/%s@0123456789abcdef.part
		echo %s > job; ln job data/queue/linked.job
		echo %s > data/queue/%s.job; ln data/queue/%s.job data/queue/%s.2.job`,
		l.root, blob, l.key(two), l.url(linked), l.url(linkedTwice), l.key(linkedTwice), l.key(linkedTwice), l.key(linkedTwice))
	l.row.must(err)
}

// plant makes one of each kind in each directory, under names of ours.
func (l *lab) plant(row *Row) (n int) {
	for _, dir := range l.places() {
		for i, make := range l.kinds() {
			for _, name := range l.namesIn(dir, i) {
				if err := make(l.data + "/" + dir + "/" + name); err != nil {
					row.Note("%s: %v", dir, err)
					continue
				}
				n++
			}
		}
	}
	return n
}

// namesIn are the names by which a directory's readers would take a file.
func (l *lab) namesIn(dir string, i int) []string {
	if dir == "tmp" {
		return []string{l.nameIn(dir, i), fmt.Sprintf("host-planted-%d.0000000e", i)}
	}
	return []string{l.nameIn(dir, i)}
}

func (l *lab) nameIn(dir string, i int) string {
	key := judge.KeyOf(fmt.Sprintf("%s/50/planted-%d.bin", l.p.origin.URL, i)) // that a client will ask for
	switch dir {
	case "blobs":
		return strings.Repeat(fmt.Sprintf("%02x", i), 32)
	case "meta":
		return key + ".json"
	case "active":
		return key + "@0123456789abcdef.job"
	case "tmp":
		return key + "@0123456789abcdef.part"
	case "hits":
		if i == 0 { // only hits of what is held are counted
			return l.key(one)
		}
		return key
	case "misses":
		return key
	case "stats":
		return time.Now().UTC().AddDate(0, 0, -i).Format(time.DateOnly) // today's is written to, a page reads the others
	case "tokens":
		return fmt.Sprintf("planted-%d", i)
	case "queries", "allowed":
		if i == fifo { // that of the origin is read for each URL
			return "127.0.0.1"
		}
		fallthrough
	case "denied":
		return fmt.Sprintf("planted-%d.example.com", i)
	}
	return key + ".job"
}

// fifo is the index of a FIFO in kinds: who opens one waits for ever.
const fifo = 3

func (l *lab) kinds() []func(path string) error {
	return []func(string) error{
		func(path string) error { return os.Symlink(l.root+"/passwd", path) },
		func(path string) error { return os.Symlink(l.root+"/secret", path) },
		func(path string) error { return os.Symlink(path, path) },
		func(path string) error { return unix.Mkfifo(path, 0o666) },
		func(path string) error { return os.Mkdir(path, 0o777) },
		func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o666, 0) },
		func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) }, // /dev/zero: endless
		func(path string) error { return unix.Mknod(path, unix.S_IFBLK|0o666, int(unix.Mkdev(7, 250))) },
		func(path string) error { return os.Symlink("/dev/zero", path) },
	}
}

// swap lets a job in queue/ be a file and a link in turn.
func (l *lab) swap(stop <-chan struct{}) {
	path := l.data + "/queue/example.com--swap.run--0123456789abcdef.job"
	for {
		select {
		case <-stop:
			os.Remove(path)
			return
		default:
		}
		os.WriteFile(path+".x", []byte("hello\n"), 0o660)
		os.Rename(path+".x", path)
		os.Symlink(l.root+"/secret", path+".y")
		os.Rename(path+".y", path)
	}
}

// uproot removes what was planted, and what became of it.
func (l *lab) uproot() {
	os.Remove(l.root + "/blob")
	for _, dir := range l.places() {
		list, _ := os.ReadDir(l.data + "/" + dir)
		for _, e := range list {
			planted := strings.Contains(e.Name(), "planted-") || strings.Contains(e.Name(), "--swap.run--")
			if !e.Type().IsRegular() || planted {
				os.RemoveAll(l.data + "/" + dir + "/" + e.Name())
			}
		}
	}
}
