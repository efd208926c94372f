package fsstore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore/job"
)

// takeApart has a list claimed, and returns its log.
func takeApart(t *testing.T, s *Store, list string) string {
	t.Helper()
	run(t, s.dir, "rm -f done/* failed/*; cat > queue/list.job <<END\n"+list+"END")
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	done := ls(t, s, Done)
	if len(done) != 1 {
		t.Fatalf("done/ holds %q", done)
	}
	return text(t, s, Done, done[0])
}

const otherURL = "https://example.com/other.run"

// Two URLs of a list are one artifact. The log says so, and what can't be had
// of the second is in failed/.
func TestBatchOfOneArtifactTwice(t *testing.T) {
	one, other := digestOf("one"), digestOf("other")
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
		s := testStore(t)
		log := takeApart(t, s, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1\n"+c.first+cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2\n"+c.second+otherURL+"\n")
		if !strings.Contains(log, c.log) || !strings.Contains(log, " 2 URLs queued, 1 ") {
			t.Errorf("%s: the log is\n%s", name, log)
		}
		failed, err := s.Jobs(Failed)
		if err != nil || len(failed) != c.failed || len(ls(t, s, Queue)) != 2 {
			t.Fatalf("%s: failed %+v, queue %q, %v", name, failed, ls(t, s, Queue), err)
		}
		if c.failed > 0 && (failed[0].Job.URL != cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2" || !strings.Contains(failed[0].Job.Reason(), "same artifact as URL 1")) {
			t.Errorf("%s: %+v", name, failed[0].Job)
		}
		if c := mustClaim(t, s, keyOf(t, cudaURL)+".job"); c.URL != cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1" {
			t.Errorf("%s: fetching %s", name, c.URL)
		}
		sound(t, s)
	}
}

// A URL of a list whose job waits already: what the list asks for is added to
// that job, or the URL fails with the reason.
func TestBatchOfWhatWaits(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	add(t, s, cudaURL)
	sum := digestOf("x")
	if log := takeApart(t, s, cudaURL+"\nsha256 "+sum+"\n"+otherURL+"\n"); !strings.Contains(log, " 2 URLs queued") {
		t.Error(log)
	}
	if j, err := s.JobFile(Queue, k+".job"); err != nil || j.Job.Sha256 != sum || j.Job.Approval().Via != "batch" {
		t.Errorf("%+v, %v", j.Job, err)
	}
	log := takeApart(t, s, cudaURL+"\nsha256 "+digestOf("other")+"\n"+otherURL+"\n")
	if !strings.Contains(log, "refused URL 1") || !strings.Contains(log, " 1 URLs queued, 1 refused: see failed/") {
		t.Error(log)
	}
	want(t, s, Failed, k+".job")
	if c := mustClaim(t, s, k+".job"); c.Job.Sha256 != sum {
		t.Errorf("sha256 %q", c.Job.Sha256)
	}
	sound(t, s)
}

// A list whose worker died at any of its URLs is done again: none is lost, none
// that waits is doubled, and one that was fetched meanwhile is asked for once more.
func TestBatchIsDoneAgainAfterACrash(t *testing.T) {
	list := cudaURL + "\n" + otherURL + "\nsha256 " + digestOf("x") + "\n" + otherURL + "?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 " + digestOf("y") + "\n"
	for n := range 4 {
		s := testStore(t)
		must(t, os.WriteFile(s.job(Queue, "list.job"), []byte(list), 0o660))
		f, err := openJob(s.job(Queue, "list.job"))
		must(t, err)
		must(t, lock(f))
		jobs := job.Parse([]byte(list)).Jobs
		c := &Claim{Worker: newWorker(), Job: jobs[0], s: s, f: f}
		c, err = c.reading(len(list), jobs[2].URL).take(s.job(Queue, "list.job"), batchStem("list.job"))
		must(t, err)
		must(t, (&batch{c, jobs[:n], map[string]int{}, map[job.Kind]int{}}).expand())
		c.close()
		if n > 0 {
			publish(t, mustClaim(t, s, keyOf(t, cudaURL)+".job"), "bytes")
		}
		must(t, s.Recover())
		for _, name := range ls(t, s, Queue) {
			if strings.HasPrefix(name, "batch-") {
				if c, err := s.Claim(name); c != nil || err != nil {
					t.Fatalf("%v, %v", c, err)
				}
			}
		}
		want(t, s, Queue, keyOf(t, cudaURL)+".job", keyOf(t, otherURL)+".job")
		if j, err := s.JobFile(Queue, keyOf(t, otherURL)+".job"); err != nil || j.Job.Sha256 != digestOf("x") {
			t.Errorf("%d: %+v, %v", n, j.Job, err)
		}
		if failed := ls(t, s, Failed); len(failed) != 1+n/3 {
			t.Errorf("%d: failed/ holds %q", n, failed)
		}
		sound(t, s)
	}
}

