package fsstore

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// layoutVersion is the first line of data/README. Another number means
// another layout, which this program must not touch.
const layoutVersion = "fromcache data 1"

//go:embed data-README
var readme string

var directories = []string{"blobs", "meta", "misses", "queue", "active", "done", "failed", "cancelled", "denied", "hits", "stats", "tmp"}

// dirMode: a group of operators works on the directories; setgid keeps what
// they make in the group. A URL may carry a signature, so others can't read.
const dirMode = 0o770 | fs.ModeSetgid

// lay checks the data directory, and makes what is missing of it. It never
// fills a directory that holds something else. Of a tree that had been in use
// it names what was gone.
func lay(dir string) (gone []string, err error) {
	if err := layRoot(dir); err != nil {
		return nil, err
	}
	begin, err := checkReadme(dir)
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
		err = syncDir(dir)
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
		if used, err := holdsAny(dir); !used || err != nil {
			return false, err
		}
	}
	for _, name := range halves {
		if !exists(dir + "/" + name) {
			return true, fmt.Errorf("%s/%s is gone, without which nothing that %s holds can be served: move it back; if it is to be given up, mkdir it", dir, name, dir)
		}
	}
	return true, nil
}

// holdsAny reports whether a half holds something. What stands in its place,
// such as a link, was never left by a first start either.
func holdsAny(dir string) (bool, error) {
	for _, name := range halves {
		d, err := os.OpenFile(dir+"/"+name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, unix.ENOTDIR) {
			return true, nil
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
	for _, name := range directories {
		if !exists(dir + "/" + name) {
			made = append(made, name+"/")
		}
		if err := laySub(dir+"/"+name, root); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func layRoot(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if to, err := os.Readlink(dir); err == nil {
		return fmt.Errorf("%s is a link to %s, which is not there: mount it or make it", dir, to)
	}
	if err := os.MkdirAll(dir, 0o770); err != nil {
		return err
	}
	return os.Chmod(dir, dirMode)
}

// checkReadme reports whether there is no README yet, and refuses a directory
// that is not ours.
func checkReadme(dir string) (begin bool, err error) {
	b, err := readFile(dir+"/README", 64<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return true, onlyOurs(dir)
	}
	if err != nil {
		return false, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	if first = strings.TrimSpace(first); first != layoutVersion {
		return false, fmt.Errorf("%s/README begins with %q, and this program knows only %q: run the version that made the directory, or name another with --data-dir", dir, first, layoutVersion)
	}
	return false, nil
}

func onlyOurs(dir string) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range found {
		if n := e.Name(); !slices.Contains(directories, n) && n != "lost+found" && n != "session-secret" && !strings.HasPrefix(n, ".") {
			return fmt.Errorf("%s is no fromcache data directory (it holds %q and no README): name an empty or a new directory with --data-dir", dir, n)
		}
	}
	return nil
}

// writeReadme comes after the directories: a crash before its rename leaves a
// tree that is begun again, never one whose README says nothing.
func writeReadme(dir string) error {
	temp := dir + "/tmp/.new-" + newWorker()
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o664)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(readme)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = renameNew(temp, dir+"/README")
	}
	if err != nil {
		os.Remove(temp)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // another server began the same tree at this moment
	}
	return err
}

func laySub(path string, root fs.FileInfo) error {
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
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory but %s: move it away (data/ itself may be a link or a mount, the directories in it are real)", path, info.Mode().Type())
	}
	if info.Sys().(*syscall.Stat_t).Dev != root.Sys().(*syscall.Stat_t).Dev {
		return fmt.Errorf("%s is on another file system than the data directory: a rename could not move files between them; mount the data directory as a whole instead", path)
	}
	return nil
}
