package active_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

const settle = 2 * time.Second // a person's file stands still for so long before it is claimed

// Two servers and the real mv: each job is done once, none is lost.
func TestClaimsRace(t *testing.T) {
	dir := t.TempDir() + "/data"
	first := storetest.OpenAt(t, dir, fsstore.Options{})
	const jobs = 300
	for i := range jobs {
		storetest.Add(t, first, fmt.Sprintf("https://example.com/file-%d.run", i))
	}
	var wg sync.WaitGroup
	for range 4 {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		wg.Go(func() { storetest.Drain(t, s) })
	}
	wg.Wait()
	if done := storetest.Ls(t, first, fsstore.Done); len(done) != jobs {
		t.Errorf("%d of %d are done", len(done), jobs)
	}
	for _, name := range storetest.Ls(t, first, fsstore.Done) {
		if n := strings.Count(storetest.Text(t, first, fsstore.Done, name), " done "); n != 1 {
			t.Errorf("%s was done %d times", name, n)
		}
	}
	storetest.Want(t, first, fsstore.Active)
	storetest.Sound(t, first)
}

func TestOneClaimAKey(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	storetest.Run(t, s.Dir(), fmt.Sprintf("echo '%s?AWSAccessKeyId=k&Expires=1&Signature=2' > queue/again.job", storetest.CudaURL))
	again := storetest.WaitDue(t, s, "again.job")
	if c2, err := s.Claim(again); c2 != nil || err != nil {
		t.Fatalf("a second claim of one key: %v, %v", c2, err)
	}
	storetest.Publish(t, c, "one")
	c2 := storetest.MustClaim(t, s, again)
	if c2.Key != c.Key {
		t.Errorf("key %s", c2.Key)
	}
	a := storetest.Publish(t, c2, "two")
	if len(a.History) != 1 || a.History[0].SHA256 != storetest.DigestOf("one") {
		t.Errorf("history %+v", a.History)
	}
	for name, digest := range map[string]string{c.Key + ".2.job": storetest.DigestOf("one"), c.Key + ".job": storetest.DigestOf("two")} {
		if log := storetest.Text(t, s, fsstore.Done, name); strings.Count(log, " done ") != 1 || !strings.Contains(log, digest) {
			t.Errorf("%s:\n%s", name, log)
		}
	}
}

// TestAListOfWhatIsDueGrowsOld: while long downloads keep every worker busy, what
// waits on the list may be put off, or written anew.
func TestAListOfWhatIsDueGrowsOld(t *testing.T) {
	s := storetest.TestStore(t)
	off, job := storetest.Add(t, s, storetest.CudaURL), "echo https://example.com/x.run > queue/x.job"
	storetest.Run(t, s.Dir(), job)
	storetest.WaitDue(t, s, "x.job")
	storetest.Run(t, s.Dir(), "echo after 2999-01-01T00:00:00Z >> queue/"+off+"; "+strings.Replace(job, "x.run", "y.run", 1))
	for _, name := range []string{off, "x.job"} {
		if c, err := s.Claim(name); c != nil || err != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if c := storetest.MustClaim(t, s, storetest.WaitDue(t, s, "x.job")); c.URL != "https://example.com/y.run" {
		t.Errorf("fetching %s", c.URL)
	}
	storetest.Want(t, s, fsstore.Queue, off)
}

func TestBadJobsAreSetAside(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), `
echo ftp://example.com/x > queue/ftp.job
echo hello > queue/hello.job
printf 'https://user:pw@example.com/x.run\n' > queue/userinfo.job
touch denied/ads.example.com; echo https://ads.example.com/x.run > queue/denied.job
mkdir queue/dir.job; ln -s /etc/passwd queue/link.job; mkfifo queue/fifo.job
truncate -s 10G queue/sparse.job; printf '\n' >> queue/sparse.job
head -c 100000 /dev/urandom > queue/noise.job; echo >> queue/noise.job`)
	s.Due()
	time.Sleep(settle + 100*time.Millisecond)
	due, err := s.Due()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(due, "sparse.job") {
		if c, err := s.Claim(name); c != nil || err != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	failed, _ := s.Jobs(fsstore.Failed)
	if len(failed) != 6 {
		t.Errorf("failed/ holds %q", storetest.Ls(t, s, fsstore.Failed))
	}
	for _, j := range failed {
		if j.Job.Reason() == "" && j.Note == "" {
			t.Errorf("%s: no reason", j.Name)
		}
	}
	storetest.Run(t, s.Dir(), "test -p queue/fifo.job && test -L queue/link.job && test -d queue/dir.job")
	if err := s.Retry("denied.job", fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
}

func TestForeignFilesAreCopied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a file of another user")
	}
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "echo "+storetest.CudaURL+" > queue/x.job; chmod 644 queue/x.job; chown 12345 queue/x.job")
	c := storetest.MustClaim(t, s, storetest.WaitDue(t, s, "x.job"))
	storetest.Run(t, s.Dir(), "test $(stat -c %u:%a active/*) = 0:660")
	storetest.Publish(t, c, "x")
	storetest.Sound(t, s)
}