// A URL whose option can't be taken is not fetched without it, not by a retry
// either; once the option is said well it is.
func TestBatchOfWhatCannotBeTaken(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	run(t, s.dir, "cat > queue/list.job <<END\n"+cudaURL+"\nsha256 0123\n"+otherURL+"\nEND")
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	log := text(t, s, Failed, batchStem("list.job")+".job")
	if !strings.Contains(log, "refused URL 1: line 2") || !strings.Contains(log, "the other URLs are queued, but line 2") {
		t.Error(log)
	}
	want(t, s, Queue, keyOf(t, otherURL)+".job")
	for range 2 {
		if err := s.Retry(k+".job", By{"web", ""}); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Claim(k + ".job"); c != nil || err != nil {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	sum := digestOf("x")
	run(t, s.dir, "echo 'sha256 "+sum+"' >> failed/"+k+".job; mv failed/"+k+".job queue/")
	if c := mustClaim(t, s, k+".job"); c.Job.Sha256 != sum {
		t.Errorf("sha256 %q", c.Job.Sha256)
	}
}

// A list ends though all numbers beside its name are taken: it would else come
// back, and be queued, for ever.
func TestListOfAFullName(t *testing.T) {
	s := testStore(t)
	stem := batchStem("list.job")
	list := cudaURL + "\n" + otherURL + "\n"
	must(t, os.WriteFile(s.job(Done, stem+".job"), []byte(list), 0o660))
	for n := 2; n < 10000; n++ {
		must(t, os.Link(s.job(Done, stem+".job"), s.job(Done, fmt.Sprintf("%s.%d.job", stem, n))))
	}
	must(t, os.WriteFile(s.job(Queue, "list.job"), []byte(list), 0o660))
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	want(t, s, Active)
	if log := text(t, s, Done, stem+".job"); !strings.Contains(log, " done ") {
		t.Error(log)
	}
}

// A URL of the artifact of one above it is no more taken without what it asks for.
func TestSameArtifactThatCannotBeTaken(t *testing.T) {
	s := testStore(t)
	k := keyOf(t, cudaURL)
	run(t, s.dir, "cat > queue/list.job <<END\n"+cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1\n"+cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 0123\nEND")
	if c, err := s.Claim("list.job"); c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	if log := text(t, s, Failed, k+".job"); !strings.HasPrefix(log, cudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 0123\n") {
		t.Error(log)
	}
}

// A list of a name that was there before keeps its URLs, and each URL its own
// options, wherever it ends; so does another URL of that name. The newest has the name.
func TestListsAreNoHistoryOfEachOther(t *testing.T) {
	const list = cudaURL + "\n" + otherURL + "\nsha256 "
	sum := digestOf("x")
	one, two := list+sum+"\n", list+digestOf("y")+"\n"
	for _, c := range [][2]string{{one, two}, {one, cudaURL + "\n"}, {cudaURL + "\n", one}, {cudaURL + "\n", otherURL + "\n"}} {
		s := testStore(t)
		for _, text := range c {
			run(t, s.dir, "printf %s '"+text+"' > queue/x.job")
			if err := s.Cancel("x.job", By{"cli", "x"}); err != nil {
				t.Fatal(err)
			}
		}
		for i, name := range []string{"x.2.job", "x.job"} {
			if got := text(t, s, Cancelled, name); !strings.HasPrefix(got, c[i]) {
				t.Errorf("of %q\n%s", c[i], got)
			}
		}
	}
	s := testStore(t)
	for range 2 {
		run(t, s.dir, "printf %s '"+one+"' > queue/list.job")
		if c, err := s.Claim("list.job"); c != nil || err != nil {
			t.Fatalf("%v, %v", c, err)
		}
	}
	run(t, s.dir, "rm queue/*")
	newest := batchStem("list.job") + ".job"
	if err := s.Retry(newest, By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Claim(newest); c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	if j, err := s.JobFile(Queue, keyOf(t, otherURL)+".job"); err != nil || j.Job.Sha256 != sum {
		t.Errorf("%+v, %v", j.Job, err)
	}
	if j, err := s.JobFile(Queue, keyOf(t, cudaURL)+".job"); err != nil || j.Job.Sha256 != "" {
		t.Errorf("%+v, %v", j.Job, err)
	}
}

// A cancel comes while a long list is taken apart: what is queued stays, the rest
// never is, and the list is in cancelled/ with what was done of it.
func TestBatchIsCancelled(t *testing.T) {
	for name, cancel := range map[string]func(s *Store){
		"verb": func(s *Store) { must(t, s.Cancel(batchStem("list.job"), tester)) },
		"rm":   func(s *Store) { run(t, s.dir, "rm active/*") },
	} {
		s := testStore(t)
		const urls = 3000
		var list strings.Builder
		for i := range urls {
			fmt.Fprintf(&list, "https://example.com/%d.run\n", i)
		}
		must(t, os.WriteFile(s.job(Queue, "list.job"), []byte(list.String()), 0o660))
		claimed := make(chan error)
		go func() {
			c, err := s.Claim("list.job")
			if c != nil {
				err = errors.New("a list is no claim")
			}
			claimed <- err
		}()
		for s.activeName(batchStem("list.job")) == "" || len(ls(t, s, Queue)) < 3 {
			time.Sleep(time.Millisecond)
		}
		cancel(s)
		must(t, <-claimed)
		must(t, s.Recover())
		want(t, s, Cancelled, batchStem("list.job")+".job")
		want(t, s, Active)
		log := job.Parse([]byte(text(t, s, Cancelled, batchStem("list.job")+".job")))
		events := log.Jobs[len(log.Jobs)-1].Events
		queued, cancels := "", 0
		for _, e := range events {
			switch e.Kind {
			case kindQueued:
				queued = e.Text
			case job.Cancelled:
				cancels++
			}
		}
		if cancels != 1 {
			t.Errorf("%s: %d lines say that it was cancelled", name, cancels)
		}
		if n := len(ls(t, s, Queue)); n == urls || queued != fmt.Sprintf("%d URLs queued", n) || len(log.Jobs) != urls {
			t.Errorf("%s: %d of %d URLs are in queue/, %q in the log", name, n, len(log.Jobs), queued)
		}
	}
}
