package tree

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// IsDiskError reports whether an error says that the disk has lost bytes. File systems with
// checksums return wrongSum or EBADMSG.
func IsDiskError(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, wrongSum) || errors.Is(err, unix.EBADMSG)
}

// BootID returns 8 hex digits that tell one start of the machine from another, from
// /proc/sys/kernel/random/boot_id. They are random where that can't be read.
func BootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(b) < 8 {
		return RandomID()[:8]
	}
	return string(b[:8])
}

// DirID tells one directory from another of the same name.
type DirID struct{ Dev, ino uint64 }

// DirIDOf returns the DirID of the directory that st is of.
func DirIDOf(st *unix.Stat_t) DirID { return DirID{uint64(st.Dev), st.Ino} }

// Now returns the time as logs have it: UTC, whole seconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// Free returns how many bytes an unprivileged user may still write to the file system, and its
// size in bytes, each at most 2^63-1: s3fs says more.
func (t *Tree) Free() (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(t.Root, &st); err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", t.Root, err)
	}
	return clampedBytes(st.Bavail, uint64(st.Bsize)), clampedBytes(st.Blocks, uint64(st.Bsize)), nil //nolint:gosec // a size
}

func clampedBytes(blocks, size uint64) int64 {
	if high, low := bits.Mul64(blocks, size); high == 0 && low <= math.MaxInt64 {
		return int64(low)
	}
	return math.MaxInt64
}
