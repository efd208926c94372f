package rsync

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lock keeps a second sync to the same destination out, because the two would remove what the other
// counts on. It holds for the syncs of one user of this host.
func lock(dest string) (unlock func(), err error) {
	name := fmt.Sprintf("fromcache-sync-%d-%x.lock", os.Getuid(), sha256.Sum256([]byte(dest)))
	path := filepath.Join(os.TempDir(), name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || err == nil && !stillNames(f, path) {
		err = fmt.Errorf("another sync to %s runs: wait for its end", dest)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		os.Remove(path)
		f.Close()
	}, nil
}

// stillNames reports whether path names the open file f: another sync may have ended, and removed it,
// since f was opened.
func stillNames(f *os.File, path string) bool {
	ours, err := f.Stat()
	now, gone := os.Lstat(path)
	return err == nil && gone == nil && os.SameFile(ours, now)
}
