package tree_test

import (
	"path/filepath"
	"strings"
	"testing"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"", ".", "..", "x.job", "a@0123456789abcdef.job", "example.com--x.run--0123456789abcdef.2.job", "-x", "x~", "a/b", "x\x00", strings.Repeat("y", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if stem, worker, ok := tree.SplitActive(name); ok && tree.ActiveJobName(stem, worker) != name {
			t.Fatalf("%q is %q and %q", name, stem, worker)
		}
		if tree.Plain(name) && filepath.Base(filepath.Clean("/dir/"+name)) != name {
			t.Fatalf("%q leads out of its directory", name)
		}
		if stem := tree.StemOf(name); key.Valid(stem) && !strings.HasPrefix(name, stem) {
			t.Fatalf("%q is of %q", name, stem)
		}
		if tree.IsQueueName(name) && !tree.Plain(name) {
			t.Fatalf("%q counts in queue/", name)
		}
	})
}
