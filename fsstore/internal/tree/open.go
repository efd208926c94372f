package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// MaxJobFile is the most bytes that are read of one job file. A list that a person wrote may be far
// larger than a log, which stops at job.MaxFile.
const MaxJobFile = 4 << 20

// ErrNotRegular is the error for a link, FIFO, directory or device. It is an fs.ErrNotExist.
var ErrNotRegular error = Absence("not a regular file")

// Absence says why a file that exists is treated as absent. It is an fs.ErrNotExist.
type Absence string

func (a Absence) Error() string { return string(a) }

// Is reports whether target is fs.ErrNotExist.
func (Absence) Is(target error) bool { return target == fs.ErrNotExist }

// Open opens a regular file. It follows no link, and does not wait for the other end of a FIFO.
func Open(path string, flag int) (*os.File, error) {
	f, _, err := OpenSized(path, flag)
	return f, err
}

// OpenSized is Open, and returns the file's size in bytes, too.
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

// ErrHardLinked is the error for a file that has a second name. Nothing is written to it, because
// that name may lie outside of the data directory.
var ErrHardLinked = errors.New("the file has a second name, a hard link, so nothing is written " +
	"to it: cp it to a name with a dot in front, then mv that over it")

// OpenAppend opens a file for reading and appending. Its error is ErrHardLinked for one that has a
// second name.
func OpenAppend(path string) (*os.File, error) {
	f, err := Open(path, os.O_RDWR|os.O_APPEND)
	if err == nil && HasHardLink(f) { //guard:fsstore/misses.TestNotesLeaveTheOtherNameAlone
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrHardLinked}
	}
	return f, err
}

// OpenJob opens a job file for appending. If a person's umask forbids that, or the file has a
// second name, it opens the file for reading, and a claim then makes a copy of its own.
func OpenJob(path string) (*os.File, error) {
	f, err := OpenAppend(path)
	// EAGAIN: a server has a lease of the file for an instant, see spool.IsBeingWritten.
	for range 500 { //guard:fsstore/verbs.TestVerbsWaitForALease
		if !errors.Is(err, unix.EAGAIN) {
			break
		}
		time.Sleep(2 * time.Millisecond)
		f, err = OpenAppend(path)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrHardLinked) {
		return Open(path, os.O_RDONLY)
	}
	return f, err
}

// Slurp reads at most limit bytes from the start of an open file. It does not move its offset.
func Slurp(f *os.File, limit int64) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(f, 0, limit))
}

// ReadFile reads at most limit bytes from the start of a regular file. It takes one read if the file
// does not grow meanwhile, because each may be a question to a file server.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, size, err := OpenSized(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, min(size, limit)+1)
	if n, err := f.Read(b); err == nil && int64(n) == size {
		return b[:n], nil
	}
	return Slurp(f, limit)
}

// HasHardLink reports whether f has a second name, or can't be told not to.
func HasHardLink(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 1
}

// Exists reports whether a path names anything, also a link to nothing.
func Exists(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil
}

// IsRegular reports whether a path names a regular file. A link to one is none.
func IsRegular(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}
