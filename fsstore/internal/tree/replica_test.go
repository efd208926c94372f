package tree

import (
	"log/slog"
	"os"
	"testing"
)

// TestNamesOfWhatAReplicaLacks: a directory that a replica may lack has no names, which is no error,
// and is seen when it comes and goes.
func TestNamesOfWhatAReplicaLacks(t *testing.T) {
	tr := New(t.TempDir(), slog.New(slog.DiscardHandler))
	tr.ReadOnly = true
	var seen DirSeen
	for _, step := range []struct {
		do     func(string, os.FileMode) error
		differ bool
	}{
		{nil, false},
		{os.Mkdir, true},
		{func(path string, _ os.FileMode) error { return os.Remove(path) }, true},
		{nil, false},
	} {
		if step.do != nil {
			if err := step.do(tr.Root+"/misses", 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if differ, err := seen.NamesMayDiffer(tr, "misses"); differ != step.differ || err != nil {
			t.Errorf("%v, %v", differ, err)
		}
	}
	if _, err := seen.NamesMayDiffer(tr, "meta"); err == nil {
		t.Error("it may lack meta/")
	}
}
