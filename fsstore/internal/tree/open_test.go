package tree_test

import (
	"errors"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"os"
	"testing"
)

// Whatever else has a name in the tree does not exist, and is not waited for.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "mkfifo tmp/fifo; mkdir tmp/dir; ln -s ../README tmp/link; ln -s /dev/zero tmp/device")
	for _, name := range []string{"fifo", "dir", "link", "device"} {
		if f, err := tree.Open(storetest.Path(s, "tmp", name), os.O_RDONLY); !errors.Is(err, tree.ErrNotRegular) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}
