package tree

import (
	"io"
	"os"
	"path/filepath"
	"slices"
)

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
