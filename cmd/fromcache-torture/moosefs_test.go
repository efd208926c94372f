package torture

import (
	"os"
	"testing"
	"time"

	"fromcache/cmd/internal/moosefs"
)

// TestMooseFS: threat 12. Two servers that each see the directory through a
// mount of its own, where no event tells one of the other's moves, and flock
// may be a matter of each.
func TestMooseFS(t *testing.T) {
	p, row := begin(t, "12 two servers, two mounts")
	jobs := size(60, 2000)
	if why := moosefs.Missing(); why != "" {
		row.Skip(why)
	}
	dir, err := os.MkdirTemp(p.temp, "moosefs-")
	if err != nil {
		row.Fatal(err)
	}
	os.Chmod(p.temp, 0o755)
	os.Chmod(dir, 0o755)
	m, err := moosefs.Start(dir)
	if m != nil {
		defer m.Close()
	}
	if err != nil {
		row.Errorf("MooseFS does not come up: %v", err)
		return
	}
	l, other := p.labOn(row, m.Mounts[0]+"/data"), p.labOn(row, m.Mounts[1]+"/data")
	defer l.close()
	defer other.close()
	l.open()
	for _, at := range []*lab{l, other} {
		at.serve(row, nil)
	}
	lists, err := l.feed("/95/moose-%d.bin", jobs)
	if err == nil {
		err = within(10*time.Minute, "all are done", func() bool { return l.count("done") >= jobs+lists })
	}
	if err != nil {
		row.Errorf("%d of %d are done: %v: %s", l.count("done"), jobs, err, l.ls())
	}
	l.killServers()
	other.killServers()
	p.onceEach("/95/moose-%d.bin", jobs, row)
	for _, v := range l.finish() {
		row.Errorf("finished: %s", v)
	}
}
