package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// moose is a MooseFS of one master and one chunk server, in a network namespace
// of its own, mounted twice: what two machines see that share a directory.
type moose struct {
	dir, netns string
	mounts     [2]string
}

// newMoose writes the configuration and starts all of it.
func (p *program) newMoose() (*moose, error) {
	dir, err := os.MkdirTemp(p.temp, "moosefs-")
	if err != nil {
		return nil, err
	}
	os.Chmod(p.temp, 0o755)
	os.Chmod(dir, 0o755)
	m := &moose{dir: dir, netns: fmt.Sprintf("fromcache-%d", os.Getpid())}
	for name, text := range map[string]string{
		"exports.cfg": "10.99.0.0/24 / rw,alldirs,maproot=0\n",
		"hdd.cfg":     dir + "/chunks\n",
		"master.cfg": fmt.Sprintf("WORKING_USER = root\nWORKING_GROUP = root\nDATA_PATH = %s/master\nEXPORTS_FILENAME = %s/exports.cfg\n"+
			"MATOML_LISTEN_HOST = 10.99.0.1\nMATOCS_LISTEN_HOST = 10.99.0.1\nMATOCL_LISTEN_HOST = 10.99.0.1\n", dir, dir),
		"chunk.cfg": fmt.Sprintf("WORKING_USER = root\nWORKING_GROUP = root\nDATA_PATH = %s/chunkdata\nHDD_CONF_FILENAME = %s/hdd.cfg\n"+
			"MASTER_HOST = 10.99.0.1\nCSSERV_LISTEN_HOST = 10.99.0.1\nHDD_LEAVE_SPACE_DEFAULT = 64MiB\n", dir, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	m.mounts = [2]string{dir + "/a", dir + "/b"}
	err = sh(`cd %s; mkdir master chunkdata chunks a b; printf 'MFSM NEW' > master/metadata.mfs
		ip netns add %s; ip -n %s link set lo up
		ip -n %s link add m0 type veth peer name m1; ip -n %s addr add 10.99.0.1/24 dev m0
		ip -n %s link set m0 up; ip -n %s link set m1 up
		in="nsenter --net=/run/netns/%s"
		$in mfsmaster -c master.cfg start >&2; $in mfschunkserver -c chunk.cfg start >&2
		for x in a b; do $in mfsmount %s/$x -H 10.99.0.1 >&2; done
		i=0; while ! sh -c 'echo x > a/probe' 2>/dev/null; do i=$((i+1)); test $i -lt 60; sleep 0.5; done; rm a/probe`,
		dir, m.netns, m.netns, m.netns, m.netns, m.netns, m.netns, m.netns, dir)
	return m, err
}

func (m *moose) close() {
	sh(`cd %s; for x in a b; do umount -l $x || true; done; in="nsenter --net=/run/netns/%s"
			$in mfschunkserver -c chunk.cfg stop || true
			$in mfsmaster -c master.cfg stop || true
			ip netns del %s`, m.dir, m.netns, m.netns)
}

// TestMooseFS: threat 12. Two servers that each see the directory through a
// mount of its own, where no event tells one of the other's moves, and flock
// may be a matter of each.
func TestMooseFS(t *testing.T) {
	p, row := begin(t, "12 two servers, two mounts")
	jobs := size(60, 2000)
	needsMounts(row, "mfsmaster", "mfschunkserver", "mfsmount", "ip", "nsenter")
	if fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		row.Skipf("no FUSE here: %v", err)
	} else {
		fuse.Close()
	}
	m, err := p.newMoose()
	defer m.close()
	if err != nil {
		row.Errorf("MooseFS does not come up: %v", err)
		return
	}
	l, other := p.labOn(row, m.mounts[0]+"/data"), p.labOn(row, m.mounts[1]+"/data")
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
