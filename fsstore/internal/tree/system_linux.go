package tree

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// wrongSum is what XFS and ext4 answer to a checksum that is wrong, beside EBADMSG.
const wrongSum = unix.EUCLEAN

// renameNoReplace renames and answers EEXIST when the target is there.
func renameNoReplace(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}

// Uptime returns how long the machine runs, with the time that it slept, clock_gettime(2).
func Uptime() (time.Duration, error) {
	var up unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up)
	return time.Duration(up.Nano()), err
}

// FlushBehind asks the kernel to begin to put n bytes of f on the disk, and does not wait.
func FlushBehind(f *os.File, from, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), from, n, unix.SYNC_FILE_RANGE_WRITE)
}

// DropCached asks the kernel to forget what it has cached of n bytes of f; 0 is up to the end.
func DropCached(f *os.File, from, n int64) {
	_ = unix.Fadvise(int(f.Fd()), from, n, unix.FADV_DONTNEED)
}

// Clone makes an empty file share the blocks of another, where the file system can, ioctl_ficlone(2).
// That takes no file that is open for appending, so to is so no more.
func Clone(to, from *os.File) error {
	fd := to.Fd()
	flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(fd, unix.F_SETFL, flags&^unix.O_APPEND)
	}
	if err != nil {
		return err
	}
	return unix.IoctlFileClone(int(fd), int(from.Fd()))
}

// HasWriter reports whether another process has f open for writing: then fcntl(2) grants no read
// lease on it. f must be open for reading. It reports false where that can't be told: the file is
// another user's and we have no CAP_LEASE, or its file system has no leases of its own. A process
// that opens the file during the lease waits until we give it back.
func HasWriter(f *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil || isOneOf(networkFileSystems, &st) {
		return false
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}

// networkFileSystems are those whose server decides on leases. A refusal of theirs does not tell
// whether somebody writes (statfs(2) has the numbers).
var networkFileSystems = []uint32{
	unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
}

// sharedFileSystems are those through which the files of other machines come, beside
// networkFileSystems. MooseFS, GlusterFS and others are mounted by FUSE.
var sharedFileSystems = []uint32{
	unix.FUSE_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC,
	lustreMagic, gfs2Magic, gpfsMagic,
}

// Those of statfs(2) that package unix does not have.
const (
	lustreMagic = 0x0bd00bd0
	gfs2Magic   = 0x01161970
	gpfsMagic   = 0x47504653
)

// isShared reports whether the files come through a network.
func (t *Tree) isShared() bool {
	var st unix.Statfs_t
	return unix.Statfs(t.Root, &st) == nil &&
		(isOneOf(networkFileSystems, &st) || isOneOf(sharedFileSystems, &st))
}

func isOneOf(types []uint32, st *unix.Statfs_t) bool {
	return slices.Contains(types, uint32(st.Type)) //nolint:gosec // it has 32 bits
}
