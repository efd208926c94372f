package active_test

import (
	"errors"
	"fmt"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

// A job whose log has no room for its attempts any more ends.
func TestJobWithAFullLogFails(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.Add(t, s, storetest.CudaURL)
	storetest.Run(t, s.Dir(), fmt.Sprintf("yes '2026-11-22T21:31:00Z error 503' | head -c %d >> queue/%s; echo >> queue/%s", job.MaxFile-512, k, k))
	if err := storetest.ClaimNext(t, s).Retry("503", time.Now()); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Failed, k)
}

func TestCancelByAnyMove(t *testing.T) {
	k := storetest.KeyOf(t, storetest.CudaURL)
	for _, script := range []string{
		"rm active/*",
		"mv active/* cancelled/",
		"mv active/* cancelled/" + k + ".job",
		"mv active/* ..",
		"mv active/* failed/",
		"mv active/* done/whatever.job",
	} {
		s := storetest.TestStore(t)
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		if !c.Owns() {
			t.Fatal("a fresh claim is not held")
		}
		storetest.Run(t, s.Dir(), script)
		if c.Owns() {
			t.Fatalf("%s: still held", script)
		}
		p, err := c.Part(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		p.Write([]byte("x"))
		if _, err := c.Publish(p, fsstore.Origin{}); !errors.Is(err, fsstore.ErrLost) {
			t.Errorf("%s: publish: %v", script, err)
		}
		if err := c.Cancel(); err != nil {
			t.Errorf("%s: %v", script, err)
		}
		storetest.Want(t, s, fsstore.Cancelled, k+".job")
		storetest.Want(t, s, fsstore.Active)
		storetest.Want(t, s, fsstore.Done)
		if _, err := s.Lookup(storetest.CudaURL); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: cancelled, and yet held: %v", script, err)
		}
		if text := storetest.Text(t, s, fsstore.Cancelled, k+".job"); !strings.HasPrefix(text, storetest.CudaURL+"\n") || !strings.Contains(text, " cancelled shell\n") {
			t.Errorf("%s: %s", script, text)
		}
	}
}

func TestCancelAfterTheCommitSaysSo(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	if err := os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())); err != nil {
		t.Fatal(err)
	}
	a, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{}))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "rm active/*")
	if err := c.Finish(job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}); !errors.Is(err, fsstore.ErrLost) {
		t.Fatal(err)
	}
	if err := c.Cancel(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(storetest.CudaURL); err != nil {
		t.Error("the artifact had been committed, and is gone:", err)
	}
	if got := storetest.Text(t, s, fsstore.Cancelled, c.Key+".job"); !strings.Contains(got, " done 5 ") || !strings.Contains(got, " cancelled shell") {
		t.Error(got)
	}
}

// A disk that takes neither the last line nor a copy with it: the job stays in
// active/, and recovery ends it when the disk takes lines again.
func TestDoneWaitsForItsLine(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("bytes"))
	storetest.Must(t, os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())))
	a, err := c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{}))
	storetest.Must(t, err)
	f := c.F()
	unwritable, err := os.Open(c.Path())
	storetest.Must(t, err)
	c.SetF(unwritable)
	storetest.Run(t, s.Dir(), "mv tmp ../tmp")
	if err := c.Finish(job.Event{Kind: job.Done, Count: 1, Size: a.Size, Sha256: a.SHA256}); err == nil {
		t.Error("finished without its line")
	}
	f.Close()
	storetest.Run(t, s.Dir(), "mv ../tmp tmp")
	storetest.Want(t, s, fsstore.Done)
	storetest.Must(t, s.Recover())
	if got := storetest.Text(t, s, fsstore.Done, c.Key+".job"); strings.Count(got, " done 5 ") != 1 {
		t.Error(got)
	}
}

func TestCancelByVerb(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	by := fsstore.Operator{Via: "web", Addr: "10.0.0.2"}
	for range 2 { // the second finds the job of the first
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		if err := s.Cancel(k, by); err != nil {
			t.Fatal(err)
		}
		if err := c.Cancel(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(storetest.Text(t, s, fsstore.Cancelled, k+".job"), " cancelled web 10.0.0.2"); n != 1 {
			t.Errorf("%d cancelled lines", n)
		}
	}
	name := storetest.Add(t, s, storetest.CudaURL)
	if err := s.Cancel(name, by); err != nil {
		t.Fatal(err)
	}
	storetest.Want(t, s, fsstore.Queue)
	storetest.Want(t, s, fsstore.Cancelled, k+".2.job", k+".3.job", k+".job")
	if err := s.Retry(k, by); err != nil {
		t.Fatal(err)
	}
	if c := storetest.ClaimNext(t, s); c.Key != k {
		t.Errorf("retried %s", c.Key)
	}
	if err := s.Cancel("nothing", by); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cancel of nothing: %v", err)
	}
}

