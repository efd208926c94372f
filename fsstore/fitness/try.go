package fitness

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// tries are what the server relies on. Each gets the beginning of the names of its files, and returns
// a cannotError for what the file system can't do.
var tries = []func(at string) error{
	tellsSizes, makesOnce, locks, renames, keepsOpenFiles, keepsModes, lists,
}

// tellsSizes: the reserve of --min-free is kept by statfs.
func tellsSizes(at string) error {
	var st unix.Statfs_t
	dir := filepath.Dir(at)
	if err := unix.Statfs(dir, &st); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	high, low := bits.Mul64(st.Blocks, uint64(st.Bsize)) //nolint:gosec // a size
	switch {
	case st.Blocks == 0 || st.Bsize <= 0:
		return cannot("It does not say how large it is (statfs).")
	case high > 0 || low > math.MaxInt64 || st.Bavail > st.Blocks:
		return cannot("It says a size that can't be (statfs: %d of %d blocks of %d bytes are free).",
			st.Bavail, st.Blocks, st.Bsize)
	}
	return nil
}

// makesOnce: two can't make one name.
func makesOnce(at string) error {
	name := at + "once"
	if err := write(name, "1"); err != nil {
		return err
	}
	switch err := write(name, "2"); {
	case err == nil:
		return cannot("A file can be made twice under one name (O_EXCL).")
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	return nil
}

// locks: flock keeps a second opener out, and ends with its file, or soon after.
func locks(at string) error {
	name := at + "lock"
	if err := write(name, ""); err != nil {
		return err
	}
	a, err := os.Open(name)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(name)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := flock(a); err != nil {
		return cannot("It has no locks (flock: %v).", err)
	}
	if flock(b) == nil {
		return cannot("A lock keeps nobody out (flock).")
	}
	a.Close()
	err = flock(b)
	for end := time.Now().Add(lockEnds); err != nil && time.Now().Before(end); err = flock(b) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return cannot("A lock outlives the file that had it (flock: %v).", err)
	}
	return nil
}

// lockEnds is how long a lock may outlive its file, because FUSE tells a file system of a close in the
// background.
const lockEnds = 5 * time.Second

func flock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// renames: a rename takes the old name away, gives the new one at once, keeps an open file's lock
// with it, and fails when the old name is gone.
func renames(at string) error {
	from, to := at+"from", at+"to"
	if err := write(from, "it"); err != nil {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Rename(from, to); err != nil {
		return err
	}
	_, gone := os.Lstat(from)
	now, err := os.Lstat(to)
	own, ownErr := f.Stat()
	switch {
	case !errors.Is(gone, fs.ErrNotExist):
		return cannot("A name is still there after a rename.")
	case err != nil || ownErr != nil || !os.SameFile(now, own):
		return cannot("A file is another one after a rename: an owner could not tell that it is its own.")
	case os.Rename(from, at+"third") == nil:
		return cannot("A file can be renamed twice: two could win the same job.")
	}
	return nil
}

// keepsOpenFiles: who reads a file reads it to its end, though it is replaced or removed.
func keepsOpenFiles(at string) error {
	name := at + "open"
	if err := errors.Join(write(name, "old"), write(at+"next", "new")); err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Rename(at+"next", name); err != nil {
		return cannot("A rename can't replace a file that is open (%v).", err)
	}
	if b, err := io.ReadAll(f); err != nil || string(b) != "old" {
		return cannot("Who reads a file that is replaced does not read it to its end.")
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "new" {
		return cannot("A file that was replaced still has its old bytes.")
	}
	return nil
}

// keepsModes: a blob is 0444.
func keepsModes(at string) error {
	name := at + "mode"
	if err := write(name, ""); err != nil {
		return err
	}
	if err := os.Chmod(name, 0o444); err != nil {
		return cannot("It takes no modes (chmod: %v).", err)
	}
	if info, err := os.Lstat(name); err != nil || info.Mode().Perm() != 0o444 {
		return cannot("It does not keep modes (chmod).")
	}
	return nil
}

// lists: a name is in the listing as soon as it is there, and gone as soon as it is removed.
func lists(at string) error {
	name := at + "listed"
	if err := write(name, ""); err != nil {
		return err
	}
	is, err := isListed(name)
	if err == nil && !is {
		return cannot("A new file is not in the listing of its directory.")
	}
	if err = errors.Join(err, os.Remove(name)); err != nil {
		return err
	}
	is, err = isListed(name)
	if err == nil && is {
		return cannot("A file that was removed is still in the listing of its directory.")
	}
	return err
}

func isListed(name string) (bool, error) {
	entries, err := os.ReadDir(filepath.Dir(name))
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == filepath.Base(name) }), err
}

// write makes a file that must not be there yet.
func write(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
