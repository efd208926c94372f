package tree_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
)

// A verb appends to a log that its claim wrote as a new file: neither overwrites the other's line.
func TestANewFileIsAppendedTo(t *testing.T) {
	files := tree.New(storetest.TestStore(t).Dir(), nil)
	f, err := files.WriteTemp([]byte("one\n"), 0o660, false)
	storetest.Must(t, err)
	path := files.Path("active", "x.job")
	storetest.Must(t, tree.RenameOver(f, path))
	verb, err := tree.OpenAppend(path)
	storetest.Must(t, err)
	for _, w := range []*os.File{verb, f} {
		_, err := w.WriteString("more\n")
		storetest.Must(t, errors.Join(err, w.Close()))
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "one\nmore\nmore\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// A new file is owned under its next name, has its mode, and leaves nothing in tmp/.
func TestANewFileIsWhole(t *testing.T) {
	files := tree.New(storetest.TestStore(t).Dir(), nil)
	path := files.Path("active", "x.job")
	f, err := files.WriteTemp(nil, 0o640, true)
	storetest.Must(t, err)
	defer f.Close()
	storetest.Must(t, tree.RenameOver(f, path))
	other, err := tree.Open(path, os.O_RDONLY)
	storetest.Must(t, err)
	defer other.Close()
	if err := tree.Lock(other); !errors.Is(err, tree.ErrLocked) {
		t.Errorf("its lock is free: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := files.WriteNew("other\n", path, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("replaced: %v", err)
	}
	storetest.Must(t, files.Replace([]byte("other\n"), path))
	if b, err := os.ReadFile(path); err != nil || string(b) != "other\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := files.Replace(nil, files.Path("gone", "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if names, err := files.TmpNames(); err != nil || len(names) > 0 {
		t.Errorf("%q, %v", names, err)
	}
}
