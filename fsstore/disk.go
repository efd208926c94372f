package fsstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxJobFile bounds what is read of one job file. A batch that a person wrote
// may be far larger than a log, which stops at job.MaxFile.
const maxJobFile = 4 << 20

var errLocked = errors.New("its lock is held")

// errForeign is a name in the tree that is not a regular file: a planted
// link, a FIFO, a directory. Such names do not exist for anyone.
var errForeign error = absence("not a regular file")

// absence is a reason for which a file that is there reads as absent.
type absence string

func (a absence) Error() string      { return string(a) }
func (absence) Is(target error) bool { return target == fs.ErrNotExist }

func (s *Store) path(dir string, name string) string {
	return s.dir + "/" + dir + "/" + name
}

func (s *Store) job(st State, name string) string { return s.path(string(st), name) }

// plain reports whether name can be the name of a file of ours: what editors,
// cp and rsync leave half-way begins with a dot or ends with a tilde.
func plain(name string) bool {
	return name != "" && len(name) <= 255 && name[0] != '.' && name[len(name)-1] != '~' &&
		!strings.ContainsAny(name, "/\x00")
}

// open opens a regular file without following a link and without waiting for
// the other end of a FIFO.
func open(path string, flag int) (*os.File, error) {
	f, _, err := openSized(path, flag)
	return f, err
}

// openSized also tells the size.
func openSized(path string, flag int) (*os.File, int64, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		err = &fs.PathError{Op: "open", Path: path, Err: errForeign}
	}
	if err != nil {
		return nil, 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = &fs.PathError{Op: "open", Path: path, Err: errForeign}
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size, nil
}

// errShared is why a file is not written to: a hard link may lead to it from outside of the tree, and
// what is written would stand there too.
var errShared = errors.New("the file has a second name, a hard link, so nothing is written to it: cp it to a name with a dot in front, then mv that over it")

// openOwn opens a file for appending, unless it has a second name.
func openOwn(path string) (*os.File, error) {
	f, err := open(path, os.O_RDWR|os.O_APPEND)
	if err == nil && hasSecondName(f) {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: errShared}
	}
	return f, err
}

// openJob opens a job file for appending where we may, for reading where a person's umask or a
// second name allows no more; the claim then makes a copy of its own.
func openJob(path string) (*os.File, error) {
	f, err := openOwn(path)
	for n := 0; errors.Is(err, unix.EAGAIN) && n < 500; n++ { // somebody has a lease of it for an instant: hasWriter
		time.Sleep(2 * time.Millisecond)
		f, err = openOwn(path)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errShared) {
		return open(path, os.O_RDONLY)
	}
	return f, err
}

// openCount opens a file of numbers for adding in place, makes it where there
// is none, and waits a while for its lock: whoever holds it adds and is gone.
// Else it is errLocked, or errShared where it has a second name, and the numbers
// wait in memory.
func openCount(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o660)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errForeign}
	}
	if err == nil && hasSecondName(f) {
		err = &fs.PathError{Op: "open", Path: path, Err: errShared}
	}
	if err == nil && info.Size() == 0 {
		err = f.Chmod(0o660) // whatever the umask
	}
	if err == nil {
		err = lockSoon(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// slurp reads an open file from its start, at most limit bytes.
func slurp(f *os.File, limit int64) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(f, 0, limit))
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return slurp(f, limit)
}

// lock takes the flock of f, or says errLocked. It dies with the process and
// follows the file through every rename.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errLocked
	}
	if err != nil {
		return fmt.Errorf("flock %s: %w", f.Name(), err)
	}
	return nil
}

func unlock(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// same reports whether path still names the open file f.
func same(f *os.File, path string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(int(f.Fd()), &a) == nil && unix.Lstat(path, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// hasSecondName reports whether a hard link leads to f as well.
func hasSecondName(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 1
}

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil
}

// isRegular reports whether a path names a regular file, and no link to one.
func isRegular(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// syncDir makes the names in a directory durable: on ext4 a rename without it
// was lost in 3 of 2,786 power cuts.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// renameNew renames without replacing: fs.ErrExist when the target is there.
// Where the file system has no RENAME_NOREPLACE the check comes before the
// rename; then only two operators in the same microsecond can meet.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		if exists(to) {
			err = unix.EEXIST
		} else {
			err = unix.Rename(from, to)
		}
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// renameFree renames into dir under stem.job, or stem.2.job and so on when
// that is taken, and returns the name it got.
func renameFree(from, dir, stem string) (string, error) {
	name := stem + ".job"
	for n := 2; ; n++ {
		err := renameNew(from, dir+"/"+name)
		if err == nil || !errors.Is(err, fs.ErrExist) || n > 9999 {
			return name, err
		}
		name = fmt.Sprintf("%s.%d.job", stem, n)
	}
}

// writeTemp writes a whole new file into tmp/ and returns it open and flocked,
// so that its next name is owned from its first instant. sync says whether
// the bytes must survive a power cut.
func (s *Store) writeTemp(b []byte, mode fs.FileMode, sync bool) (*os.File, error) {
	f, err := os.OpenFile(s.path("tmp", ".new-"+newWorker()), os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := fill(f, b, mode, sync); err != nil {
		os.Remove(f.Name())
		f.Close()
		return nil, err
	}
	return f, nil
}

func fill(f *os.File, b []byte, mode fs.FileMode, sync bool) error {
	if err := lock(f); err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if !sync {
		return nil
	}
	return f.Sync()
}

// names lists the plain names of a directory, in no order. A file that
// vanishes while it is read is simply absent.
func (s *Store) names(dir string) ([]string, error) {
	var all []string
	err := s.eachNames(dir, func(names []string) error {
		all = append(all, names...)
		return nil
	})
	return all, err
}

// listed is how many names are in memory at once while a large directory is
// walked.
const listed = 1024

// eachNames walks the plain names of a directory, some at a time, which must
// not be kept.
func (s *Store) eachNames(dir string, do func(names []string) error) error {
	d, err := os.Open(filepath.Join(s.dir, dir))
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(listed)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(slices.DeleteFunc(names, func(name string) bool { return !plain(name) })); err != nil {
			return err
		}
	}
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
