package active_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// committedOrphan is a claim whose worker died between the commit and the move
// to done/.
func committedOrphan(t *testing.T, s *fsstore.Store) *fsstore.Claim {
	t.Helper()
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	storetest.Must(t, os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())))
	if _, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{})); err != nil {
		t.Fatal(err)
	}
	c.Close()
	return c
}

// While a part of the tree is away nothing is put in order: with meta/ an
// orphan's commit is away, and with another in its place every blob is nobody's.
func TestHalfATreeIsLeftAlone(t *testing.T) {
	dir, today := t.TempDir()+"/data", time.Now()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(today))
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		c := committedOrphan(t, s)
		storetest.Run(t, dir, "mv meta ../meta")
		tidied(s)
		if len(storetest.Ls(t, s, fsstore.Active)) != 1 {
			t.Errorf("recovered without meta/: queue %q", storetest.Ls(t, s, fsstore.Queue))
		}
		storetest.Run(t, dir, "mkdir ../empty; ln -s ../empty meta")
		tidied(s)
		if !tree.Exists(storetest.Path(s, "blobs", storetest.DigestOf("bytes"))) {
			t.Error("gc went by another meta/")
		}
		storetest.Run(t, dir, "rm meta; mv ../meta meta")
		tidied(s)
		storetest.Want(t, s, fsstore.Done, c.Key+".job")
		storetest.Sound(t, s)
	})
}

// tidied has Run go on until its hourly round, the first of which comes after a minute.
func tidied(s *fsstore.Store) {
	ctx, cancel := context.WithTimeout(context.Background(), 61*time.Second)
	defer cancel()
	_ = s.Run(ctx)
}

func TestOneFileSystemHoldsAll(t *testing.T) {
	dir := t.TempDir()
	elsewhere, err := os.Stat("/proc")
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.PrepareSub(dir, elsewhere); err == nil || !strings.Contains(err.Error(), "another file system") {
		t.Error(err)
	}
}

// What meta says a dead claim has committed is done only if it is held.
func TestAnOrphanIsDoneIfItIsHeld(t *testing.T) {
	for script, done := range map[string]bool{
		"mv blobs/D tmp/D.gone":                    true, // by gc
		"chmod 644 blobs/D; truncate -s 3 blobs/D": false,
		"rm blobs/D": false,
	} {
		s := storetest.TestStore(t)
		committedOrphan(t, s)
		storetest.Run(t, s.Dir(), strings.ReplaceAll(script, "D", storetest.DigestOf("bytes")))
		if err := s.Recover(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Lookup(storetest.CudaURL); (err == nil) != done || len(storetest.Ls(t, s, fsstore.Done)) == 1 != done {
			t.Errorf("%s: %v, done %q, queue %q", script, err, storetest.Ls(t, s, fsstore.Done), storetest.Ls(t, s, fsstore.Queue))
		}
	}
}

// A verb's name leads nowhere else.
func TestVerbsStayInTheirDirectories(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > ../x.job; cp ../x.job ../x.json; cp ../x.job ../x")
	before := fmt.Sprint(storetest.Ls(t, s, fsstore.Queue), storetest.Ls(t, s, fsstore.Failed), storetest.Ls(t, s, fsstore.Cancelled), storetest.Ls(t, s, fsstore.Done))
	for verb, do := range map[string]func(string, fsstore.Operator) error{"approve": storetest.ApproveOne(s), "dismiss": s.Dismiss, "cancel": s.Cancel, "retry": s.Retry, "evict": s.Evict, "allow": s.Allow} {
		for _, name := range []string{"../../x", "../../x.job", "../done/" + k, "../done/" + k + ".job"} {
			if err := do(name, storetest.Operator); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s %s: %v", verb, name, err)
			}
		}
	}
	for _, name := range []string{"../../x", "../../x.job", "../done/" + k} {
		if err := s.Deny(name, storetest.Operator); !errors.Is(err, fsstore.ErrInvalid) {
			t.Errorf("deny %s: %v", name, err)
		}
	}
	storetest.Run(t, s.Dir(), "test -f ../x -a -f ../x.job -a -f ../x.json")
	if after := fmt.Sprint(storetest.Ls(t, s, fsstore.Queue), storetest.Ls(t, s, fsstore.Failed), storetest.Ls(t, s, fsstore.Cancelled), storetest.Ls(t, s, fsstore.Done)); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

// A job whose log has no room for its attempts any more ends.
func TestAFullLogEnds(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.Add(t, s, storetest.CudaURL)
	storetest.Run(t, s.Dir(), fmt.Sprintf("yes '2026-11-22T21:31:00Z error 503' | head -c %d >> queue/%s; echo >> queue/%s", job.MaxFile-512, k, k))
	if err := storetest.ClaimNext(t, s).Retry("503", time.Now()); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Failed, k)
}

// An operator moves the job away while the one before it gets a number: that has its name again.
func TestHistoryComesToNoOtherPlace(t *testing.T) {
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
	c.Close()
}

// What stands under the name of the newest and is no job of ours gets a number like any other.
func TestHistoryThatIsInTheWay(t *testing.T) {
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

func TestNoURLWithAPasswordIsAdded(t *testing.T) {
	s := storetest.TestStore(t)
	if _, err := s.Add(fsstore.Addition{URL: "https://user:word@example.com/x.run"}, storetest.Operator); !errors.Is(err, key.ErrBadURL) {
		t.Error(err)
	}
	storetest.Want(t, s, fsstore.Queue)
}
