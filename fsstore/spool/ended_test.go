package spool_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// An operator moves the job away while the one before it gets a number: that has its name again.
func TestMoveToEndedOfAJobThatIsGone(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	storetest.Run(t, s.Dir(), "mv active/* cancelled/")
	if _, err := s.MoveToEnded(c.Path(), fsstore.Done, c.Key); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if n := strings.Count(storetest.Text(t, s, fsstore.Done, c.Key+".job"), " approve "); n != 1 || len(storetest.Ls(t, s, fsstore.Cancelled)) != 1 {
		t.Errorf("%d approvals in done/, cancelled/ %q", n, storetest.Ls(t, s, fsstore.Cancelled))
	}
	storetest.Run(t, s.Dir(), `test -z "$(ls active tmp | grep -v :)"`)
	storetest.Must(t, c.Cancel())
}

// What stands under the name of the newest and is no job of ours gets a number like any other.
func TestMoveToEndedNumbersWhatIsNoJob(t *testing.T) {
	for _, place := range []string{
		"mkdir done/K.job",
		"echo history > done/K.job; chmod 0 done/K.job",
	} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		storetest.Run(t, s.Dir(), strings.ReplaceAll(place, "K", k))
		storetest.Unprivileged(t, func() { storetest.Hold(t, s, storetest.CudaURL, "bytes") })
		storetest.Want(t, s, fsstore.Active)
		if got := storetest.Text(t, s, fsstore.Done, k+".job"); !strings.Contains(got, " done 5 ") {
			t.Errorf("%s: %s", place, got)
		}
		storetest.Run(t, s.Dir(), fmt.Sprintf("test -d done/%[1]s.2.job || grep -q history done/%[1]s.2.job", k))
	}
}
