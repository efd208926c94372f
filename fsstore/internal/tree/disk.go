package tree

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// IsDiskError reports whether an error says that the disk has not kept what was
// written: wrongSum and EBADMSG are what file systems answer to a checksum that
// is wrong.
func IsDiskError(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, wrongSum) || errors.Is(err, unix.EBADMSG)
}

// BootID tells one start of the machine from all others, proc_sys_kernel(5). Where
// it can't be read each store is of a start of its own.
func BootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(b) < 8 {
		return RandomID()[:8]
	}
	return string(b[:8])
}

// DirID tells one directory from another that has its name.
type DirID struct{ Dev, ino uint64 }

func DirIDOf(st *unix.Stat_t) DirID { return DirID{uint64(st.Dev), st.Ino} }

// Now is the time that logs carry: UTC, whole seconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// Free returns the bytes that the file system has for us, and its size.
func (t *Tree) Free() (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(t.Root, &st); err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", t.Root, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}
