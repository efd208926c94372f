package tree

import (
	"crypto/rand"
	"encoding/hex"
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

// MaxJobFile bounds what is read of one job file. A batch that a person wrote
// may be far larger than a log, which stops at job.MaxFile.
const MaxJobFile = 4 << 20

var ErrLocked = errors.New("its lock is held")

// ErrForeign is a name in the tree that is not a regular file: a planted
// link, a FIFO, a directory. Such names do not exist for anyone.
var ErrForeign error = Absence("not a regular file")

// Absence is a reason for which a file that is there reads as absent.
type Absence string

func (a Absence) Error() string      { return string(a) }
func (Absence) Is(target error) bool { return target == fs.ErrNotExist }

func (s *Tree) Path(dir string, name string) string {
	return s.Root + "/" + dir + "/" + name
}

// Plain reports whether name can be the name of a file of ours: what editors,
// cp and rsync leave half-way begins with a dot or ends with a tilde.
func Plain(name string) bool {
	return name != "" && len(name) <= 255 && name[0] != '.' && name[len(name)-1] != '~' &&
		!strings.ContainsAny(name, "/\x00")
}

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
		err = &fs.PathError{Op: "open", Path: path, Err: ErrForeign}
	}
	if err != nil {
		return nil, 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG { //guard:fsstore/active.TestOnlyRegularFilesAreOpened
		err = &fs.PathError{Op: "open", Path: path, Err: ErrForeign}
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size, nil
}

// ErrShared is why a file is not written to: a hard link may lead to it from outside of the tree, and
// what is written would stand there too.
var ErrShared = errors.New("the file has a second name, a hard link, so nothing is written to it: cp it to a name with a dot in front, then mv that over it")

// OpenOwn opens a file for appending, unless it has a second name.
func OpenOwn(path string) (*os.File, error) {
	f, err := Open(path, os.O_RDWR|os.O_APPEND)
	if err == nil && HasSecondName(f) { //guard:fsstore/misses.TestNotesLeaveTheOtherNameAlone
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrShared}
	}
	return f, err
}