// A worker that is woken by the rename of an approval must not claim the job
// before the approval's own lines are in it.
func TestNoClaimComesBeforeItsApproval(t *testing.T) {
	s := storetest.TestStore(t)
	sum := storetest.DigestOf("x")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	claimed := make(chan *fsstore.Claim, 1000)
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				names, _ := storetest.Names(s, string(fsstore.Queue))
				for _, name := range names {
					if c, err := s.Claim(name); err != nil {
						t.Error(err)
					} else if c != nil {
						claimed <- c
					}
				}
			}
		})
	}
	for i := range 100 {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		storetest.NoteMiss(t, s, url, storetest.Client1)
		if _, err := s.Add(fsstore.Addition{URL: url, SHA256: sum}, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
			t.Fatal(err)
		}
		c := <-claimed
		if c.Job.Approval().Via != "web" || c.Job.Sha256 != sum {
			t.Errorf("claimed by %q, sha256 %q", c.Job.Approval().Via, c.Job.Sha256)
		}
		if err := c.Fail("no"); err != nil {
			t.Fatal(err)
		}
		if err := s.Retry(c.Key, fsstore.Operator{Via: "web", Addr: "10.0.0.2"}); err != nil {
			t.Fatal(err)
		}
		c = <-claimed
		if e, _ := c.Job.Newest(job.Retry); e.Via != "web" {
			t.Errorf("retried by %q", e.Via)
		}
		storetest.Publish(t, c, "x")
	}
	close(stop)
	wg.Wait()
}

// TestACutURLIsNotFetched: a full disk or a power cut may leave half of the URL
// that a miss noted last, and half of a host's name is another host.
func TestACutURLIsNotFetched(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Run(t, s.Dir(), "printf '%s\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8 https://developer.down' "+storetest.CudaURL+" > misses/"+k)
	storetest.Run(t, s.Dir(), "mv misses/* queue/ && echo >> queue/"+k)
	if c, err := s.Claim(k); c != nil || err != nil {
		t.Fatal(c, err)
	}
	storetest.Run(t, s.Dir(), "grep -q 'take that line out' failed/*")
}

// What a person adds to a miss decides what is fetched, and when: a miss with an
// option that can't be taken is not fetched without it.
func TestOptionThatCannotBeTaken(t *testing.T) {
	for _, line := range []string{"sha256 0123", "SHA256: 0123", "after tomorrow", "accept html"} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		storetest.Run(t, s.Dir(), "echo '"+line+"' >> misses/"+k)
		if err := s.Approve(k, "", fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Claim(k + ".job"); c != nil || err != nil {
			t.Errorf("%s: %+v, %v", line, c, err)
		}
		if log := storetest.Text(t, s, fsstore.Failed, k+".job"); !strings.Contains(log, `failed line 3, "`+line+`", can't be taken`) {
			t.Errorf("%s: %s", line, log)
		}
	}
}

