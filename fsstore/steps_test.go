package fsstore

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// A power cut on ext4 or xfs can't show every missing fsync, because the next
// one commits the journal for all names. So the order of the calls is held here:
// what is acknowledged is fsynced first, and a name before whatever points to it.
// The harness in cmd/fromcache-torture kills the real binary at each of them.

// stepsDir names the data directory of the process that takes the steps.
const stepsDir = "FROMCACHE_TEST_STEPS_DIR"

// step is what comes to one acknowledgement, and the calls that must have been
// made by its end, in that order. Other calls may stand between them.
type step struct {
	name  string
	do    func(t testing.TB, s *Store, url string)
	calls []string
}

var tester = By{"cli", "test"}

var steps = []step{
	{"a new tree", func(testing.TB, *Store, string) {},
		[]string{"fsync ..", "fsync tmp/M", "rename tmp/M README", "fsync ."}},
	{"miss to evict", func(t testing.TB, s *Store, url string) {
		_, err := s.Miss(url, Asker{client1, "curl/8"})
		must(t, err)
		must(t, s.Approve(mustKey(url), "", tester))
		c, err := s.Claim(mustKey(url) + ".job")
		must(t, err)
		p, err := c.Part(context.Background(), true)
		must(t, err)
		_, err = p.Write([]byte(url))
		must(t, err)
		_, err = c.Publish(p, Origin{})
		must(t, err)
		must(t, s.Evict(c.Key, tester))
	}, []string{
		"fsync misses/K", "rename misses/K queue/K.job", "fsync queue", // approved
		"rename queue/K.job active/K@W.job",
		"fsync tmp/K@W.part", "rename tmp/K@W.part blobs/D", "fsync blobs", // before a meta points to it
		"fsync tmp/M", "rename tmp/M meta/K.json", "fsync meta", // committed
		"fsync active/K@W.job", "rename active/K@W.job done/K.job",
		"fsync done/K.job", // the line that tells an evict from a loss
		"unlink meta/K.json", "fsync meta",
	}},
	{"add, cancel and retry", func(t testing.TB, s *Store, url string) {
		_, err := s.Add(Addition{URL: url}, tester)
		must(t, err)
		must(t, s.Cancel(mustKey(url), tester))
		must(t, s.Retry(mustKey(url), tester))
	}, []string{
		"fsync tmp/M", "rename tmp/M queue/K.job", "fsync queue",
		"rename queue/K.job cancelled/K.job", "fsync cancelled/K.job", "fsync cancelled",
		"fsync cancelled/K.job", "rename cancelled/K.job queue/K.job", "fsync queue",
	}},
	{"deny of a host", func(t testing.TB, s *Store, _ string) {
		must(t, s.Deny("ads.example.com", tester))
	}, []string{"fsync tmp/M", "rename tmp/M denied/ads.example.com", "fsync denied"}},
	{"start", func(t testing.TB, s *Store, url string) {
		c, _ := begin(t, s, url)
		must(t, c.Start(Started{Size: 9, ETag: `"a"`}))
		must(t, c.PutBack("stopped"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync active/K@W.job", "rename active/K@W.job queue/K.job"}},
	{"put down and go on", func(t testing.TB, s *Store, url string) {
		c, p := begin(t, s, url)
		must(t, c.Start(Started{Size: 999, ETag: `"a"`}))
		_, err := p.Write([]byte("more"))
		must(t, err)
		must(t, c.PutBack("stopped"))
		c, err = s.Claim(mustKey(url) + ".job")
		must(t, err)
		_, err = c.Part(context.Background(), true)
		must(t, err)
		c.close()
	}, []string{"fsync active/K@W.job", "fsync tmp/K@W.part", "rename active/K@W.job queue/K.job", "rename tmp/K@W.part tmp/K@W.part"}},
	{"fail with a part", func(t testing.TB, s *Store, url string) {
		c, _ := begin(t, s, url)
		must(t, c.Fail("no"))
	}, []string{"fsync tmp/K@W.part", "rename active/K@W.job failed/K.job"}},
	{"cancel with a part", func(t testing.TB, s *Store, url string) {
		c, _ := begin(t, s, url)
		must(t, os.Rename(c.path, s.job(Cancelled, "x.job")))
		must(t, c.Cancelled())
	}, []string{"fsync tmp/K@W.part", "rename cancelled/x.job cancelled/K.job"}},
	{"commit after gc", func(t testing.TB, s *Store, url string) {
		c, p := begin(t, s, url)
		must(t, os.Rename(p.path, s.path("blobs", p.SHA256())))
		_, err := s.GC(GCOptions{})
		must(t, err)
		_, err = c.commit(c.meta(p.SHA256(), p.Size(), Origin{}))
		must(t, err)
		c.close()
	}, []string{"rename blobs/D tmp/D.gone", "fsync meta", "rename tmp/D.gone blobs/D", "fsync blobs"}},
	{"done once more", func(t testing.TB, s *Store, url string) {
		for range 2 {
			c, p := begin(t, s, url)
			_, err := c.Publish(p, Origin{})
			must(t, err)
		}
	}, []string{"rename active/K@W.job done/K.job", "fsync meta", "fsync active/K@W.job", "rename done/K.job done/K.2.job", "rename active/K@W.job done/K.job"}},
	{"done in a copy", func(t testing.TB, s *Store, url string) {
		c, p := begin(t, s, url)
		f := c.f
		var err error
		c.f, err = os.Open(c.path) // takes no line
		must(t, err)
		_, err = c.Publish(p, Origin{})
		must(t, err)
		f.Close()
	}, []string{"fsync meta", "fsync tmp/M", "rename tmp/M active/K@W.job", "rename active/K@W.job done/K.job"}},
	{"fail", func(t testing.TB, s *Store, url string) {
		c, _ := begin(t, s, url)
		must(t, c.Fail("no"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync active/K@W.job", "rename active/K@W.job failed/K.job"}},
	{"cancel in queue", func(t testing.TB, s *Store, url string) {
		name, err := s.Add(Addition{URL: url}, tester)
		must(t, err)
		must(t, s.Cancel(name, tester))
	}, []string{"rename queue/K.job cancelled/K.job", "fsync cancelled/K.job", "fsync cancelled"}},
	{"cancel in active", func(t testing.TB, s *Store, url string) {
		c, _ := begin(t, s, url)
		must(t, s.Cancel(c.Key, tester))
		must(t, c.Cancelled())
	}, []string{"rename active/K@W.job cancelled/K@W.job", "fsync cancelled/K@W.job", "fsync cancelled", "rename cancelled/K@W.job cancelled/K.job"}},
	{"cancel by rm", func(t testing.TB, s *Store, url string) {
		c, _ := begin(t, s, url)
		must(t, os.Remove(c.path))
		must(t, c.Cancelled())
	}, []string{"unlink active/K@W.job", "fsync tmp/M", "rename tmp/M cancelled/K.job"}},
	{"claim of a copy", func(t testing.TB, s *Store, url string) {
		name, err := s.Add(Addition{URL: url}, tester)
		must(t, err)
		must(t, os.Link(s.job(Queue, name), s.dir+"/../second"))
		c, err := s.Claim(name)
		must(t, err)
		must(t, c.PutBack("stopped"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync tmp/M", "rename tmp/M active/K@W.job"}},
	{"put", func(t testing.TB, s *Store, url string) {
		_, err := put(s, Addition{URL: url}, "bytes")
		must(t, err)
	}, []string{"fsync tmp/M", "rename tmp/M blobs/D", "fsync blobs", "fsync meta", "fsync tmp/M", "rename tmp/M done/K.job"}},
	{"batch", func(t testing.TB, s *Store, url string) {
		must(t, os.WriteFile(s.job(Queue, "list.job"), []byte(url+"\n"+url+".sig\n"), 0o660))
		_, err := s.Claim("list.job")
		must(t, err)
	}, []string{"rename queue/list.job active/batch@W.job", "fsync active/batch@W.job", "fsync tmp/M", "rename tmp/M queue/K.job", "fsync queue", "rename active/batch@W.job done/batch.job"}},
	{"added while active", func(t testing.TB, s *Store, url string) {
		c, _ := begin(t, s, url)
		f, err := openJob(c.path)
		must(t, err)
		must(t, appendWhole(f, url+".sig\n"))
		must(t, errors.Join(f.Close(), c.PutBack("stopped")))
	}, []string{"rename queue/K.job active/K@W.job", "fsync tmp/M", "rename tmp/M queue/K.more.job", "fsync queue", "fsync tmp/M", "rename tmp/M active/K@W.job", "rename active/K@W.job queue/K.job"}},
	{"refused by a batch", func(t testing.TB, s *Store, url string) {
		text := url + "\nsha256 " + strings.Repeat("0", 64) + "\n" + url + "?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 " + strings.Repeat("1", 64) + "\n"
		must(t, os.WriteFile(s.job(Queue, "two.job"), []byte(text), 0o660))
		_, err := s.Claim("two.job")
		must(t, err)
	}, []string{"rename tmp/M queue/K.job", "fsync queue", "fsync tmp/M", "rename tmp/M failed/K.job", "fsync failed", "rename active/batch@W.job done/batch.job"}},
	{"add to what waits", func(t testing.TB, s *Store, url string) {
		_, err := s.Add(Addition{URL: url}, tester)
		must(t, err)
		_, err = s.Add(Addition{URL: url, AcceptAny: true}, tester)
		must(t, err)
	}, []string{"rename tmp/M queue/K.job", "fsync queue", "fsync queue/K.job", "fsync queue"}},
	{"deny of a miss", func(t testing.TB, s *Store, url string) {
		_, err := s.Miss(url, Asker{client1, "curl/8"})
		must(t, err)
		must(t, s.Deny(mustKey(url), tester))
	}, []string{"rename misses/K denied/K", "fsync denied/K", "fsync denied"}},
	{"session secret", func(t testing.TB, s *Store, _ string) {
		_, err := s.SessionSecret()
		must(t, err)
	}, []string{"fsync tmp/M", "rename tmp/M session-secret", "fsync ."}},
}

// begin claims a new job of url, and writes into its part.
func begin(t testing.TB, s *Store, url string) (*Claim, *Part) {
	t.Helper()
	name, err := s.Add(Addition{URL: url}, tester)
	must(t, err)
	c, err := s.Claim(name)
	must(t, err)
	p, err := c.Part(context.Background(), false)
	must(t, err)
	_, err = p.Write([]byte(url))
	must(t, err)
	return c, p
}

func (p *step) url() string {
	return "https://example.com/" + strings.ReplaceAll(strings.ReplaceAll(p.name, ",", ""), " ", "-") + ".run"
}

// takeSteps marks the end of each in the trace.
func takeSteps(t *testing.T, dir string) {
	s := openAt(t, dir, Options{})
	for _, p := range steps {
		p.do(t, s, p.url())
		syscall.Unlink(dir + "/end of " + p.name)
	}
}

// TestEachStepIsSynced traces a second process that runs it and takes the steps.
func TestEachStepIsSynced(t *testing.T) {
	if dir := os.Getenv(stepsDir); dir != "" {
		takeSteps(t, dir)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	dir := t.TempDir() + "/data"
	cmd := exec.Command(strace, "-f", "-y", "-qq", "-o", dir+".strace",
		"-e", "trace=fsync,fdatasync,renameat,renameat2,unlinkat", os.Args[0], "-test.run=^TestEachStepIsSynced$")
	cmd.Env = append(os.Environ(), stepsDir+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(dir + ".strace")
	must(t, err)
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

var (
	syncCall   = regexp.MustCompile(`(?:fsync|fdatasync)\(\d+<([^>]*)>`)
	renameCall = regexp.MustCompile(`renameat2?\([^"]*"([^"]*)", [^"]*"([^"]*)"`)
	unlinkCall = regexp.MustCompile(`unlinkat\([^"]*"([^"]*)"`)
	worker     = regexp.MustCompile(`@[0-9a-f]{16}`)
	batchName  = regexp.MustCompile(`batch-[0-9a-f]{16}`)
	blob       = regexp.MustCompile(`[0-9a-f]{64}`)
	temp       = regexp.MustCompile(`tmp/\.[^ /]*`)
)

// callsOf reads a trace: what was done to which names, without what is random.
// The data directory is ".".
func callsOf(trace, dir, k string) (calls []string) {
	for line := range strings.Lines(trace) {
		var c string
		if m := syncCall.FindStringSubmatch(line); m != nil {
			c = "fsync " + m[1]
		} else if m := renameCall.FindStringSubmatch(line); m != nil {
			c = "rename " + m[1] + " " + m[2]
		} else if m := unlinkCall.FindStringSubmatch(line); m != nil {
			c = "unlink " + m[1]
		} else {
			continue
		}
		c = strings.NewReplacer(dir+"/", "", dir, ".", filepath.Dir(dir), "..", k, "K").Replace(c)
		c = batchName.ReplaceAllString(strings.ReplaceAll(c, "//", "/"), "batch")
		c = temp.ReplaceAllString(blob.ReplaceAllString(worker.ReplaceAllString(c, "@W"), "D"), "tmp/M")
		calls = append(calls, strings.TrimSuffix(c, "/"))
	}
	return calls
}
