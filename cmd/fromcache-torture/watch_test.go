package torture

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestLostWatch: threat 11. No event tells of what is moved, for the system gives
// the server no watch, or the directory that was watched is another now: the
// ticker does the work.
func TestLostWatch(t *testing.T) {
	p, row := begin(t, "11 lost watches")
	rounds := size(1, 20)
	var all sync.WaitGroup
	for _, limit := range []string{"max_inotify_instances", "max_inotify_watches"} {
		all.Go(func() { p.withoutWatch(limit, rounds, row) })
	}
	all.Go(func() { p.otherDirectory(rounds, row) })
	all.Wait()
}

func (p *program) otherDirectory(rounds int, row *Row) {
	l, s := p.serving(row, nil)
	defer l.close()
	for n := range rounds {
		for i, swap := range []string{
			"mv queue ../away; mv ../away queue",
			"cp -a queue ../other; mv queue ../away; mv ../other queue; rm -r ../away",
			"rmdir queue; mkdir -m 2770 queue",
		} {
			if err := sh("cd %s; %s", l.data, swap); err != nil {
				row.Errorf("%v", err)
			}
			l.moveIn(s, fmt.Sprintf("/75/swap-%d-%d.bin", n, i), swap, row)
			row.Tried("directories put in another's place", 1)
		}
	}
	l.end("lost watch", s, row)
}

// withoutWatch runs a server in a user namespace that may have none.
func (p *program) withoutWatch(limit string, rounds int, row *Row) {
	prefix := []string{"unshare", "--user", "--map-root-user", "sh", "-c", "echo 0 >/proc/sys/user/" + limit + ` && exec "$0" "$@"`}
	if out, err := exec.Command(prefix[0], append(prefix[1:], "true")...).CombinedOutput(); err != nil {
		row.Note("%s can't be set in a user namespace here: not tried: %s", limit, strings.TrimSpace(string(out)))
		return
	}
	l, s := p.serving(row, prefix)
	defer l.close()
	for n := range rounds {
		l.moveIn(s, fmt.Sprintf("/75/%s-%d.bin", limit, n), limit, row)
		row.Tried("moves that no event told of", 1)
	}
	if !strings.Contains(s.Text(), "watch") {
		row.Errorf("%s is 0, and the log says nothing of a watch", limit)
	}
	l.end(limit, s, row)
}

// moveIn has a client ask, approves by a shell's mv, and waits for the artifact.
func (l *lab) moveIn(s *server, path, what string, row *Row) {
	url := l.url(path)
	s.get(url)
	k := l.key(path)
	if err := until("the miss is noted", func() bool { return l.exists("misses/" + k) }); err != nil {
		row.Errorf("%s: %v", what, err)
		return
	}
	l.move("misses/"+k, "queue/"+k)
	l.known.Queued = append(l.known.Queued, url)
	if err := until("it is done", func() bool { return l.exists("done/" + k + ".job") }); err != nil {
		row.Errorf("%s: %v: %s\n%s", what, err, l.ls(), s.Text())
		return
	}
	answers(l, s, one, what, row)
}
