package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRot: threat 15. One bit flips in each blob; fsck finds each, and so does the
// scrub of a server, and takes it out of service, so that all can be fetched again.
func TestRot(t *testing.T) {
	p, row := begin(t, "15 bit rot")
	n := size(60, 1000)
	l := p.newLab(row)
	defer l.close()
	l.flipBits(n)
	out, _ := exec.Command(p.path, "--data-dir", l.data, "fsck", "--repair").CombinedOutput()
	if found := strings.Count(string(out), "repaired: blobs/"); found != n {
		row.Errorf("%d of %d flipped bits were found", found, n)
	}
	l.say(row, "finished", l.finish())
	row.Tried("flipped bits found by fsck", n)
	p.scrubbed(n, row)
}

func (p *program) scrubbed(n int, row *Row) {
	l := p.newLab(row)
	defer l.close()
	l.flipBits(n)
	s := l.serve(row, nil, "--scrub-rate", "1GiB")
	rotten := func() int {
		list, _ := filepath.Glob(l.data + "/tmp/*.rotten")
		return len(list)
	}
	if err := within(10*time.Minute, "the scrub has found all", func() bool { return rotten() == n }); err != nil {
		row.Errorf("%v: %d of %d are out of service", err, rotten(), n)
	}
	row.Tried("by the scrub", n)
	l.end("scrub", s, row)
}

func (l *lab) flipBits(n int) {
	for i := range n {
		a := l.fetched(fmt.Sprintf("/%d/rot-%d.bin", 100+i*13, i))
		path := l.data + "/blobs/" + a.SHA256
		b, _ := os.ReadFile(path)
		b[(i*7919)%len(b)] ^= 1 << (i % 8)
		os.Chmod(path, 0o644)
		os.WriteFile(path, b, 0o644)
	}
	l.rot = true
}
