package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var ErrLocked = errors.New("its lock is held")

// Lock takes the flock of f, or says ErrLocked. It dies with the process and
// follows the file through every rename.
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

func Unlock(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// StillNames reports whether path still names the open file f.
func StillNames(f *os.File, path string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(int(f.Fd()), &a) == nil && unix.Lstat(path, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// OpenLocked opens a file by open and takes its lock. It returns ErrLocked where somebody has that,
// and fs.ErrNotExist where path names another file by then.
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

// LockWait waits for a lock that somebody may hold for a moment: a worker that
// opened the file where it was before, and is about to see that it has moved.
// After a second it is ErrLocked.
func LockWait(f *os.File) (err error) {
	for range 500 {
		if err = Lock(f); !errors.Is(err, ErrLocked) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return err
}
