package torture

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// shortage is a way for a disk to have no room.
type shortage struct {
	name, options string   // of the tmpfs
	flags         []string // of the server
	fill          func(dir string) (undo func() error, err error)
	reserve       bool // something is left, which the server is to keep
}

const (
	minFree = 4 << 20
	half    = 200_000 // of what comes late, and of what is under way
)

// shortages begin with those that take longest: who writes until there is no
// room has to wait, and so has who is told that it will not do. Where nothing is
// left at all, or less than the reserve, nothing is begun, so that it goes on at
// once.
var shortages = []shortage{
	{name: "all but a few bytes", options: "size=24m", fill: leave(half)},
	{name: "all but the reserve and a few bytes", options: "size=12m", flags: reserve, fill: leave(minFree + half), reserve: true},
	{name: "inodes", options: "size=64m,nr_inodes=160", fill: stuffInodes},
	{name: "bytes", options: "size=24m,nr_inodes=5000", fill: stuffBytes},
	{name: "the reserve", options: "size=12m", flags: reserve, fill: leave(minFree / 2), reserve: true},
}

var reserve = []string{"--min-free", fmt.Sprint(minFree)}

// stuffBytes leaves none.
func stuffBytes(dir string) (undo func() error, err error) {
	path := dir + "/filler"
	f, err := os.Create(path)
	for b := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(b)
	}
	f.Close()
	return func() error { return os.Remove(path) }, nil
}

func stuffInodes(dir string) (undo func() error, err error) {
	os.Mkdir(dir+"/fillers", 0o700)
	for i := 0; ; i++ {
		f, err := os.Create(fmt.Sprintf("%s/fillers/%d", dir, i))
		if err != nil {
			return func() error { return os.RemoveAll(dir + "/fillers") }, nil
		}
		f.Close()
	}
}

// leave takes all bytes but so many.
func leave(bytes int64) func(dir string) (undo func() error, err error) {
	return func(dir string) (func() error, error) {
		path := dir + "/filler"
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return func() error { return os.Remove(path) }, unix.Fallocate(int(f.Fd()), 0, 0, freeAt(dir)-bytes)
	}
}

// free is what is left on a mount.
func (m *mount) free() int64 { return freeAt(m.dir) }

func freeAt(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize
}
