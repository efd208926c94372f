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
	"fromcache/fsstore/spool"
)

// takeApart has a list claimed, and returns its log.
func takeApart(t *testing.T, s *fsstore.Store, list string) string {
	t.Helper()
	storetest.Run(t, s.Dir(), "rm -f done/* failed/*; cat > queue/list.job <<END\n"+list+"END")
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	done := storetest.Ls(t, s, fsstore.Done)
	if len(done) != 1 {
		t.Fatalf("done/ holds %q", done)
	}
	return storetest.Text(t, s, fsstore.Done, done[0])
}

// Two URLs of a list are one artifact. The log says so, and what can't be had
// of the second is in failed/.
func TestBatchOfOneArtifactTwice(t *testing.T) {
	one, other := storetest.DigestOf("one"), storetest.DigestOf("other")
	for name, c := range map[string]struct {
		first, second string // options
		log           string
		failed        int
	}{
		"no digest":           {"", "", "same URL 2: it is the same artifact as URL 1, which is fetched", 0},
		"the same digest":     {"sha256 " + one + "\n", "sha256 " + one + "\n", "same URL 2", 0},
		"digest of the first": {"sha256 " + one + "\n", "", "same URL 2", 0},
		"another digest":      {"sha256 " + one + "\n", "sha256 " + other + "\n", "refused URL 2", 1},
		"another accept":      {"", "accept any\n", "refused URL 2", 1},
	} {
		s := storetest.TestStore(t)
		log := takeApart(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1\n"+c.first+storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2\n"+c.second+storetest.OtherURL+"\n")
		if !strings.Contains(log, c.log) || !strings.Contains(log, " 2 URLs queued, 1 ") {
			t.Errorf("%s: the log is\n%s", name, log)
		}
		failed, err := s.Jobs(fsstore.Failed)
		if err != nil || len(failed) != c.failed || len(storetest.Ls(t, s, fsstore.Queue)) != 2 {
			t.Fatalf("%s: failed %+v, queue %q, %v", name, failed, storetest.Ls(t, s, fsstore.Queue), err)
		}
		if c.failed > 0 && (failed[0].Job.URL != storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2" || !strings.Contains(failed[0].Job.Reason(), "same artifact as URL 1")) {
			t.Errorf("%s: %+v", name, failed[0].Job)
		}
		if c := storetest.MustClaim(t, s, storetest.KeyOf(t, storetest.CudaURL)+".job"); c.URL != storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1" {
			t.Errorf("%s: fetching %s", name, c.URL)
		}
		storetest.Sound(t, s)
	}
}

// A URL of a list whose job waits already: what the list asks for is added to
// that job, or the URL fails with the reason.
func TestBatchOfWhatWaits(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Add(t, s, storetest.CudaURL)
	sum := storetest.DigestOf("x")
	if log := takeApart(t, s, storetest.CudaURL+"\nsha256 "+sum+"\n"+storetest.OtherURL+"\n"); !strings.Contains(log, " 2 URLs queued") {
		t.Error(log)
	}
	if j, err := s.JobFile(fsstore.Queue, k+".job"); err != nil || j.Job.Sha256 != sum || j.Job.Approval().Via != "batch" {
		t.Errorf("%+v, %v", j.Job, err)
	}
	log := takeApart(t, s, storetest.CudaURL+"\nsha256 "+storetest.DigestOf("other")+"\n"+storetest.OtherURL+"\n")
	if !strings.Contains(log, "refused URL 1") || !strings.Contains(log, " 1 URLs queued, 1 refused: see failed/") {
		t.Error(log)
	}
	storetest.Want(t, s, fsstore.Failed, k+".job")
	if c := storetest.MustClaim(t, s, k+".job"); c.Job.Sha256 != sum {
		t.Errorf("sha256 %q", c.Job.Sha256)
	}
	storetest.Sound(t, s)
}

