package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

var Directories = []string{"blobs", "meta", "misses", "queue", "active", "done", "failed", "cancelled", "denied", "hits", "stats", "queries", "tokens", "tmp"}

// dirMode: a group of operators works on the directories; setgid keeps what
// they make in the group. A URL may carry a signature, so others can't read.
const dirMode = 0o770 | fs.ModeSetgid

// Prepare checks the data directory, and makes what is missing of it. It never
// fills a directory that holds something else. Of a tree that had been in use
// it names what was gone.
func Prepare(dir string) (gone []string, err error) {
	if err := layRoot(dir); err != nil {
		return nil, err
	}
	begin, err := CheckReadme(dir)
	if err != nil {
		return nil, err
	}
	used, err := checkHalves(dir, begin)
	if err != nil {
		return nil, err
	}
	gone, err = layParts(dir)
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

// halves are never made again in a tree that has been in use: beside an empty
// meta/ gc would take out of service all that blobs/ holds.
var halves = []string{"blobs", "meta"}

// checkHalves reports whether the tree has been in use, and refuses one that
// has lost a half. With its README it has been; without one, when a half holds
// something: a first start makes both halves, then the README, and only then
// fills them, so that wherever it was killed they are empty. They are looked
// into before they are missed, for another server may begin the same tree now.
func checkHalves(dir string, begin bool) (used bool, err error) {
	if begin {
		if used, err := holdsAny(dir); !used || err != nil { //guard:TestOpenMakesNoHalfOfWhatIsHeld
			return false, err
		}
	}
	for _, name := range halves {
		if !Exists(dir + "/" + name) { //guard:TestOpenMakesNoHalfOfWhatIsHeld
			return true, fmt.Errorf("%s/%s is gone, without which nothing that %s holds can be served: move it back; if it is to be given up, mkdir it", dir, name, dir)
		}
	}
	return true, nil
}

// holdsAny reports whether a half holds something, and refuses what stands in
// its place.
func holdsAny(dir string) (bool, error) {
	for _, name := range halves {
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

func layParts(dir string) (made []string, err error) {
	root, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range Directories {
		if !Exists(dir+"/"+name) && name != "queries" && name != "tokens" { // a tree of an earlier server has none
			made = append(made, name+"/")
		}
		if err := PrepareSub(dir+"/"+name, root); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func layRoot(dir string) error {
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

// makeDir makes a directory and what is missing above it. Its name in its
// parent is made durable: without it all that is acknowledged later is lost.
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
	if err := SyncDir(parent); !errors.Is(err, fs.ErrPermission) { // of one that may be entered and not read //guard:fsstore/active.TestEachStepIsSynced
		return err
	}
	return nil
}

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
	if info.Sys().(*syscall.Stat_t).Dev != root.Sys().(*syscall.Stat_t).Dev { //guard:TestSubdirectoryOnAnotherFileSystem
		return fmt.Errorf("%s is on another file system than the data directory: a rename could not move files between them; mount the data directory as a whole instead", path)
	}
	return nil
}

func notDirectory(path string) error {
	return fmt.Errorf("%s is not a directory but %s: move it away (data/ itself may be a link or a mount, the directories in it are real)", path, whatIs(path))
}

// whatIs says in a word what stands where a directory or a file should.
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
