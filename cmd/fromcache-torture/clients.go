package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fromcache/fsstore/torture"
)

// slowClients: threat 20. Clients that send their request a byte a second, and
// others that read nothing, by the thousand: a usual client is answered, memory
// stays flat, and no descriptor is left when they have gone.
func slowClients(p *program, row *torture.Row) {
	n, long := 400, 2*time.Second
	if p.long {
		n, long = 8000, 60*time.Second
	}
	l := p.newLab()
	defer l.close()
	l.hold("/8000000/large.bin")
	l.hold(one)
	s, err := p.serve(l.data, nil)
	if err != nil {
		row.Violated("%v\n%s", err, s.text())
		return
	}
	before := descriptors(s)
	var clients sync.WaitGroup
	var refused atomic.Int64
	stop := make(chan struct{})
	for i := range n {
		clients.Go(func() {
			if slowly(s.addr, p.origin.URL+"/8000000/large.bin", i%2 == 0, stop) != nil {
				refused.Add(1)
			}
		})
		if i%100 == 99 {
			time.Sleep(10 * time.Millisecond) // no burst beyond the listen backlog
		}
	}
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(long / 5) {
		answers(l, s, one, "among slow clients", row)
	}
	if kib := memory(s); kib > 512<<10 {
		row.Violated("%d KiB of memory for %d slow clients", kib, n)
	} else {
		row.Note("%d KiB resident with %d slow clients, %d of them turned away", kib, n, refused.Load())
	}
	close(stop)
	clients.Wait()
	if err := until("their descriptors are free", func() bool { return descriptors(s) <= before+8 }); err != nil {
		row.Violated("%v: %d before, %d after", err, before, descriptors(s))
	}
	row.Tried("slow clients", n)
	l.end("slow clients", s, row)
}

// slowly is one of them, until told to stop.
func slowly(addr, url string, sends bool, stop <-chan struct{}) error {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if !sends {
		c.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprintf(c, "GET /blob?url=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", url)
		<-stop
		return nil
	}
	head := "GET /blob?url=" + url + " HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 10_000)
	for i := range head {
		if _, err := c.Write([]byte{head[i]}); err != nil {
			return nil // it was cut off: well done
		}
		select {
		case <-stop:
			return nil
		case <-time.After(time.Second):
		}
	}
	return nil
}

// descriptors is how many the server has open.
func descriptors(s *server) int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	return len(list)
}

// memory is the server's resident set in KiB.
func memory(s *server) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kib, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return kib
}

// manyMisses: threat 5. Distinct URLs without end: files stay at the cap, one
// client gets no more than its tenth, and a hit is answered all the while.
func manyMisses(p *program, row *torture.Row) {
	n := 3000
	if p.long {
		n = 100_000
	}
	l := p.newLab()
	defer l.close()
	l.hold(one)
	s, err := p.serve(l.data, nil, "--max-misses", "500")
	if err != nil {
		row.Violated("%v\n%s", err, s.text())
		return
	}
	before := memory(s)
	each(upTo(n), func(i int) {
		if code, _, err := s.get(fmt.Sprintf("https://%d.example.com/%d.run", i, i)); err == nil && code != 404 {
			row.Violated("miss %d: %d", i, code)
		}
	})
	answers(l, s, one, "among misses", row)
	if files := l.count("misses"); files > 500/10 {
		row.Violated("one client made %d misses, more than its tenth of 500", files)
	}
	if after := memory(s); after > before+64<<10 {
		row.Violated("memory grew from %d to %d KiB", before, after)
	}
	row.Tried("distinct URLs", n)
	l.end("misses", s, row)
}

// copies: threat 13. rsync of a tree that is written to, judged as a backup:
// each artifact of the copy is whole or a miss, and a server starts on it.
func copies(p *program, row *torture.Row) {
	if _, err := exec.LookPath("rsync"); err != nil {
		row.Note("needs rsync, which is not installed: not run")
		return
	}
	rounds := 5
	if p.long {
		rounds = 100
	}
	l := p.newLab()
	defer l.close()
	l.hold(one)
	s, err := p.serve(l.data, nil)
	if err != nil {
		row.Violated("%v\n%s", err, s.text())
		return
	}
	for n := range rounds {
		for i := range 4 {
			s.post("/admin/fetch", "url", fmt.Sprintf("%s/%d/copy-%d-%d.bin", p.origin.URL, 300+i*9000, n, i))
		}
		dir := fmt.Sprintf("%s/copy-%d", l.root, n)
		if err := sh("mkdir %s; rsync -a %s/meta %s/; rsync -a --exclude=/tmp --exclude=/session-secret %s/ %s/ || test $? = 24", dir, l.data, dir, l.data, dir); err != nil {
			row.Violated("copy %d: %v", n, err)
			continue
		}
		p.judgeCopy(dir, row)
		os.RemoveAll(dir)
		row.Tried("copies", 1)
	}
	l.end("copies", s, row)
}

// judgeCopy asks a server on the copy for all that its metas name.
func (p *program) judgeCopy(dir string, row *torture.Row) {
	c := p.newLab()
	defer c.close()
	c.data = dir
	urls := c.heldURLs()
	s, err := p.serve(dir, nil)
	if err != nil {
		row.Violated("a server does not start on a copy: %v\n%s", err, s.text())
		return
	}
	defer s.kill()
	for _, url := range urls {
		code, b, err := s.get(url)
		path := strings.TrimPrefix(url, p.origin.URL)
		if err != nil || code != 404 && (code != 200 || digest(b) != digest(body(path, 0))) {
			row.Violated("%s of a copy: %d, %d bytes, %v", path, code, len(b), err)
		}
		row.Tried("answers", 1)
	}
}

func (l *lab) heldURLs() (urls []string) {
	for a, err := range l.open().Artifacts() {
		if err == nil {
			urls = append(urls, a.URL)
		}
	}
	return urls
}

// rot: threat 15. One bit flips in each blob; fsck finds each, takes it out of
// service, and a server fetches all again.
func rot(p *program, row *torture.Row) {
	n := 60
	if p.long {
		n = 1000
	}
	l := p.newLab()
	defer l.close()
	for i := range n {
		a := l.hold(fmt.Sprintf("/%d/rot-%d.bin", 100+i*13, i))
		path := l.data + "/blobs/" + a.SHA256
		b, _ := os.ReadFile(path)
		b[(i*7919)%len(b)] ^= 1 << (i % 8)
		os.Chmod(path, 0o644)
		os.WriteFile(path, b, 0o644)
	}
	out, _ := exec.Command(p.path, "--data-dir", l.data, "fsck", "--repair").CombinedOutput()
	if found := strings.Count(string(out), "repaired: blobs/"); found != n {
		row.Violated("%d of %d flipped bits were found", found, n)
	}
	for _, v := range l.finish() {
		row.Violated("finished: %s", v)
	}
	row.Tried("flipped bits", n)
}