// OpenJob opens a job file for appending where we may, for reading where a person's umask or a
// second name allows no more; the claim then makes a copy of its own.
func OpenJob(path string) (*os.File, error) {
	f, err := OpenOwn(path)
	for n := 0; errors.Is(err, unix.EAGAIN) && n < 500; n++ { // somebody has a lease of it for an instant: hasWriter
		time.Sleep(2 * time.Millisecond)
		f, err = OpenOwn(path)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrShared) {
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

// Same reports whether path still names the open file f.
func Same(f *os.File, path string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(int(f.Fd()), &a) == nil && unix.Lstat(path, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// HasSecondName reports whether a hard link leads to f as well.
func HasSecondName(f *os.File) bool {
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

// SyncDir makes the names in a directory durable: on ext4 a rename without it
// was lost in 3 of 2,786 power cuts.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// RenameNew renames without replacing: fs.ErrExist when the target is there.
// Where the file system has no RENAME_NOREPLACE the check comes before the
// rename; then only two operators in the same microsecond can meet.
func RenameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		if Exists(to) {
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

// RenameFree renames into dir under stem.job, or stem.2.job and so on when
// that is taken, and returns the name it got.
func RenameFree(from, dir, stem string) (string, error) {
	name := stem + ".job"
	for n := 2; ; n++ {
		err := RenameNew(from, dir+"/"+name)
		if err == nil || !errors.Is(err, fs.ErrExist) || n > 9999 {
			return name, err
		}
		name = fmt.Sprintf("%s.%d.job", stem, n)
	}
}

// WriteTemp writes a whole new file into tmp/ and returns it open and flocked,
// so that its next name is owned from its first instant. sync says whether
// the bytes must survive a power cut.
func (s *Tree) WriteTemp(b []byte, mode fs.FileMode, sync bool) (*os.File, error) {
	f, err := os.OpenFile(s.Path("tmp", ".new-"+NewWorker()), os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL|unix.O_CLOEXEC, 0o600)
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
	if err := Lock(f); err != nil {
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
	return f.Sync() //guard:fsstore/active.TestEachStepIsSynced
}

// Names lists the plain names of a directory, in no order. A file that
// vanishes while it is read is simply absent.
func (s *Tree) Names(dir string) ([]string, error) {
	var all []string
	err := s.EachNames(dir, func(names []string) error {
		all = append(all, names...)
		return nil
	})
	return all, err
}

// listed is how many names are in memory at once while a large directory is
// walked.
const listed = 1024

// EachNames walks the plain names of a directory, some at a time, which must
// not be kept.
func (s *Tree) EachNames(dir string, do func(names []string) error) error {
	d, err := os.Open(filepath.Join(s.Root, dir))
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
		if err := do(slices.DeleteFunc(names, func(name string) bool { return !Plain(name) })); err != nil {
			return err
		}
	}
}

func Base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// LockSoon waits for a lock that somebody may hold for a moment: a worker that
// opened the file where it was before, and is about to see that it has moved.
// After a second it is ErrLocked.
func LockSoon(f *os.File) (err error) {
	for range 500 {
		if err = Lock(f); !errors.Is(err, ErrLocked) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return err
}

// Spoilt reports whether an error says that the disk has not kept what was
// written: EUCLEAN and EBADMSG are what XFS and ext4 answer to a checksum that
// is wrong.
func Spoilt(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EUCLEAN) || errors.Is(err, unix.EBADMSG)
}

// NewWorker is the name of one claim: 16 random hex digits.
func NewWorker() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// BootID tells one start of the machine from all others, proc_sys_kernel(5). Where
// it can't be read each store is of a start of its own.
func BootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(b) < 8 {
		return NewWorker()[:8]
	}
	return string(b[:8])
}

// Place tells one directory from another that has its name.
type Place struct{ Dev, ino uint64 }

func PlaceOf(st *unix.Stat_t) Place { return Place{uint64(st.Dev), st.Ino} }

// TmpNames lists tmp/, where dot names are ours too.
func (s *Tree) TmpNames() ([]string, error) { return s.AllNames("tmp") }

// AllNames lists every name of a directory, half-written ones too.
func (s *Tree) AllNames(dir string) ([]string, error) {
	d, err := os.Open(s.Path(dir, ""))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// PublishNew gives a whole new job file its name, or says fs.ErrExist.
func (s *Tree) PublishNew(content, path string, sync bool) error {
	f, err := s.WriteTemp([]byte(content), 0o660, sync)
	if err != nil {
		return err
	}
	defer f.Close()
	Unlock(f) // else the claim that its rename wakes finds it locked
	if err := RenameNew(f.Name(), path); err != nil {
		os.Remove(f.Name())
		return err
	}
	return nil
}

// Now is the time that logs carry: UTC, whole seconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// DropFree unlinks a file of tmp/ unless its lock is held, and says whether.
func (s *Tree) DropFree(path string) bool { return s.DropOld(path, 0) }

// DropOld does so if the file that it holds locked has had its name for age.
func (s *Tree) DropOld(path string, age time.Duration) bool {
	return s.DropIf(path, age, func() bool { return true })
}

// DropIf does so if may says that it is to go.
func (s *Tree) DropIf(path string, age time.Duration, may func() bool) bool {
	f, err := Open(path, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	var st unix.Stat_t
	if Lock(f) != nil || unix.Fstat(int(f.Fd()), &st) != nil ||
		time.Since(time.Unix(st.Ctim.Unix())) < age { //guard:fsstore/upkeep.TestGCUnlinksOnlyWhatIsOld
		return false
	}
	return may() && Same(f, path) && os.Remove(path) == nil
}

// Free returns the bytes that the file system has for us, and its size.
func (s *Tree) Free() (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.Root, &st); err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", s.Root, err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}