// Two queue files of one key, claimed at once: whoever looks last sees the
// other. The moment between one's look and the other's rename is made here.
func TestOfTwoClaimsAtOnceTheLaterGoesBack(t *testing.T) {
	for _, later := range []string{"0000000000000000", "ffffffffffffffff"} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		storetest.Run(t, s.Dir(), fmt.Sprintf("echo %s > queue/%s.job; cp queue/%s.job queue/%s.2.job", storetest.CudaURL, k, k, k))
		storetest.MustClaim(t, s, k+".job")
		f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Queue, k+".2.job"))
		if err != nil || tree.Lock(f) != nil {
			t.Fatal(err)
		}
		second := s.ReadClaim(f, k+".2.job", storetest.CudaURL+"\n")
		second.Worker = later
		if c, err := second.Take(k + ".2.job"); c != nil || err != nil {
			t.Errorf("%s: two claims of one key: %v", later, err)
		}
		f.Close()
		if len(storetest.Ls(t, s, fsstore.Active)) != 1 || len(storetest.Ls(t, s, fsstore.Queue)) != 1 {
			t.Errorf("%s: active %q, queue %q", later, storetest.Ls(t, s, fsstore.Active), storetest.Ls(t, s, fsstore.Queue))
		}
	}
}

// An editor saves over a queue file between its open and its rename: what it
// saved is not what was read.
func TestAnEditorSavesOverAClaim(t *testing.T) {
	for _, save := range []string{
		"mv x queue/NAME",
		"mv queue/NAME queue/NAME~; mv x queue/NAME", // as vim keeps a backup
	} {
		s := storetest.TestStore(t)
		name := storetest.Add(t, s, storetest.CudaURL)
		f, err := tree.OpenJob(storetest.JobPath(s, fsstore.Queue, name))
		if err != nil || tree.Lock(f) != nil {
			t.Fatal(err)
		}
		text := storetest.Text(t, s, fsstore.Queue, name)
		storetest.Run(t, s.Dir(), "echo https://example.com/new.run > x; "+strings.ReplaceAll(save, "NAME", name))
		if got, err := s.ReadClaim(f, name, text).Take(name); got != nil || err != nil {
			t.Errorf("%s: claimed, %v", save, err)
		}
		if q := storetest.Ls(t, s, fsstore.Queue); len(q) != 1 || !strings.Contains(storetest.Text(t, s, fsstore.Queue, q[0]), "new.run") {
			t.Errorf("%s: queue %q", save, q)
		}
		f.Close()
	}
}

// A hard link leads out of the tree: what a claim appends must not stand there,
// and a part that somebody can change by another name must not become a blob.
func TestHardLinksLeadNowhere(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	const at = "2026-11-22T21:31:00Z "
	text := storetest.CudaURL + "\n" + at + "claim host 1 0123456789abcdef\n" + at + "start 9 \"e\" host 1\n"
	if err := os.WriteFile(s.Dir()+"/../outside", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "chmod 644 ../outside; ln ../outside queue/"+k+".job; ln ../outside queue/"+k+".2.job")
	storetest.Run(t, s.Dir(), "printf half > ../part; chmod 660 ../part; ln ../part tmp/"+k+"@0123456789abcdef.part")
	c := storetest.MustClaim(t, s, k+".job")
	if again, err := s.Claim(k + ".2.job"); again != nil || err != nil {
		t.Errorf("one file is claimed by both of its names: %v", err)
	}
	p, err := c.Part(t.Context(), true)
	if err != nil || p.Size() != 0 {
		t.Fatalf("a part with a second name is resumed: %v", err)
	}
	p.Write([]byte("bytes"))
	if _, err := c.Publish(p, fsstore.Origin{}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(s.Dir() + "/../outside"); err != nil || string(b) != text {
		t.Errorf("%q, %v", b, err)
	}
	storetest.Run(t, s.Dir(), `test "$(cat ../part)" = half; test "$(stat -c %a ../outside)" = 644; test "$(stat -c %h blobs/* done/* | sort -u)" = 1; rm queue/*.2.job tmp/*.part`)
	storetest.Sound(t, s)
}