// A list whose worker died at any of its URLs is done again: none is lost, none
// that waits is doubled, and one that was fetched meanwhile is asked for once more.
func TestBatchIsDoneAgainAfterACrash(t *testing.T) {
	list := storetest.CudaURL + "\n" + storetest.OtherURL + "\nsha256 " + storetest.DigestOf("x") + "\n" + storetest.OtherURL + "?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 " + storetest.DigestOf("y") + "\n"
	for n := range 4 {
		s := storetest.TestStore(t)
		storetest.Must(t, os.WriteFile(storetest.JobPath(s, fsstore.Queue, "list.job"), []byte(list), 0o660))
		f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Queue, "list.job"))
		storetest.Must(t, err)
		storetest.Must(t, tree.Lock(f))
		jobs := job.Parse([]byte(list)).Jobs
		c, err := s.ReadClaim(f, "list.job", list).Take("list.job")
		storetest.Must(t, err)
		storetest.Must(t, c.Expand(jobs[:n]))
		c.Close()
		if n > 0 {
			storetest.Publish(t, storetest.MustClaim(t, s, storetest.KeyOf(t, storetest.CudaURL)+".job"), "bytes")
		}
		storetest.Must(t, s.Recover())
		for _, name := range storetest.Ls(t, s, fsstore.Queue) {
			if strings.HasPrefix(name, "batch-") {
				if c, err := s.Claim(name); c != nil || err != nil {
					t.Fatalf("%v, %v", c, err)
				}
			}
		}
		storetest.Want(t, s, fsstore.Queue, storetest.KeyOf(t, storetest.CudaURL)+".job", storetest.KeyOf(t, storetest.OtherURL)+".job")
		if j, err := s.JobFile(fsstore.Queue, storetest.KeyOf(t, storetest.OtherURL)+".job"); err != nil || j.Job.Sha256 != storetest.DigestOf("x") {
			t.Errorf("%d: %+v, %v", n, j.Job, err)
		}
		if failed := storetest.Ls(t, s, fsstore.Failed); len(failed) != 1+n/3 {
			t.Errorf("%d: failed/ holds %q", n, failed)
		}
		storetest.Sound(t, s)
	}
}

// A URL whose option can't be taken is not fetched without it, not by a retry
// either; once the option is said well it is.
func TestBatchOfWhatCannotBeTaken(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "cat > queue/list.job <<END\n"+storetest.CudaURL+"\nsha256 0123\n"+storetest.OtherURL+"\nEND")
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	log := storetest.Text(t, s, fsstore.Failed, active.BatchStem("list.job")+".job")
	if !strings.Contains(log, "refused URL 1: line 2") || !strings.Contains(log, "the other URLs are queued, but line 2") {
		t.Error(log)
	}
	storetest.Want(t, s, fsstore.Queue, storetest.KeyOf(t, storetest.OtherURL)+".job")
	for range 2 {
		if err := s.Retry(k+".job", fsstore.Operator{Via: "web", Addr: ""}); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Claim(k + ".job"); c != nil || err != nil {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	sum := storetest.DigestOf("x")
	storetest.Run(t, s.Dir(), "echo 'sha256 "+sum+"' >> failed/"+k+".job; mv failed/"+k+".job queue/")
	if c := storetest.MustClaim(t, s, k+".job"); c.Job.Sha256 != sum {
		t.Errorf("sha256 %q", c.Job.Sha256)
	}
}

// A list ends though all numbers beside its name are taken: it would else come
// back, and be queued, for ever.
func TestListOfAFullName(t *testing.T) {
	s := storetest.TestStore(t)
	stem := active.BatchStem("list.job")
	list := storetest.CudaURL + "\n" + storetest.OtherURL + "\n"
	storetest.Must(t, os.WriteFile(storetest.JobPath(s, fsstore.Done, stem+".job"), []byte(list), 0o660))
	for n := 2; n < 10000; n++ {
		storetest.Must(t, os.Link(storetest.JobPath(s, fsstore.Done, stem+".job"), storetest.JobPath(s, fsstore.Done, fmt.Sprintf("%s.%d.job", stem, n))))
	}
	storetest.Must(t, os.WriteFile(storetest.JobPath(s, fsstore.Queue, "list.job"), []byte(list), 0o660))
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	storetest.Want(t, s, fsstore.Active)
	if log := storetest.Text(t, s, fsstore.Done, stem+".job"); !strings.Contains(log, " done ") {
		t.Error(log)
	}
}

// A URL of the artifact of one above it is no more taken without what it asks for.
func TestSameArtifactThatCannotBeTaken(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "cat > queue/list.job <<END\n"+storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1\n"+storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 0123\nEND")
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	if log := storetest.Text(t, s, fsstore.Failed, k+".job"); !strings.HasPrefix(log, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 0123\n") {
		t.Error(log)
	}
}

