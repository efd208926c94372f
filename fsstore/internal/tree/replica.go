package tree

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// MarkName is the file in the root of a replica by which it is known for one. fromcache sync writes
// it; a mount of a cache's own directory has none.
const MarkName = "replica"

// Replica says what a replica is a copy of, as far as that is known.
type Replica struct {
	Of     string    `json:"of,omitempty" doc:"The cache that it is a copy of"`
	Synced time.Time `json:"synced_at,omitzero" doc:"When fromcache sync began to copy what it has now"`
}

// Mark returns the text of the file MarkName. A zero Synced means that a sync has not ended yet.
func (r Replica) Mark() string {
	text := "A replica: fromcache sync writes it, fromcache serve --replica serves it.\n"
	if r.Of != "" {
		text += "of " + r.Of + "\n"
	}
	if !r.Synced.IsZero() {
		text += "synced " + r.Synced.UTC().Format(time.RFC3339) + "\n"
	}
	return text
}

// ReadMark reads the file MarkName of a directory, and reports whether there is one. Whatever is in
// it, the directory is a replica.
func ReadMark(dir string) (r Replica, marked bool) {
	b, err := ReadFile(dir+"/"+MarkName, 4<<10)
	for line := range strings.Lines(string(b)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "of":
			r.Of = strings.ToValidUTF8(rest, "?")
		case "synced":
			r.Synced, _ = time.Parse(time.RFC3339, rest)
		}
	}
	if strings.ContainsFunc(r.Of, unicode.IsControl) {
		r.Of = ""
	}
	return r, err == nil || Exists(dir+"/"+MarkName)
}

// A ReplicaError refuses what would change a replica.
type ReplicaError struct{ Of string }

func (e *ReplicaError) Error() string {
	return "this is a replica, in which nothing is changed: do it at " +
		cmp.Or(e.Of, "the cache that it is a copy of")
}

// IsReadOnly reports whether the file system of a directory is mounted for reading only.
func IsReadOnly(dir string) bool {
	return errors.Is(unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS), unix.EROFS)
}

// CheckReplica checks that a directory can be served as a replica, and makes nothing. It needs
// blobs/ and meta/, which may be links or mounts, because nothing is renamed. README may be missing,
// but not be another's.
func CheckReplica(dir string) error {
	if begin, err := CheckReadme(dir); err != nil {
		return err
	} else if begin && !looksOurs(dir) {
		return &ForeignError{dir, "it holds neither a README nor blobs/ and meta/: " +
			"is it mounted, has fromcache sync filled it"}
	}
	for _, name := range neededDirs {
		info, err := os.Stat(dir + "/" + name)
		if err != nil {
			return fmt.Errorf("a replica needs %s/: %w", name, err)
		}
		if !info.IsDir() {
			return notDirectory(dir + "/" + name)
		}
	}
	return nil
}

// Replica returns what the tree is a replica of; nil: it is none. It reads the mark each time,
// because each sync writes it anew.
func (t *Tree) Replica() *Replica {
	if !t.ReadOnly {
		return nil
	}
	r, _ := ReadMark(t.Root)
	r.Of = cmp.Or(t.Main, r.Of)
	return &r
}

// Writable returns a *ReplicaError where the tree is a replica.
func (t *Tree) Writable() error {
	if r := t.Replica(); r != nil {
		return &ReplicaError{r.Of}
	}
	return nil
}

// MayLack reports whether dir may be missing: a replica needs only neededDirs.
func (t *Tree) MayLack(dir string) bool { return t.ReadOnly && !slices.Contains(neededDirs, dir) }

// isAbsent reports whether err says that dir is missing, and may be.
func (t *Tree) isAbsent(dir string, err error) bool {
	return errors.Is(err, fs.ErrNotExist) && t.MayLack(dir)
}
