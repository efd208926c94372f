package fsstore

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// What TestWhatIsAcknowledgedIsSyncedFirst does not tell: each step is one
// acknowledgement, with the calls that must have come by its end, in that order.
// Other calls may stand between them.

const crashSteps = "FROMCACHE_TEST_CRASH_STEPS" // the child takes the steps, not the story

type step struct {
	name  string
	do    func(s *Store, url string)
	calls []string
}

var tester = By{"cli", "test"}

var steps = []step{
	{"a new tree", func(*Store, string) {},
		[]string{"fsync ..", "fsync tmp/M", "rename tmp/M README", "fsync ."}},
	{"start", func(s *Store, url string) {
		c, _ := begin(s, url)
		must(c.Start(Started{Size: 9, ETag: `"a"`}))
		must(c.PutBack("stopped"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync active/K@W.job", "rename active/K@W.job queue/K.job"}},
	{"restart", func(s *Store, url string) {
		c, p := begin(s, url)
		must(p.Restart())
		c.close()
	}, []string{"rename tmp/M tmp/K@W.part", "fsync tmp/K@W.part"}},
	{"put down and go on", func(s *Store, url string) {
		c, p := begin(s, url)
		must(c.Start(Started{Size: 999, ETag: `"a"`}))
		_, err := p.Write([]byte("more"))
		must(err)
		must(c.PutBack("stopped"))
		c, err = s.Claim(mustKey(url) + ".job")
		must(err)
		_, err = c.Part(context.Background(), true)
		must(err)
		c.close()
	}, []string{"fsync active/K@W.job", "fsync tmp/K@W.part", "rename active/K@W.job queue/K.job", "rename tmp/K@W.part tmp/K@W.part", "fsync tmp/K@W.part"}},
	{"fail with a part", func(s *Store, url string) {
		c, _ := begin(s, url)
		must(c.Fail("no"))
	}, []string{"fsync tmp/K@W.part", "rename active/K@W.job failed/K.job"}},
	{"cancel with a part", func(s *Store, url string) {
		c, _ := begin(s, url)
		must(os.Rename(c.path, s.job(Cancelled, "x.job")))
		must(c.Cancelled())
	}, []string{"fsync tmp/K@W.part", "rename cancelled/x.job cancelled/K.job"}},
	{"drop parts", func(s *Store, url string) {
		c, _ := begin(s, url)
		must(c.PutBack("stopped"))
		c, err := s.Claim(mustKey(url) + ".job")
		must(err)
		_, err = c.Part(context.Background(), false)
		must(err)
		must(c.PutBack("stopped"))
	}, []string{"unlink tmp/K@W.part", "fsync tmp", "rename tmp/M tmp/K@W.part"}},
	{"commit after gc", func(s *Store, url string) {
		c, p := begin(s, url)
		must(os.Rename(p.path, s.path("blobs", p.SHA256())))
		_, err := s.GC(GCOptions{})
		must(err)
		_, err = c.commit(c.meta(p.SHA256(), p.Size(), Origin{}))
		must(err)
		c.close()
	}, []string{"rename blobs/D tmp/D.gone", "fsync meta", "rename tmp/D.gone blobs/D", "fsync blobs"}},
	{"done once more", func(s *Store, url string) {
		for range 2 {
			c, p := begin(s, url)
			_, err := c.Publish(p, Origin{})
			must(err)
		}
	}, []string{"rename active/K@W.job done/K.job", "fsync meta", "fsync active/K@W.job", "fsync tmp/M", "rename tmp/M active/K@W.job", "rename active/K@W.job done/K.job"}},
	{"done in a copy", func(s *Store, url string) {
		c, p := begin(s, url)
		f := c.f
		var err error
		c.f, err = os.Open(c.path) // takes no line
		must(err)
		_, err = c.Publish(p, Origin{})
		must(err)
		f.Close()
	}, []string{"fsync meta", "fsync tmp/M", "rename tmp/M active/K@W.job", "rename active/K@W.job done/K.job"}},
	{"fail", func(s *Store, url string) {
		c, _ := begin(s, url)
		must(c.Fail("no"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync active/K@W.job", "rename active/K@W.job failed/K.job"}},
	{"cancel in queue", func(s *Store, url string) {
		name, err := s.Add(Addition{URL: url}, tester)
		must(err)
		must(s.Cancel(name, tester))
	}, []string{"rename queue/K.job cancelled/K.job", "fsync cancelled/K.job", "fsync cancelled"}},
	{"cancel in active", func(s *Store, url string) {
		c, _ := begin(s, url)
		must(s.Cancel(c.Key, tester))
		must(c.Cancelled())
	}, []string{"rename active/K@W.job cancelled/K@W.job", "fsync cancelled/K@W.job", "fsync cancelled", "rename cancelled/K@W.job cancelled/K.job"}},
	{"cancel by rm", func(s *Store, url string) {
		c, _ := begin(s, url)
		must(os.Remove(c.path))
		must(c.Cancelled())
	}, []string{"unlink active/K@W.job", "fsync tmp/M", "rename tmp/M cancelled/K.job"}},
	{"claim of a copy", func(s *Store, url string) {
		name, err := s.Add(Addition{URL: url}, tester)
		must(err)
		must(os.Link(s.job(Queue, name), s.dir+"/../second"))
		c, err := s.Claim(name)
		must(err)
		must(c.PutBack("stopped"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync tmp/M", "rename tmp/M active/K@W.job"}},
	{"put", func(s *Store, url string) {
		c, err := s.ClaimFor(Addition{URL: url}, tester)
		must(err)
		must(c.Fail("no"))
	}, []string{"fsync tmp/M", "rename tmp/M active/K@W.job"}},
	{"batch", func(s *Store, url string) {
		must(os.WriteFile(s.job(Queue, "list.job"), []byte(url+"\n"+url+".sig\n"), 0o660))
		_, err := s.Claim("list.job")
		must(err)
	}, []string{"rename queue/list.job active/batch@W.job", "fsync active/batch@W.job", "fsync tmp/M", "rename tmp/M queue/K.job", "fsync queue", "rename active/batch@W.job done/batch.job"}},
	{"added while active", func(s *Store, url string) {
		c, _ := begin(s, url)
		f, err := openJob(c.path)
		must(err)
		must(appendWhole(f, url+".sig\n"))
		must(errors.Join(f.Close(), c.PutBack("stopped")))
	}, []string{"rename queue/K.job active/K@W.job", "fsync tmp/M", "rename tmp/M queue/K.more.job", "fsync queue", "fsync tmp/M", "rename tmp/M active/K@W.job", "rename active/K@W.job queue/K.job"}},
	{"refused by a batch", func(s *Store, url string) {
		text := url + "\nsha256 " + strings.Repeat("0", 64) + "\n" + url + "?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 " + strings.Repeat("1", 64) + "\n"
		must(os.WriteFile(s.job(Queue, "two.job"), []byte(text), 0o660))
		_, err := s.Claim("two.job")
		must(err)
	}, []string{"rename tmp/M queue/K.job", "fsync queue", "fsync tmp/M", "rename tmp/M failed/K.job", "fsync failed", "rename active/batch@W.job done/batch.job"}},
	{"add to what waits", func(s *Store, url string) {
		_, err := s.Add(Addition{URL: url}, tester)
		must(err)
		_, err = s.Add(Addition{URL: url, AcceptAny: true}, tester)
		must(err)
	}, []string{"rename tmp/M queue/K.job", "fsync queue", "fsync queue/K.job", "fsync queue"}},
	{"deny of a miss", func(s *Store, url string) {
		_, err := s.Miss(url, Asker{client1, "curl/8"})
		must(err)
		must(s.Deny(mustKey(url), tester))
	}, []string{"rename misses/K denied/K", "fsync denied/K", "fsync denied"}},
	{"session secret", func(s *Store, _ string) {
		_, err := s.SessionSecret()
		must(err)
	}, []string{"fsync tmp/M", "rename tmp/M session-secret", "fsync ."}},
}

// begin claims a new job of url, and writes into its part.
func begin(s *Store, url string) (*Claim, *Part) {
	name, err := s.Add(Addition{URL: url}, tester)
	must(err)
	c, err := s.Claim(name)
	must(err)
	p, err := c.Part(context.Background(), false)
	must(err)
	_, err = p.Write([]byte(url))
	must(err)
	return c, p
}

func (p *step) url() string {
	return "https://example.com/" + strings.ReplaceAll(p.name, " ", "-") + ".run"
}

// takeSteps marks the end of each in the trace.
func takeSteps(dir string) {
	s, err := Open(dir, Options{})
	must(err)
	for _, p := range steps {
		p.do(s, p.url())
		syscall.Unlink(dir + "/end of " + p.name)
	}
}

func TestEachStepIsSynced(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	dir := t.TempDir() + "/data"
	cmd := exec.Command(strace, "-f", "-y", "-qq", "-o", dir+".strace", "-e", "trace=fsync,fdatasync,renameat,renameat2,unlinkat", os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashSteps+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(dir + ".strace")
	if err != nil {
		t.Fatal(err)
	}
	trace := string(b)
	for _, p := range steps {
		var own string
		own, trace, _ = strings.Cut(trace, "/end of "+p.name+`"`)
		t.Run(p.name, func(t *testing.T) {
			calls := callsOf(own, dir, mustKey(p.url()))
			if at := firstAbsent(calls, p.calls); at != "" {
				t.Errorf("no %q in its place; the calls were\n%s", at, strings.Join(calls, "\n"))
			}
		})
	}
}

// firstAbsent is the first of want that does not follow those before it, or "".
func firstAbsent(calls, want []string) string {
	for _, w := range want {
		for len(calls) > 0 && calls[0] != w {
			calls = calls[1:]
		}
		if len(calls) == 0 {
			return w
		}
		calls = calls[1:]
	}
	return ""
}
