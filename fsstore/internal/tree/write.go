package tree

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

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
// Where the file system can't do that at once the check comes before the
// rename; then only two operators in the same microsecond can meet.
func RenameNew(from, to string) error {
	err := renameNoReplace(from, to)
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

// TempPrefix begins the names in tmp/ of the files of WriteTemp, after a dot.
const TempPrefix = "new-"

// WriteTemp writes a whole new file into tmp/ and returns it open for appending and flocked, so
// that the file is owned from the first instant of its next name. sync says whether the bytes must
// survive a power cut. Every file of the store begins here; RenameOver, RenameNew or RenameFree
// gives it its name.
//
// The file is renameio's, but the rename is not: renameio closes the file first, which would drop
// the lock, and always fsyncs and replaces.
func (t *Tree) WriteTemp(b []byte, mode fs.FileMode, sync bool) (*os.File, error) {
	p, err := renameio.NewPendingFile(TempPrefix, renameio.WithTempDir(t.Path("tmp", "")), renameio.WithStaticPermissions(mode))
	if err != nil {
		return nil, err
	}
	if err := fill(p.File, b, sync); err != nil {
		_ = p.Cleanup()
		return nil, err
	}
	return p.File, nil
}

func fill(f *os.File, b []byte, sync bool) error {
	if err := Lock(f); err != nil {
		return err
	}
	// A log has several writers: a verb appends to the file of a claim.
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, unix.O_APPEND); err != nil { //guard:TestANewFileIsAppendedTo
		return fmt.Errorf("fcntl %s: %w", f.Name(), err)
	}
	if _, err := f.Write(b); err != nil {
		return err
	}
	if !sync {
		return nil
	}
	return f.Sync() //guard:fsstore/active.TestEachStepIsSynced
}

// RandomID is the name of one claim: 16 random hex digits.
func RandomID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// RenameOver gives a file of WriteTemp the name path, whatever had that before. If it fails, the
// file is removed and closed.
func RenameOver(f *os.File, path string) error {
	err := os.Rename(f.Name(), path)
	if err != nil {
		os.Remove(f.Name())
		f.Close()
	}
	return err
}

// Replace writes a whole file, fsyncs it and gives it the name path, whatever had that before.
func (t *Tree) Replace(b []byte, path string) error {
	f, err := t.WriteTemp(b, 0o660, true)
	if err == nil {
		err = RenameOver(f, path)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// WriteNew gives a whole new job file its name, or says fs.ErrExist.
func (t *Tree) WriteNew(content, path string, sync bool) error {
	return t.writeNew(content, path, 0o660, sync)
}

func (t *Tree) writeNew(content, path string, mode fs.FileMode, sync bool) error {
	f, err := t.WriteTemp([]byte(content), mode, sync)
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

// RemoveUnlocked unlinks a file of tmp/ unless its lock is held, and says whether.
func (t *Tree) RemoveUnlocked(path string) bool { return t.RemoveOld(path, 0) }

// RemoveOld does so if the file that it holds locked has had its name for age.
func (t *Tree) RemoveOld(path string, age time.Duration) bool {
	return t.RemoveOldIf(path, age, func() bool { return true })
}

// RemoveOldIf does so if may says that it is to go.
func (t *Tree) RemoveOldIf(path string, age time.Duration, may func() bool) bool {
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
	return may() && StillNames(f, path) && os.Remove(path) == nil
}
