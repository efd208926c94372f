package torture

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// TestTools: threat 8. People's tools write into queue/ in pieces, with pauses; no
// half of a URL is ever asked for, and each whole one is fetched once.
func TestTools(t *testing.T) {
	p, row := begin(t, "8 people's tools")
	l := p.newLab(row)
	defer l.close()
	l.open()
	s := l.serve(row, nil)
	var hands sync.WaitGroup
	for name, script := range l.hands(row) {
		path := fmt.Sprintf("/70/%s.bin", name)
		l.known.Queued = append(l.known.Queued, l.url(path))
		hands.Go(func() {
			cmd := exec.Command("sh", "-ec", script)
			cmd.Dir = l.data
			cmd.Env = append(os.Environ(), "URL="+p.origin.URL+path, "NAME="+name, "TMPDIR="+l.root)
			if out, err := cmd.CombinedOutput(); err != nil {
				row.Errorf("%s: %v: %s", name, err, out)
			}
			row.Tried("tools", 1)
		})
	}
	hands.Wait()
	if err := until("all that was written is done", func() bool { return len(l.done()) >= len(l.known.Queued) }); err != nil {
		row.Errorf("%v: %s", err, l.ls())
	}
	p.origin.mu.Lock()
	for path, n := range p.origin.asked {
		if strings.HasPrefix(path, "/70/") && n != 1 || strings.HasPrefix(path, "/7/") {
			row.Errorf("%s was asked for %d times", path, n)
		}
	}
	p.origin.mu.Unlock()
	l.end("tools", s, row)
}

// hands are shell scripts; the pauses are shorter than the 2 s after which a
// file that ends in a newline counts as whole.
func (l *lab) hands(row *Row) map[string]string {
	all := map[string]string{
		"echo":   `echo "$URL" > queue/$NAME.job`,
		"pieces": `exec > queue/$NAME.job; printf %s "$URL" | cut -c1-20 | tr -d '\n'; sleep 3; printf '%s\n' "$URL" | cut -c21-`,
		"cp":     `echo "$URL" > "$TMPDIR/$NAME"; cp "$TMPDIR/$NAME" queue/$NAME.job; rm "$TMPDIR/$NAME"`,
		"list":   `(echo "# a list"; sleep 0.3; echo "$URL") > queue/$NAME.job`,
		"mv":     `echo "$URL" > .$NAME; mv .$NAME queue/$NAME.job`,
		"empty":  `: > queue/$NAME.job; sleep 3; echo "$URL" >> queue/$NAME.job`,
		"sed":    `printf 'hello%s\n' "$URL" > queue/.$NAME; sed -i s/^hello// queue/.$NAME; mv queue/.$NAME queue/$NAME.job`,
		"editor": `echo "# a note" > queue/$NAME.job~; printf %s "$URL" > queue/$NAME.job; sleep 1; cp queue/$NAME.job queue/.$NAME.swp; sleep 2; echo "$URL" > queue/.$NAME.new; mv queue/.$NAME.new queue/$NAME.job; rm queue/.$NAME.swp queue/$NAME.job~`,
		"dd":     `echo "$URL" | (sleep 1; dd bs=1 of=queue/$NAME.job status=none)`,
		"tee":    `(printf %s "$URL"; sleep 3; echo) | tee queue/$NAME.job > /dev/null`,
	}
	if _, err := exec.LookPath("rsync"); err == nil {
		all["rsync"] = `mkdir "$TMPDIR/$NAME"; (echo "$URL"; yes '# fill' | head -n 8000) > "$TMPDIR/$NAME/$NAME.job"; rsync --bwlimit=20 "$TMPDIR/$NAME/$NAME.job" queue/; rm -r "$TMPDIR/$NAME"`
		all["inplace"] = `mkdir "$TMPDIR/$NAME"; echo "$URL" > "$TMPDIR/$NAME/$NAME.job"; rsync --inplace "$TMPDIR/$NAME/$NAME.job" queue/; rm -r "$TMPDIR/$NAME"`
	} else {
		row.Note("rsync is not installed: not tried")
	}
	return all
}

