package fsstore

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore/job"
)

const secondURL = "https://example.com/second.run"

// byHand puts a file with one URL into queue/ and claims it.
func byHand(t *testing.T, s *Store, url string) *Claim {
	t.Helper()
	run(t, s.dir, "echo "+url+" > queue/mine.job")
	return mustClaim(t, s, waitDue(t, s, "mine.job"))
}

// However the job of the first URL ends, a second one that came too late for its
// claim is a job of its own.
func TestAURLThatIsAddedLateIsQueued(t *testing.T) {
	const late = "for f in active/*.job; do printf '" + secondURL + "\\nsha256 %064d\\n' 7 >> $f; done"
	for name, end := range map[string]func(c *Claim) error{
		"done":   func(c *Claim) error { publish(t, c, "first"); return nil },
		"again":  func(c *Claim) error { return c.Again("503", time.Now().Add(time.Hour)) },
		"back":   func(c *Claim) error { return c.PutBack("stopped") },
		"failed": func(c *Claim) error { return c.Fail("404") },
		"died":   func(c *Claim) error { c.close(); return c.s.Recover() },
		"committed and died": func(c *Claim) error {
			p, _ := c.Part(t.Context(), false)
			p.Write([]byte("first"))
			must(t, p.seal())
			must(t, os.Rename(p.path, c.s.path("blobs", p.SHA256())))
			if _, err := c.commit(c.meta(p.SHA256(), 5, Origin{})); err != nil {
				return err
			}
			c.close()
			return c.s.Recover()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			c := byHand(t, s, cudaURL)
			must(t, c.Start(Started{Size: 5}))
			run(t, s.dir, late)
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			want := "mine.job"
			if strings.HasSuffix(name, "died") { // nobody knows its first name
				want = c.Key + ".more.job"
			}
			if got := text(t, s, Queue, want); got != secondURL+"\nsha256 "+strings.Repeat("0", 63)+"7\n" {
				t.Errorf("queue/%s holds %q", want, got)
			}
			n := 0
			for _, st := range []State{Queue, Done, Failed} {
				list, err := s.Jobs(st)
				must(t, err)
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
			c2 := mustClaim(t, s, waitDue(t, s, want))
			if c2.URL != secondURL || !strings.HasSuffix(c2.Job.Sha256, "007") {
				t.Errorf("%q, %q", c2.URL, c2.Job.Sha256)
			}
			c2.close()
		})
	}
}

// An option that comes late still speaks for the bytes.
func TestAnOptionThatIsAddedLateCounts(t *testing.T) {
	for name, end := range map[string]func(c *Claim) error{
		"publish": func(c *Claim) error {
			p, err := c.Part(t.Context(), false)
			must(t, err)
			p.Write([]byte("bytes"))
			if _, err := c.Publish(p, Origin{}); !errors.Is(err, ErrAdded) {
				t.Errorf("published: %v", err)
			}
			return c.PutBack(ErrAdded.Error())
		},
		"fail":      func(c *Claim) error { return c.Fail("it is a page") },
		"unchanged": func(c *Claim) error { return c.Unchanged() },
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			hold(t, s, cudaURL, "bytes")
			c := mustClaim(t, s, add(t, s, cudaURL))
			run(t, s.dir, "for f in active/*.job; do printf 'sha256 %064d\\naccept any\\n' 7 >> $f; done")
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			want(t, s, Failed)
			c = claimNext(t, s)
			if !strings.HasSuffix(c.Job.Sha256, "007") || !c.Job.AcceptAny {
				t.Errorf("%+v", c.Job)
			}
			if err := c.Fail("another digest"); err != nil { // once is enough
				t.Fatal(err)
			}
			want(t, s, Failed, c.Key+".job")
		})
	}
}

// What a batch is given while it is taken apart, below its last URL too.
func TestWhatIsAddedToABatch(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, "printf '"+cudaURL+"\\n"+carriedURL+"\\n' > queue/list.job")
	waitDue(t, s, "list.job")
	f, err := openJob(s.job(Queue, "list.job"))
	must(t, err)
	must(t, lock(f))
	b, err := slurp(f, maxJobFile)
	must(t, err)
	run(t, s.dir, "printf 'sha256 %064d\\n"+secondURL+"\\n' 7 >> queue/list.job")
	must(t, s.claimBatch(f, "list.job", job.Parse(b), len(b)))
	if got := text(t, s, Queue, "list.job"); got != carriedURL+"\nsha256 "+strings.Repeat("0", 63)+"7\n"+secondURL+"\n" {
		t.Errorf("%q", got)
	}
	want(t, s, Done, batchStem("list.job")+".job")
	if n := len(ls(t, s, Queue)); n != 3 {
		t.Errorf("%d in queue/", n)
	}
}

// The server works on a copy of another user's file, and that user goes on
// writing into his own.
func TestWhatIsAddedToAnotherUsersFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	s := testStore(t)
	run(t, s.dir, "echo "+cudaURL+" > queue/mine.job; chown 4242 queue/mine.job")
	waitDue(t, s, "mine.job")
	his, err := os.OpenFile(s.job(Queue, "mine.job"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer his.Close()
	f, err := openJob(s.job(Queue, "mine.job"))
	must(t, err)
	c, err := s.claimFile(f, "mine.job")
	if c == nil {
		t.Fatal(err)
	}
	his.WriteString(secondURL + "\n")
	publish(t, c, "first")
	if got := text(t, s, Queue, "mine.job"); got != secondURL+"\n" {
		t.Errorf("%q", got)
	}
	if got := text(t, s, Done, c.Key+".job"); strings.Contains(got, secondURL) {
		t.Errorf("done: %q", got)
	}
}
