package tree

import (
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Names lists the plain names of a directory, in no order. See Plain. A directory that a replica
// lacks is empty.
func (t *Tree) Names(dir string) ([]string, error) {
	var all []string
	err := t.EachNames(dir, func(names []string) error {
		all = append(all, names...)
		return nil
	})
	return all, err
}

// namesAtOnce is how many names EachNames reads at once, because a directory may have a million.
const namesAtOnce = 1024

// EachNames calls do with the plain names of a directory, up to 1,024 at a time. do must not keep
// the slice.
func (t *Tree) EachNames(dir string, do func(names []string) error) error {
	d, err := os.Open(filepath.Join(t.Root, dir))
	if t.isAbsent(dir, err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(namesAtOnce)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !Plain(name) })
		if err := do(names); err != nil {
			return err
		}
	}
}

// TmpNames lists tmp/, where our own temporary files begin with a dot.
func (t *Tree) TmpNames() ([]string, error) { return t.AllNames("tmp") }

// AllNames lists every name of a directory, also those that are not Plain.
func (t *Tree) AllNames(dir string) ([]string, error) {
	d, err := os.Open(t.Path(dir, ""))
	if t.isAbsent(dir, err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
