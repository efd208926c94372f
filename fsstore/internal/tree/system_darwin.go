package tree

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// wrongSum stands for no further error: macOS has EBADMSG alone.
const wrongSum = unix.EBADMSG

// renameNoReplace renames and answers EEXIST when the target is there.
func renameNoReplace(from, to string) error {
	return unix.RenamexNp(from, to, unix.RENAME_EXCL)
}

// Uptime returns how long the machine runs, with the time that it slept, clock_gettime(3).
func Uptime() (time.Duration, error) {
	var up unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &up)
	return time.Duration(up.Nano()), err
}

// FlushBehind does nothing: macOS has no call for it, and the fsync at the end does all.
func FlushBehind(_ *os.File, _, _ int64) {}

// DropCached does nothing: macOS has no call for it.
func DropCached(_ *os.File, _, _ int64) {}

// Clone fails: macOS clones by path alone.
func Clone(_, _ *os.File) error { return unix.ENOTSUP }

// HasWriter reports false: macOS has no leases, so it can't be told.
func HasWriter(*os.File) bool { return false }

// isShared reports whether the files come through a network.
func (t *Tree) isShared() bool {
	var st unix.Statfs_t
	return unix.Statfs(t.Root, &st) == nil && st.Flags&unix.MNT_LOCAL == 0
}
