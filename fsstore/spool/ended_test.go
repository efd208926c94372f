package spool_test

import (
	"os"
	"path/filepath"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// TestHistoryThatCannotBeMoved holds that a job ends under a number where the file that has its name
// can't be moved, and that the newest job keeps its name where another can't be moved in: both as in
// a sticky directory of another user (chmod +t).
func TestHistoryThatCannotBeMoved(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	k := storetest.KeyOf(t, storetest.CudaURL)
	for _, c := range []struct {
		name   string
		sticky fsstore.State
		ends   bool
		done   map[string]string
	}{
		{"the older one", fsstore.Done, true, map[string]string{k + ".job": "older", k + ".2.job": "newer"}},
		{"the newer one", fsstore.Active, false, map[string]string{k + ".job": "older"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := storetest.TestStore(t)
			storetest.Run(t, s.Dir(), "printf older > done/"+k+".job; printf newer > active/x.job")
			storetest.Run(t, s.Dir(), "chown -R 65534 "+string(c.sticky)+"; chmod 1777 "+string(c.sticky))
			var err error
			storetest.Unprivileged(t, func() {
				_, err = s.MoveToEnded(storetest.JobPath(s, fsstore.Active, "x.job"), fsstore.Done, k)
			})
			if (err == nil) != c.ends {
				t.Fatal(err)
			}
			files, _ := filepath.Glob(storetest.Path(s, "done", "*"))
			if len(files) != len(c.done) {
				t.Errorf("done/ has %q", files)
			}
			for name, want := range c.done {
				if b, err := os.ReadFile(storetest.JobPath(s, fsstore.Done, name)); string(b) != want {
					t.Errorf("%s is %q, %v; want %q", name, b, err, want)
				}
			}
		})
	}
}
