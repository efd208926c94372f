package changes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// queue is the kernel's queue of events. They are counted and not read: any of them ends a Moment.
type queue struct {
	fd    int
	file  *os.File // of fd, for the poller of the runtime
	raw   syscall.RawConn
	known map[string]int // watches, by path
}

const (
	// inside are changes of what is in a directory, and of itself.
	inside = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_MODIFY | above
	// above are changes of a directory itself, which those above it are watched for, because a
	// directory is moved with all that is in it.
	above = unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
)

// local are the file systems that nobody changes but by this kernel, statfs(2).
var local = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC}

var errShared = errors.New("the file system may change without an event")

func (q *queue) open() error {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return err
	}
	q.fd, q.file, q.known = fd, os.NewFile(uintptr(fd), "inotify"), map[string]int{}
	q.raw, err = q.file.SyscallConn()
	return err
}

func (q *queue) close() { q.file.Close() }

// watch sees to it that what the paths lead to now is watched. It costs little where it was before.
func (q *queue) watch(dirs []string) error {
	for _, dir := range dirs {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			return err
		}
		if !slices.Contains(local, int64(st.Type)) { //nolint:unconvert // it has 32 bits on some machines
			return errShared
		}
		for up := filepath.Dir(dir); up != filepath.Dir(up); up = filepath.Dir(up) {
			_ = q.add(up, above) // it may be closed to us: to be moved then shows within a second
		}
		if err := q.add(dir, inside); err != nil {
			return err
		}
	}
	return nil
}

// add watches a directory. One that had the same path before is watched no longer, and its last
// event is that.
func (q *queue) add(dir string, mask uint32) error {
	wd, err := unix.InotifyAddWatch(q.fd, dir, mask|unix.IN_ONLYDIR)
	if err != nil {
		return err
	}
	if old, had := q.known[dir]; had && old != wd {
		_, _ = unix.InotifyRmWatch(q.fd, uint32(old)) //nolint:gosec // it is positive
	}
	q.known[dir] = wd
	return nil
}

// isEmpty reports whether no event waits.
func (q *queue) isEmpty() bool {
	n, err := unix.IoctlGetInt(q.fd, unix.TIOCINQ) // FIONREAD, by its other name
	return n == 0 && err == nil
}

// empty reads the events away, and reports whether there were any.
func (q *queue) empty() (any bool) {
	var b [4 << 10]byte
	for {
		if n, err := unix.Read(q.fd, b[:]); n <= 0 && !errors.Is(err, unix.EINTR) {
			return any
		}
		any = true
	}
}

// await waits for an event, for wake, and no longer than limit.
func (q *queue) await(ctx context.Context, limit time.Duration) {
	if q.file.SetReadDeadline(time.Now().Add(limit)) == nil && ctx.Err() == nil {
		_ = q.raw.Read(func(uintptr) bool { return !q.isEmpty() })
	}
}

func (q *queue) wake() { q.file.SetReadDeadline(time.Now()) } //nolint:errcheck // it is closed