// TestTwoServers: threat 12. Two servers on one directory, and lists of jobs before
// the last ones are done: each is fetched once, none is lost.
func TestTwoServers(t *testing.T) {
	p, row := begin(t, "12 two servers")
	jobs := size(600, 100_000)
	l := p.newLab(row)
	defer l.close()
	l.open()
	for range 2 {
		l.serve(row, nil, "--workers", "4")
	}
	lists, err := l.feed("/90/pair-%d.bin", jobs)
	if err == nil {
		err = within(5*time.Minute, "all are done", func() bool { return l.count("done") == jobs+lists })
	}
	if err != nil {
		row.Errorf("%d of %d are done: %v", l.count("done"), jobs, err)
	}
	for _, s := range l.servers {
		if s.Dead() {
			row.Errorf("a server died:\n%s", s.Text())
		}
	}
	l.killServers()
	p.onceEach("/90/pair-%d.bin", jobs, row)
	for _, v := range l.finish() {
		row.Errorf("finished: %s", v)
	}
}

// feed queues jobs in lists, the next when half of the last has been asked for:
// a queue of all would be listed again and again.
func (l *lab) feed(path string, jobs int) (lists int, err error) {
	const most = 5000
	before := l.p.origin.sum.Load()
	for from := 0; from < jobs && err == nil; from += most {
		text := new(strings.Builder)
		for i := from; i < min(from+most, jobs); i++ {
			fmt.Fprintf(text, "%s"+path+"\n", l.p.origin.URL, i)
		}
		l.write("queue/.many", text.String())
		l.move("queue/.many", fmt.Sprintf("queue/many-%d.job", lists))
		lists++
		enough := before + int64(min(from+most/2, jobs))
		err = within(10*time.Minute, "half of a list is fetched", func() bool { return l.p.origin.sum.Load() >= enough })
	}
	return lists, err
}

func (p *program) onceEach(path string, jobs int, row *Row) {
	p.origin.mu.Lock()
	defer p.origin.mu.Unlock()
	for i := range jobs {
		if n := p.origin.asked[fmt.Sprintf(path, i)]; n != 1 {
			row.Errorf("job %d was fetched %d times", i, n)
		}
	}
	row.Tried("jobs", jobs)
}

// count is the number of files in a directory.
func (l *lab) count(dir string) int {
	d, err := os.Open(l.data + "/" + dir)
	if err != nil {
		return -1
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	return len(names)
}

// TestMoves: threat 11. Bursts of moves that overflow any queue of events: none of
// the files is lost, the server goes on answering, and the last state counts.
func TestMoves(t *testing.T) {
	p, row := begin(t, "11 bursts of moves")
	files := size(17_000, 50_000)
	l, s := p.serving(row, nil)
	defer l.close()
	for i := range files { // due in a later century: moved, and not fetched
		url := fmt.Sprintf("%s/80/move-%d.bin", p.origin.URL, i)
		l.write("misses/"+judge.KeyOf(url), url+"\nafter 2999-01-01T00:00:00Z\n")
	}
	for n, way := range [][2]string{{"misses", "queue"}, {"queue", "misses"}, {"misses", "queue"}} {
		if n == 0 { // a server that reads no event meanwhile: they overflow the kernel's queue of 16,384
			syscall.Kill(s.Cmd.Process.Pid, syscall.SIGSTOP)
		}
		for i := range files {
			k := judge.KeyOf(fmt.Sprintf("%s/80/move-%d.bin", p.origin.URL, i))
			if err := os.Rename(l.data+"/"+way[0]+"/"+k, l.data+"/"+way[1]+"/"+k); err != nil {
				row.Errorf("%s was taken or lost: %v", k, err)
			}
		}
		syscall.Kill(s.Cmd.Process.Pid, syscall.SIGCONT)
		answers(l, s, one, "amid moves", row)
		row.Tried("moves", files)
	}
	l.add(l.url(two))
	if err := until("a job behind all those is done", func() bool { return l.exists("done/" + l.key(two) + ".job") }); err != nil {
		row.Errorf("%v\n%s", err, s.Text())
	}
	if !strings.Contains(s.Text(), "overflow") {
		row.Errorf("%d moves unread, and the log says nothing of an overflow", files)
	}
	if n := l.count("queue"); n != files {
		row.Errorf("%d of %d are left in queue/", n, files)
	}
	s.Kill()
	for _, v := range l.judge() {
		row.Errorf("%s", v)
	}
}
