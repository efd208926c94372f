package rsync

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fromcache/fsstore"
)

// check looks at a destination before anything is written there, and returns what it holds. A
// replica goes to a directory that is new, empty or marked as a replica; a backup to one that is
// new, empty, or a data directory in which no server has kept its session-secret.
func (s *Syncer) check(ctx context.Context, dest string, backup bool) (map[string]int64, error) {
	if err := s.checkLocal(dest); err != nil {
		return nil, err
	}
	found, err := s.list(ctx, dest)
	if err != nil {
		return nil, err
	}
	_, ours := found["README"]
	_, marked := found[fsstore.ReplicaMark]
	_, served := found["session-secret"]
	delete(found, "lost+found")
	switch {
	case len(found) == 0, marked && !backup:
		return found, nil
	case served:
		return nil, fmt.Errorf("%s is a cache's own data directory, on which a server runs or ran "+
			"(it has a session-secret): name another destination", dest)
	case marked:
		return nil, fmt.Errorf("%s is a replica, and holds too little to restore from: "+
			"name another destination for the backup", dest)
	case ours && !backup:
		return nil, fmt.Errorf("%s is a data directory and no replica, a backup or a cache's own: name "+
			"another destination; or touch %s in it, and all is removed there that is not here",
			dest, fsstore.ReplicaMark)
	case !ours:
		return nil, fmt.Errorf("%s holds something else, as %q: name an empty or a new directory",
			dest, slices.Min(slices.Collect(maps.Keys(found))))
	}
	return found, nil
}

// checkLocal refuses a destination on this host that is the data directory, or lies in it.
func (s *Syncer) checkLocal(dest string) error {
	if !isLocal(dest) {
		return nil
	}
	real, err := resolve(dest)
	if err != nil {
		return err
	}
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return err
	}
	if real == dir || strings.HasPrefix(real, dir+"/") {
		return fmt.Errorf("%s is the data directory %s, or lies in it: name another destination", dest, s.dir)
	}
	return nil
}

// isLocal reports whether rsync takes a destination for a path: no colon comes before its first
// slash.
func isLocal(dest string) bool {
	host, _, _ := strings.Cut(dest, "/")
	return !strings.Contains(host, ":")
}

// resolve returns the absolute path of a directory, without links, also of one that is to be made.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if os.IsNotExist(err) && path != "/" {
		parent, err := resolve(filepath.Dir(path))
		return filepath.Join(parent, filepath.Base(path)), err
	}
	return real, err
}

// under returns the destination as rsync wants a directory: with a slash at its end.
func under(dest string) string {
	if strings.HasSuffix(dest, ":") { // the home directory
		return dest + "./"
	}
	return strings.TrimSuffix(dest, "/") + "/"
}