// A list of a name that was there before keeps its URLs, and each URL its own
// options, wherever it ends; so does another URL of that name. The newest has the name.
func TestListsAreNoHistoryOfEachOther(t *testing.T) {
	const list = storetest.CudaURL + "\n" + storetest.OtherURL + "\nsha256 "
	sum := storetest.DigestOf("x")
	one, two := list+sum+"\n", list+storetest.DigestOf("y")+"\n"
	for _, c := range [][2]string{{one, two}, {one, storetest.CudaURL + "\n"}, {storetest.CudaURL + "\n", one}, {storetest.CudaURL + "\n", storetest.OtherURL + "\n"}} {
		s := storetest.TestStore(t)
		for _, text := range c {
			storetest.Run(t, s.Dir(), "printf %s '"+text+"' > queue/x.job")
			if err := s.Cancel("x.job", fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		for i, name := range []string{"x.2.job", "x.job"} {
			if got := storetest.Text(t, s, fsstore.Cancelled, name); !strings.HasPrefix(got, c[i]) {
				t.Errorf("of %q\n%s", c[i], got)
			}
		}
	}
	s := storetest.TestStore(t)
	for range 2 {
		storetest.Run(t, s.Dir(), "printf %s '"+one+"' > queue/list.job")
		if c, err := s.Claim("list.job"); c != nil || err != nil {
			t.Fatalf("%v, %v", c, err)
		}
	}
	storetest.Run(t, s.Dir(), "rm queue/*")
	newest := active.BatchStem("list.job") + ".job"
	if err := s.Retry(newest, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Claim(newest); c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	if j, err := s.JobFile(fsstore.Queue, storetest.KeyOf(t, storetest.OtherURL)+".job"); err != nil || j.Job.Sha256 != sum {
		t.Errorf("%+v, %v", j.Job, err)
	}
	if j, err := s.JobFile(fsstore.Queue, storetest.KeyOf(t, storetest.CudaURL)+".job"); err != nil || j.Job.Sha256 != "" {
		t.Errorf("%+v, %v", j.Job, err)
	}
}

// A cancel comes while a long list is taken apart: what is queued stays, the rest
// never is, and the list is in cancelled/ with what was done of it.
func TestBatchIsCancelled(t *testing.T) {
	for name, cancel := range map[string]func(s *fsstore.Store){
		"verb": func(s *fsstore.Store) { storetest.Must(t, s.Cancel(active.BatchStem("list.job"), storetest.Operator)) },
		"rm":   func(s *fsstore.Store) { storetest.Run(t, s.Dir(), "rm active/*") },
	} {
		s := storetest.TestStore(t)
		const urls = 3000
		var list strings.Builder
		for i := range urls {
			fmt.Fprintf(&list, "https://example.com/%d.run\n", i)
		}
		storetest.Must(t, os.WriteFile(storetest.JobPath(s, fsstore.Queue, "list.job"), []byte(list.String()), 0o660))
		claimed := make(chan error)
		go func() {
			c, err := s.Claim("list.job")
			if c != nil {
				err = errors.New("a list is no claim")
			}
			claimed <- err
		}()
		for s.FindActiveByKey(active.BatchStem("list.job")) == "" || len(storetest.Ls(t, s, fsstore.Queue)) < 3 {
			time.Sleep(time.Millisecond)
		}
		cancel(s)
		storetest.Must(t, <-claimed)
		storetest.Must(t, s.Recover())
		storetest.Want(t, s, fsstore.Cancelled, active.BatchStem("list.job")+".job")
		storetest.Want(t, s, fsstore.Active)
		log := job.Parse([]byte(storetest.Text(t, s, fsstore.Cancelled, active.BatchStem("list.job")+".job")))
		events := log.Jobs[len(log.Jobs)-1].Events
		queued, cancels := "", 0
		for _, e := range events {
			switch e.Kind {
			case spool.KindQueued:
				queued = e.Text
			case job.Cancelled:
				cancels++
			}
		}
		if cancels != 1 {
			t.Errorf("%s: %d lines say that it was cancelled", name, cancels)
		}
		if n := len(storetest.Ls(t, s, fsstore.Queue)); n == urls || queued != fmt.Sprintf("%d URLs queued", n) || len(log.Jobs) != urls {
			t.Errorf("%s: %d of %d URLs are in queue/, %q in the log", name, n, len(log.Jobs), queued)
		}
	}
}

func TestBatch(t *testing.T) {
	s := storetest.TestStore(t)
	sum := storetest.DigestOf("b")
	storetest.Run(t, s.Dir(), "cat > queue/cuda.job <<'E'\n# a list\nhttps://example.com/a.run\r\n\nhttps://example.com/b.run\nsha256 "+sum+"\nhttps://example.com/c.run\nafter 2999-01-01T00:00:00Z\nhttps://example.com/a.run\nE")
	name := storetest.WaitDue(t, s, "cuda.job")
	if c, err := s.Claim(name); c != nil || err != nil {
		t.Fatalf("a batch is a claim: %v, %v", c, err)
	}
	if q := storetest.Ls(t, s, fsstore.Queue); len(q) != 3 {
		t.Fatalf("queue/ holds %q", q)
	}
	storetest.Want(t, s, fsstore.Active)
	if d := storetest.Ls(t, s, fsstore.Done); len(d) != 1 || !strings.HasPrefix(d[0], "batch-") {
		t.Errorf("done/ holds %q", d)
	}
	b := storetest.MustClaim(t, s, storetest.KeyOf(t, "https://example.com/b.run")+".job")
	if b.Job.Sha256 != sum || b.Job.Approval().Via != "batch" {
		t.Errorf("b: %+v", b.Job)
	}
	if due, _ := s.Due(); len(due) != 1 {
		t.Errorf("due now: %q", due)
	}
	storetest.Sound(t, s)
}

// TestALargeBatchGoesOn: each URL is noted in it, and it comes back from a crash
// as a batch, however long its log is by then.
func TestALargeBatchGoesOn(t *testing.T) {
	s := storetest.TestStore(t)
	var text strings.Builder
	const n = 400
	for i := range n {
		fmt.Fprintf(&text, "https://example.com/%s/%d.run\n", strings.Repeat("long", 40), i)
	}
	name := tree.ActiveJobName(active.BatchStem("list.job"), "0123456789abcdef")
	if err := os.WriteFile(storetest.JobPath(s, fsstore.Active, name), []byte(text.String()), 0o660); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "test -z \"$(ls failed)\"; touch -d '1 hour ago' queue/*")
	if c, err := s.Claim(active.BatchStem("list.job") + ".job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	if got := len(storetest.Ls(t, s, fsstore.Queue)); got != n {
		t.Errorf("%d jobs", got)
	}
	var giant strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&giant, "https://example.com/giant/%d.run\n", i)
	}
	if err := os.WriteFile(storetest.JobPath(s, fsstore.Queue, storetest.KeyOf(t, storetest.CudaURL)+".job"), []byte(giant.String()), 0o660); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Claim(storetest.KeyOf(t, storetest.CudaURL) + ".job"); c != nil || err != nil {
		t.Fatal(c, err)
	}
	storetest.Run(t, s.Dir(), "grep -q 'split it' failed/*")
}
