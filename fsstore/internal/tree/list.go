package tree

import (
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Names lists the plain names of a directory, in no order. A file that
// vanishes while it is read is simply absent.
func (t *Tree) Names(dir string) ([]string, error) {
	var all []string
	err := t.EachNames(dir, func(names []string) error {
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
func (t *Tree) EachNames(dir string, do func(names []string) error) error {
	d, err := os.Open(filepath.Join(t.Root, dir))
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

// TmpNames lists tmp/, where dot names are ours too.
func (t *Tree) TmpNames() ([]string, error) { return t.AllNames("tmp") }

// AllNames lists every name of a directory, half-written ones too.
func (t *Tree) AllNames(dir string) ([]string, error) {
	d, err := os.Open(t.Path(dir, ""))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
