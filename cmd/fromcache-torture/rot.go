package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"fromcache/fsstore/torture"
)

// rot: threat 15. One bit flips in each blob; fsck finds each, takes it out of
// service, and a server fetches all again.
func rot(p *program, n int, row *torture.Row) {
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