// Retry and Dismiss of a job that a listing showed before its worker noticed
// the cancel, and of one whose worker has not noticed yet.
// TestCancelOfWhatGoesBackAndForth: a job that is claimed and put back again and
// again, as where a host has no address, is found where it is.
func TestCancelOfWhatGoesBackAndForth(t *testing.T) {
	s := storetest.TestStore(t)
	const k = "v.example--x.run--0123456789abcdef0123456789abcdef"
	queued, active := storetest.JobPath(s, fsstore.Queue, k+".job"), storetest.JobPath(s, fsstore.Active, tree.ActiveJobName(k, "0123456789abcdef"))
	for range 200 {
		if err := os.WriteFile(queued, []byte("https://v.example/x.run\n"), 0o660); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for os.Rename(queued, active) == nil {
				time.Sleep(100 * time.Microsecond)
				if os.Rename(active, queued) != nil {
					return
				}
				time.Sleep(100 * time.Microsecond)
			}
		}()
		err := s.Cancel(k, fsstore.Operator{Via: "web"})
		os.Remove(queued) // where it is still there, that ends the moves
		os.Remove(active)
		for still := true; still; {
			select {
			case <-done:
				still = false
			default:
				os.Remove(queued)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetryRightAfterCancel(t *testing.T) {
	for _, noticed := range []bool{true, false} {
		s := storetest.TestStore(t)
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		storetest.Must(t, s.Cancel(c.Key, fsstore.Operator{Via: "cli", Addr: "test"}))
		seen := storetest.Ls(t, s, fsstore.Cancelled)
		if noticed {
			storetest.Must(t, c.Cancel())
		}
		if err := s.Retry(seen[0], fsstore.Operator{Via: "cli", Addr: "test"}); err != nil {
			t.Fatalf("noticed %v: retry of %s: %v", noticed, seen[0], err)
		}
		if !noticed {
			storetest.Must(t, c.Cancel())
		}
		storetest.Want(t, s, fsstore.Queue, c.Key+".job")
		storetest.Want(t, s, fsstore.Cancelled)
		storetest.Must(t, s.Cancel(c.Key, fsstore.Operator{Via: "cli", Addr: "test"}))
		if err := s.Dismiss(seen[0], fsstore.Operator{Via: "cli", Addr: "test"}); err != nil {
			t.Errorf("dismiss of %s: %v", seen[0], err)
		}
	}
}

// What was cleared does not come back because its worker notices late.
func TestClearRightAfterCancel(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	storetest.Must(t, s.Cancel(c.Key, fsstore.Operator{Via: "cli", Addr: "test"}))
	if n, err := s.Clear(fsstore.Operator{Via: "cli", Addr: "test"}); n != 1 || err != nil {
		t.Fatalf("cleared %d, %v", n, err)
	}
	storetest.Must(t, c.Cancel())
	storetest.Want(t, s, fsstore.Cancelled)
	storetest.Want(t, s, fsstore.Queue)
}

func TestRetryWaitsAndCounts(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	if err := c.Retry("503 Service Unavailable", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("due within the hour: %q", due)
	}
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "mv queue/* cancelled/ && mv cancelled/* queue/")
	if due, _ := s.Due(); len(due) != 0 {
		t.Errorf("a mere move shortens the wait: %q", due)
	}
	if err := s.Cancel(k, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "mv cancelled/* queue/")
	c = storetest.ClaimNext(t, s) // moved back: due now
	if e, _ := c.Job.Newest(job.Retry); e.Via != "shell" {
		t.Errorf("log: %+v", c.Job.Events)
	}
}

func TestMovesNeverReplace(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	for i := range 3 {
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		if err := c.Fail(fmt.Sprint("reason ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if f := storetest.Ls(t, s, fsstore.Failed); len(f) != 3 {
		t.Fatalf("failed/ holds %q", f)
	}
	for _, name := range []string{k, k + ".2.job", k + ".3.job"} {
		if err := s.Retry(name, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if q := storetest.Ls(t, s, fsstore.Queue); len(q) != 3 {
		t.Errorf("queue/ holds %q", q)
	}
	for range 3 {
		storetest.Publish(t, storetest.ClaimNext(t, s), "x")
	}
	storetest.Want(t, s, fsstore.Done, k+".2.job", k+".3.job", k+".job")
}

// TestWaitIsNoAttempt: a job may wait as often as it must, and its log keeps
// its size.
func TestWaitIsNoAttempt(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.Add(t, s, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "yes '2026-11-22T21:31:00Z wait there is no room, and it goes on by itself once there is' | head -c 64000 >> queue/"+k+"; echo >> queue/"+k)
	for range 3 {
		c := storetest.ClaimNext(t, s)
		if err := c.Defer("no room", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(storetest.Text(t, s, fsstore.Queue, k)); n > 2<<10 {
		t.Errorf("the log has %d bytes", n)
	}
	storetest.Publish(t, storetest.ClaimNext(t, s), "bytes")
}
