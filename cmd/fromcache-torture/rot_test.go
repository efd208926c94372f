package torture

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
)

// TestRot: threat 15. One bit flips in each blob; fsck finds each, and so does the
// scrub of a server, takes it out of service, and all are fetched again.
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
	if err := within(10*time.Minute, "the scrub has found all", func() bool { return len(judge.Check(l.data, l.known)) == 0 }); err != nil {
		row.Errorf("%v: %d are not sound", err, len(judge.Check(l.data, l.known)))
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
}
