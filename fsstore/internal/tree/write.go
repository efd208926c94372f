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

// SyncDir fsyncs a directory, which makes the names in it durable. Without that, 3 of 2,786 power
// cuts on ext4 lost a rename.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// RenameNew renames a file and replaces none: its error is fs.ErrExist if the target exists. On a
// file system without RENAME_NOREPLACE it checks before it renames, so that a file that is made in
// between is replaced.
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

// RenameFree renames a file to the first free name of <stem>.job, <stem>.2.job and so on in dir,
// and returns that name.
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
	if err := t.Writable(); err != nil { //guard:fsstore.TestAReplicaIsNotWritten
		return nil, err
	}
	p, err := renameio.NewPendingFile(TempPrefix, renameio.WithTempDir(t.Path("tmp", "")),
		renameio.WithStaticPermissions(mode))
	if err != nil {
		return nil, err
	}
	if err := fill(p.File, b, sync); err != nil {
		_ = p.Cleanup()
		return nil, err
	}
	return p.File, nil
}

// fill locks a new file, sets O_APPEND on it, and writes b.
func fill(f *os.File, b []byte, sync bool) error {
	err := Lock(f)
	if err != nil {
		return err
	}
	// A log has several writers: a verb appends to the file of a claim.
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, unix.O_APPEND) //guard:TestANewFileIsAppendedTo
	if err != nil {
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

// RandomID returns 16 random hex digits, which name one claim.
func RandomID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// RenameOver renames a file of WriteTemp to path, and replaces what has that name. If it fails, it
// removes and closes the file.
func RenameOver(f *os.File, path string) error {
	err := os.Rename(f.Name(), path)
	if err != nil {
		os.Remove(f.Name())
		f.Close()
	}
	return err
}

// Replace writes a whole file, fsyncs it and renames it to path, and replaces what has that name.
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

// WriteNew writes a whole new job file at path. Its error is fs.ErrExist if path exists.
func (t *Tree) WriteNew(content, path string, sync bool) error {
	return t.writeNew(content, path, 0o660, sync)
}

func (t *Tree) writeNew(content, path string, mode fs.FileMode, sync bool) error {
	f, err := t.WriteTemp([]byte(content), mode, sync)
	if err != nil {
		return err
	}
	defer f.Close()
	Unlock(f) // before the rename, because a claim that it wakes would find the file locked
	if err := RenameNew(f.Name(), path); err != nil {
		os.Remove(f.Name())
		return err
	}
	return nil
}

// RemoveUnlocked unlinks a file of tmp/ unless somebody has its lock, and reports whether it did.
func (t *Tree) RemoveUnlocked(path string) bool { return t.RemoveOld(path, 0) }

// RemoveOld is RemoveUnlocked for a file whose ctime is older than age.
func (t *Tree) RemoveOld(path string, age time.Duration) bool {
	return t.RemoveOldIf(path, age, func() bool { return true })
}

// RemoveOldIf is RemoveOld, and asks may while it has the lock.
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
