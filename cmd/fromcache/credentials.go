package main

import (
	"io/fs"
	"os"
	"slices"
	"strings"
)

// originsCredential is the directory that LoadCredential=origins:DIR in a unit hands over.
// systemd.exec(5) has the file DIR/a/b as origins_a_b there, mode 0400 and the server's own, while
// DIR itself may be root's.
type originsCredential struct{ dir fs.FS }

const originsPrefix = "origins_"

// openOriginsCredential returns the directory in dir, which is CREDENTIALS_DIRECTORY, or nil where
// nothing was handed over.
func openOriginsCredential(dir string) (fs.FS, error) {
	if dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	c := originsCredential{root.FS()}
	if list, err := c.ReadDir("."); len(list) == 0 || err != nil {
		root.Close()
		return nil, err
	}
	return c, nil
}

// Open opens the file of a host, or one that it names.
func (c originsCredential) Open(name string) (fs.File, error) {
	if name == "." || !fs.ValidPath(name) {
		return c.dir.Open(name)
	}
	return c.dir.Open(originsPrefix + strings.ReplaceAll(name, "/", "_"))
}

// ReadDir lists the files, whatever directory is asked for: they have no subdirectories any more.
func (c originsCredential) ReadDir(string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(c.dir, ".")
	list = slices.DeleteFunc(list, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), originsPrefix) })
	for i, e := range list {
		list[i] = credentialEntry{e}
	}
	return list, err
}

// credentialEntry has the name that the file had before it was handed over.
type credentialEntry struct{ fs.DirEntry }

func (e credentialEntry) Name() string { return strings.TrimPrefix(e.DirEntry.Name(), originsPrefix) }
