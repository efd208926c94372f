package tree

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// layoutVersion is the first line of README in the data directory. Another number is another
// layout, which this program must not touch.
const layoutVersion = "fromcache data 1"

//go:embed data-README
var readme string

// CheckReadme reports whether there is no README yet. It refuses a directory whose README has
// another first line, and one without a README that holds other names than ours.
func CheckReadme(dir string) (begin bool, err error) {
	b, err := ReadFile(dir+"/README", 64<<10)
	switch {
	case errors.Is(err, ErrNotRegular):
		return false, badReadme(dir, "is "+whatIs(dir+"/README"))
	case errors.Is(err, fs.ErrNotExist):
		return true, onlyOurs(dir) //guard:fsstore.TestOpenRefusesWhatIsNotOurs
	case err != nil:
		return false, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	first = strings.TrimSpace(first)
	if first != layoutVersion { //guard:fsstore.TestOpenRefusesWhatIsNotOurs
		return false, otherReadme(dir, first)
	}
	return false, nil
}

// otherReadme returns the error for a README with this first line: of another layout, which only
// another version may touch, or damaged.
func otherReadme(dir, first string) error {
	number, ok := strings.CutPrefix(first, "fromcache data ")
	if _, err := strconv.ParseUint(number, 10, 64); ok && err == nil {
		return fmt.Errorf("%s/README begins with %q, and this program knows only %q: "+
			"run the version that made the directory, or name another with --data-dir",
			dir, first, layoutVersion)
	}
	if first == "" {
		return badReadme(dir, "has an empty first line")
	}
	return badReadme(dir, fmt.Sprintf("begins with %.40q", first))
}

// badReadme returns the error for a README that is damaged, with the ways to mend it.
func badReadme(dir, what string) error {
	if !looksOurs(dir) {
		return &ForeignError{dir, "its README " + what}
	}
	also, err := foreignNames(dir)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s/README %s, so it is damaged: remove it%s and start again, README is then "+
		"written anew; or let it be a file whose first line is %q",
		dir, what, alsoMove(also), layoutVersion)
}

// onlyOurs refuses a directory without a README that holds names that are not ours.
func onlyOurs(dir string) error {
	found, err := foreignNames(dir)
	if err != nil || len(found) == 0 {
		return err
	}
	if looksOurs(dir) {
		return fmt.Errorf("%s has lost its README, and holds what is no part of it: move %s away and "+
			"start again, README is then written anew; or make README a file whose first line is %q",
			dir, quoted(found), layoutVersion)
	}
	return &ForeignError{dir, fmt.Sprintf("it holds %q and no README", found[0])}
}

// A ForeignError says that a directory holds something else than a cache's data.
type ForeignError struct {
	Dir, Why string
}

func (e *ForeignError) Error() string {
	return e.About() + ": name an empty or a new directory with --data-dir"
}

// About is the error without what can be done where it is this cache's own directory.
func (e *ForeignError) About() string {
	return fmt.Sprintf("%s is no fromcache data directory (%s)", e.Dir, e.Why)
}

// looksOurs reports whether a directory is most likely a data directory that lost its README: it
// has two of three names. Only the advice in an error depends on it.
func looksOurs(dir string) bool {
	n := 0
	for _, name := range []string{"blobs", "meta", "misses"} {
		if Exists(dir + "/" + name) {
			n++
		}
	}
	return n >= 2
}

// foreignNames lists the names that do not belong in the data directory.
func foreignNames(dir string) (names []string, err error) {
	found, err := os.ReadDir(dir)
	for _, e := range found {
		if !BelongsInRoot(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func alsoMove(strays []string) string {
	if len(strays) == 0 {
		return ""
	}
	return ", move " + quoted(strays) + " away"
}

// quoted quotes the first five names and counts the rest, because a directory may hold thousands.
func quoted(names []string) string {
	const most = 5
	s := fmt.Sprintf("%q", names[:min(len(names), most)])
	s = strings.Trim(s, "[]")
	if more := len(names) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// writeReadme writes README after the directories are made, because a start that finds no README
// makes the rest again. Its mode does not depend on the umask, so that operators can read it.
func writeReadme(dir string) error {
	err := New(dir, nil).writeNew(readme, dir+"/README", 0o664, true)
	if errors.Is(err, fs.ErrExist) {
		return nil // another server began the same tree at this moment
	}
	return err
}

// BelongsInRoot reports whether a name may be in the data directory itself.
func BelongsInRoot(name string) bool {
	return slices.Contains(Directories, name) || !Plain(name) ||
		name == "README" || name == "session-secret" || name == "lost+found" || name == MarkName
}
