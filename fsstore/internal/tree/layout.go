package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Directories lists the directories of a data directory.
var Directories = []string{
	"blobs", "meta", "misses", "queue", "active", "done", "failed", "cancelled", "denied", "allowed",
	"hits", "stats", "queries", "tokens", "tmp",
}

// newer are those that an earlier server did not make, so that they are not reported as gone.
var newer = []string{"queries", "tokens", "allowed"}

// dirMode lets the group of operators write to the directories, with setgid, so that what they make
// belongs to the group. Others can't read, because a URL may hold a signature.
const dirMode = 0o770 | fs.ModeSetgid

// Prepare checks the data directory, and makes what is missing in it. It refuses a directory that
// holds something else. If the directory was in use, it returns the names that were missing.
func Prepare(dir string) (gone []string, err error) {
	if err := makeRoot(dir); err != nil {
		return nil, err
	}
	begin, err := CheckReadme(dir)
	if err != nil {
		return nil, err
	}
	used, err := checkNeeded(dir, begin)
	if err != nil {
		return nil, err
	}
	gone, err = makeDirectories(dir)
	if err == nil && begin {
		gone = append(gone, "README")
		err = writeReadme(dir)
	}
	if err == nil {
		err = SyncDir(dir) //guard:fsstore/active.TestEachStepIsSynced
	}
	if !used {
		gone = nil // a first start
	}
	return gone, err
}

// neededDirs are not made again in a data directory that was in use: with an empty meta/, gc would
// take all of blobs/ out of service.
var neededDirs = []string{"blobs", "meta"}

// checkNeeded reports whether the data directory was in use, and refuses one that was and lacks one
// of neededDirs. It was in use if it has a README, or if one of neededDirs holds something: a first
// start makes them, then the README, and only then fills them, so that they are empty wherever it
// was killed. Without a README it reads them before it misses any, because another server may be
// making the same directory now.
func checkNeeded(dir string, begin bool) (used bool, err error) {
	if begin {
		if used, err := anyFilled(dir); !used || err != nil { //guard:TestOpenMakesNoHalfOfWhatIsHeld
			return false, err
		}
	}
	for _, name := range neededDirs {
		if !Exists(dir + "/" + name) { //guard:TestOpenMakesNoHalfOfWhatIsHeld
			return true, fmt.Errorf("%s/%s is gone, without which nothing that %s holds can be served: "+
				"move it back; if it is to be given up, mkdir it", dir, name, dir)
		}
	}
	return true, nil
}

// anyFilled reports whether one of neededDirs holds something. It refuses a name that is no
// directory.
func anyFilled(dir string) (bool, error) {
	for _, name := range neededDirs {
		d, err := os.OpenFile(dir+"/"+name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, unix.ENOTDIR) {
			return false, notDirectory(dir + "/" + name)
		}
		if err != nil {
			return false, err
		}
		names, err := d.Readdirnames(1)
		d.Close()
		if len(names) > 0 {
			return true, nil
		}
		if err != io.EOF {
			return false, err
		}
	}
	return false, nil
}

// makeDirectories makes the directories that are missing, and returns their names.
func makeDirectories(dir string) (made []string, err error) {
	root, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range Directories {
		if !Exists(dir+"/"+name) && !slices.Contains(newer, name) {
			made = append(made, name+"/")
		}
		if err := PrepareSub(dir+"/"+name, root); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// makeRoot makes the data directory itself if nothing has its name.
func makeRoot(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if to, err := os.Readlink(dir); err == nil { //guard:fsstore/health.TestLinkToNothing
		return fmt.Errorf("%s is a link to %s, which is not there: mount it or make it", dir, to)
	}
	if err := makeDir(filepath.Clean(dir)); err != nil {
		return err
	}
	return os.Chmod(dir, dirMode)
}

// makeDir makes a directory and what is missing above it. It fsyncs the parent, because a power cut
// could otherwise lose the directory with all that is acknowledged later. A parent that we may not
// read can't be fsynced.
func makeDir(dir string) error {
	parent := filepath.Dir(dir)
	if !Exists(parent) {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o770); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err := SyncDir(parent) //guard:fsstore/active.TestEachStepIsSynced
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// PrepareSub makes a directory in the data directory root if it is missing. It refuses what is no
// directory, and one on another file system.
func PrepareSub(path string, root fs.FileInfo) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Mkdir(path, 0o770); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := os.Chmod(path, dirMode); err != nil {
			return err
		}
		info, err = os.Lstat(path)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() { //guard:fsstore.TestOpenRefusesWhatIsNotOurs
		return notDirectory(path)
	}
	dev, rootDev := info.Sys().(*syscall.Stat_t).Dev, root.Sys().(*syscall.Stat_t).Dev
	if dev != rootDev { //guard:TestSubdirectoryOnAnotherFileSystem
		return fmt.Errorf("%s is on another file system than the data directory: a rename could not "+
			"move files between them; mount the data directory as a whole instead", path)
	}
	return nil
}

func notDirectory(path string) error {
	return fmt.Errorf("%s is not a directory but %s: move it away (data/ itself may be a link or "+
		"a mount, the directories in it are real)", path, whatIs(path))
}

// whatIs names the type of a file, for errors.
func whatIs(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return "gone"
	}
	switch info.Mode().Type() {
	case 0:
		return "a file"
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case fs.ModeSocket:
		return "a socket"
	}
	return "a device"
}
