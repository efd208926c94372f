package torture

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"fromcache/cmd/fromcache-torture/judge"
	"fromcache/fsstore"
)

// restores are the ways in which somebody copies an old tree over a live one:
// as one should, with what came since removed, with the server's own files
// removed too, and without the temporary names that rsync writes to otherwise.
// Slowly, so that metas stand for a while whose blobs are gone.
var restores = []string{
	"rsync -a",
	"rsync -a --delete --ignore-times --bwlimit=2M --exclude=/tmp --exclude=/session-secret",
	"rsync -a --delete --ignore-times --bwlimit=2M",
	"rsync -a --inplace --bwlimit=400",
}

// TestRestore: threat 13. An old copy comes back under a live server, while clients
// ask and a worker fetches: each answer is a miss or the true bytes, and fsck
// --repair and a retry of what it names make the tree sound.
func TestRestore(t *testing.T) {
	p, row := begin(t, "13 an old copy restored")
	rounds := size(4, 100)
	needs(row, "rsync")
	l, s := p.serving(row, nil)
	defer l.close()
	urls := []string{p.origin.URL + one}
	for n := range rounds {
		way := restores[n%len(restores)]
		urls = l.more(s, urls, n, 0)
		l.quiet(row, "before the copy")
		dir := fmt.Sprintf("%s/old-%d", l.root, n)
		if err := l.backUp(dir); err != nil {
			row.Errorf("copy %d: %v", n, err)
			return
		}
		old := p.labOn(row, dir)
		copied := old.urls()
		old.close()
		urls = l.more(s, urls, n, 1)
		s.post("/admin/evict", "key", judge.KeyOf(urls[1]))
		l.loseBlobs(copied)
		l.restoreUnder(s, way+" "+dir+"/ "+l.data+"/", urls, row)
		os.RemoveAll(dir)
		l.mend(s, fmt.Sprintf("restore %d, %s", n, way), copied, row)
		row.Tried("restores", 1)
		if row.Failed() {
			break // the next would only say it again
		}
	}
	l.end("restore", s, row)
	row.AtLeast(size(100, 2000), "answers")
}

// loseBlobs is why somebody restores: the newest artifacts of the copy have no
// bytes any more.
func (l *lab) loseBlobs(copied []string) {
	for _, url := range copied[max(0, len(copied)-4):] {
		path := strings.TrimPrefix(url, l.p.origin.URL)
		if path != one {
			os.Remove(l.data + "/blobs/" + digest(body(path, 0)))
		}
	}
}

// more has a few more URLs fetched, one of them for some time.
func (l *lab) more(s *server, urls []string, n, turn int) []string {
	for i := range 3 {
		urls = append(urls, l.url(fmt.Sprintf("/%d/old-%d-%d-%d.bin", 300+i*90_000, n, turn, i)))
	}
	urls = append(urls, l.url(fmt.Sprintf("/slow/%d/old-%d-%d.bin", 100_000, n, turn)))
	for _, url := range urls[len(urls)-4:] {
		s.post("/admin/fetch", "url", url)
	}
	return urls
}

// restoreUnder runs the copy while clients ask for everything, the newest first.
func (l *lab) restoreUnder(s *server, command string, urls []string, row *Row) {
	recent := urls[max(0, len(urls)-30):]
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
					l.p.trueOrMiss(s, recent[n%len(recent)], row)
				}
			}
		})
	}
	if err := sh("%s || test $? = 24", command); err != nil {
		row.Errorf("%v", err)
	}
	close(stop)
	clients.Wait()
	if s.Dead() {
		row.Errorf("the server died:\n%s", s.Text())
	}
}

// mend is what the README tells an operator to do, and what must come of it:
// what the old copy held is held again.
func (l *lab) mend(s *server, what string, copied []string, row *Row) {
	l.quiet(row, what)
	if out, err := exec.Command(l.p.path, "--data-dir", l.data, "fsck", "--repair").CombinedOutput(); err != nil && !strings.Contains(string(out), " problems, ") {
		row.Errorf("%s: fsck --repair: %v\n%s", what, err, out)
	}
	l.fetchLost(l.open())
	l.quiet(row, what+", repaired")
	l.say(row, what+", repaired", append(l.judge(), fsckLines(l.open())...))
	for _, url := range copied {
		if code := l.p.trueOrMiss(s, url, row); code != 200 {
			row.Errorf("%s: the copy held %s, and it is answered with %d", what, url, code)
		}
	}
}

// quiet waits for the end of all work.
func (l *lab) quiet(row *Row, what string) {
	store := l.open()
	defer store.Close()
	err := until("all work is over", func() bool {
		l.hurry(store)
		queue, err1 := store.Count(fsstore.Queue)
		active, err2 := store.Count(fsstore.Active)
		return queue+active == 0 && err1 == nil && err2 == nil
	})
	if err != nil {
		row.Errorf("%s: %v: %s", what, err, l.ls())
	}
}
