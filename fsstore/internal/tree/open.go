package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// MaxJobFile bounds what is read of one job file. A batch that a person wrote
// may be far larger than a log, which stops at job.MaxFile.
const MaxJobFile = 4 << 20

// ErrNotRegular is a name in the tree that is not a regular file: a planted
// link, a FIFO, a directory. Such names do not exist for anyone.
var ErrNotRegular error = Absence("not a regular file")

// Absence is a reason for which a file that is there reads as absent.
type Absence string

func (a Absence) Error() string      { return string(a) }
func (Absence) Is(target error) bool { return target == fs.ErrNotExist }

// Open opens a regular file without following a link and without waiting for
// the other end of a FIFO.
func Open(path string, flag int) (*os.File, error) {
	f, _, err := OpenSized(path, flag)
	return f, err
}

// OpenSized also tells the size.
func OpenSized(path string, flag int) (*os.File, int64, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		err = &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG { //guard:TestOnlyRegularFilesAreOpened
		err = &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size, nil
}

// ErrHardLinked is why a file is not written to: a hard link may lead to it from outside of the tree, and
// what is written would stand there too.
var ErrHardLinked = errors.New("the file has a second name, a hard link, so nothing is written to it: cp it to a name with a dot in front, then mv that over it")

// OpenAppend opens a file for appending, unless it has a second name.
func OpenAppend(path string) (*os.File, error) {
	f, err := Open(path, os.O_RDWR|os.O_APPEND)
	if err == nil && HasHardLink(f) { //guard:fsstore/misses.TestNotesLeaveTheOtherNameAlone
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrHardLinked}
	}
	return f, err
}

// OpenJob opens a job file for appending where we may, for reading where a person's umask or a
// second name allows no more; the claim then makes a copy of its own.
func OpenJob(path string) (*os.File, error) {
	f, err := OpenAppend(path)
	// A server that looks whether a program writes has a lease of the file for an instant.
	for n := 0; errors.Is(err, unix.EAGAIN) && n < 500; n++ { //guard:fsstore/verbs.TestVerbsWaitForALease
		time.Sleep(2 * time.Millisecond)
		f, err = OpenAppend(path)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrHardLinked) {
		return Open(path, os.O_RDONLY)
	}
	return f, err
}

// Slurp reads an open file from its start, at most limit bytes.
func Slurp(f *os.File, limit int64) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(f, 0, limit))
}

func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Slurp(f, limit)
}

// HasHardLink reports whether a hard link leads to f as well.
func HasHardLink(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 1
}

func Exists(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil
}

// IsRegular reports whether a path names a regular file, and no link to one.
func IsRegular(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}
