package active_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/active"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// byHand puts a file with one URL into queue/ and claims it.
func byHand(t *testing.T, s *fsstore.Store, url string) *fsstore.Claim {
	t.Helper()
	storetest.Run(t, s.Dir(), "echo "+url+" > queue/mine.job")
	return storetest.MustClaim(t, s, storetest.WaitDue(t, s, "mine.job"))
}

// However the job of the first URL ends, a second one that came too late for its
// claim is a job of its own.
func TestAURLThatIsAddedLateIsQueued(t *testing.T) {
	const late = "for f in active/*.job; do printf '" + storetest.SecondURL + "\\nsha256 %064d\\n' 7 >> $f; done"
	for name, end := range map[string]func(s *fsstore.Store, c *fsstore.Claim) error{
		"done":   func(s *fsstore.Store, c *fsstore.Claim) error { storetest.Publish(t, c, "first"); return nil },
		"again":  func(s *fsstore.Store, c *fsstore.Claim) error { return c.Retry("503", time.Now().Add(time.Hour)) },
		"back":   func(s *fsstore.Store, c *fsstore.Claim) error { return c.Requeue("stopped") },
		"failed": func(s *fsstore.Store, c *fsstore.Claim) error { return c.Fail("404") },
		"died":   func(s *fsstore.Store, c *fsstore.Claim) error { c.Close(); return s.Recover() },
		"committed and died": func(s *fsstore.Store, c *fsstore.Claim) error {
			p, _ := c.Part(t.Context(), false)
			p.Write([]byte("first"))
			storetest.Must(t, p.Seal())
			storetest.Must(t, os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())))
			if _, err := c.Commit(c.Meta(p.SHA256(), 5, fsstore.Origin{})); err != nil {
				return err
			}
			c.Close()
			return s.Recover()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.TestStore(t)
			c := byHand(t, s, storetest.CudaURL)
			storetest.Must(t, c.Start(fsstore.Started{Size: 5}))
			storetest.Run(t, s.Dir(), late)
			if err := end(s, c); err != nil {
				t.Fatal(err)
			}
			want := "mine.job"
			if strings.HasSuffix(name, "died") { // nobody knows its first name
				want = c.Key + ".more.job"
			}
			if got := storetest.Text(t, s, fsstore.Queue, want); got != storetest.SecondURL+"\nsha256 "+strings.Repeat("0", 63)+"7\n" {
				t.Errorf("queue/%s holds %q", want, got)
			}
			n := 0
			for _, st := range []fsstore.State{fsstore.Queue, fsstore.Done, fsstore.Failed} {
				list, err := s.Jobs(st)
				storetest.Must(t, err)
				for _, j := range list {
					if j.Name == want {
						continue
					}
					n++
					if _, started := j.Job.Newest(job.Start); j.Key != c.Key || j.Batch != 0 || !started {
						t.Errorf("%s/%s: %+v", st, j.Name, j)
					}
				}
			}
			if n != 1 {
				t.Errorf("%d jobs of the first URL", n)
			}
			c2 := storetest.MustClaim(t, s, storetest.WaitDue(t, s, want))
			if c2.URL != storetest.SecondURL || !strings.HasSuffix(c2.Job.Sha256, "007") {
				t.Errorf("%q, %q", c2.URL, c2.Job.Sha256)
			}
			c2.Close()
		})
	}
}

// An option that comes late still speaks for the bytes.
func TestAnOptionThatIsAddedLateCounts(t *testing.T) {
	for name, end := range map[string]func(c *fsstore.Claim) error{
		"publish": func(c *fsstore.Claim) error {
			p, err := c.Part(t.Context(), false)
			storetest.Must(t, err)
			p.Write([]byte("bytes"))
			if _, err := c.Publish(p, fsstore.Origin{}); !errors.Is(err, fsstore.ErrAdded) {
				t.Errorf("published: %v", err)
			}
			return c.Requeue(fsstore.ErrAdded.Error())
		},
		"fail":      func(c *fsstore.Claim) error { return c.Fail("it is a page") },
		"unchanged": func(c *fsstore.Claim) error { return c.Unchanged() },
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.TestStore(t)
			storetest.Hold(t, s, storetest.CudaURL, "bytes")
			c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
			storetest.Run(t, s.Dir(), "for f in active/*.job; do printf 'sha256 %064d\\naccept any\\n' 7 >> $f; done")
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			storetest.Want(t, s, fsstore.Failed)
			c = storetest.ClaimNext(t, s)
			if !strings.HasSuffix(c.Job.Sha256, "007") || !c.Job.AcceptAny {
				t.Errorf("%+v", c.Job)
			}
			if err := c.Fail("another digest"); err != nil { // once is enough
				t.Fatal(err)
			}
			storetest.Want(t, s, fsstore.Failed, c.Key+".job")
		})
	}
}

// What a batch is given while it is taken apart, below its last URL too.
func TestWhatIsAddedToABatch(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "printf '"+storetest.CudaURL+"\\n"+storetest.CarriedURL+"\\n' > queue/list.job")
	storetest.WaitDue(t, s, "list.job")
	f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Queue, "list.job"))
	storetest.Must(t, err)
	storetest.Must(t, tree.Lock(f))
	b, err := tree.Slurp(f, tree.MaxJobFile)
	storetest.Must(t, err)
	storetest.Run(t, s.Dir(), "printf 'sha256 %064d\\n"+storetest.SecondURL+"\\n' 7 >> queue/list.job")
	storetest.Must(t, s.ReadClaim(f, "list.job", string(b)).ClaimBatch("list.job", job.Parse(b)))
	if got := storetest.Text(t, s, fsstore.Queue, "list.job"); got != storetest.CarriedURL+"\nsha256 "+strings.Repeat("0", 63)+"7\n"+storetest.SecondURL+"\n" {
		t.Errorf("%q", got)
	}
	storetest.Want(t, s, fsstore.Done, active.BatchStem("list.job")+".job")
	if n := len(storetest.Ls(t, s, fsstore.Queue)); n != 3 {
		t.Errorf("%d in queue/", n)
	}
}

// The server works on a copy of another user's file, and that user goes on
// writing into his own.
func TestWhatIsAddedToAnotherUsersFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > queue/mine.job; chown 4242 queue/mine.job")
	storetest.WaitDue(t, s, "mine.job")
	f, err := os.Open(storetest.JobPath(s, fsstore.Queue, "mine.job"))
	storetest.Must(t, err)
	defer f.Close()
	c := storetest.MustClaim(t, s, "mine.job")
	his, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_WRONLY|os.O_APPEND, 0) // it has no name now
	storetest.Must(t, err)
	defer his.Close()
	his.WriteString(storetest.SecondURL + "\n")
	storetest.Publish(t, c, "first")
	if got := storetest.Text(t, s, fsstore.Queue, "mine.job"); got != storetest.SecondURL+"\n" {
		t.Errorf("%q", got)
	}
	if got := storetest.Text(t, s, fsstore.Done, c.Key+".job"); strings.Contains(got, storetest.SecondURL) {
		t.Errorf("done: %q", got)
	}
}
