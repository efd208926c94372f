package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked is the error of Lock where somebody else has the lock.
var ErrLocked = errors.New("its lock is held")

// Lock takes the flock(2) of f, or returns ErrLocked at once. The lock follows the file through
// renames, and ends when f is closed or the process dies.
func Lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	if err != nil {
		return fmt.Errorf("flock %s: %w", f.Name(), err)
	}
	return nil
}

// Unlock gives up the lock of f, which stays open.
func Unlock(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// StillNames reports whether path still names the open file f.
func StillNames(f *os.File, path string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(int(f.Fd()), &a) == nil && unix.Lstat(path, &b) == nil &&
		a.Dev == b.Dev && a.Ino == b.Ino
}

// OpenLocked opens a file by open and takes its lock. Its error is ErrLocked if somebody else has
// the lock, and fs.ErrNotExist if path names another file by then.
func OpenLocked(path string, open func(path string) (*os.File, error)) (*os.File, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	err = Lock(f) //guard:fsstore/active.TestOrphans
	if err == nil && !StillNames(f, path) {
		err = &fs.PathError{Op: "lock", Path: path, Err: fs.ErrNotExist}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// LockWait takes the lock of f and waits a second for it, then returns ErrLocked. It is for a lock
// that somebody holds for a moment, such as a worker that is about to see that its file has moved.
func LockWait(f *os.File) (err error) {
	for range 500 {
		if err = Lock(f); !errors.Is(err, ErrLocked) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return err
}
