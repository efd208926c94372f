package active_test

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

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
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
	do    func(t testing.TB, s *fsstore.Store, url string)
	calls []string
}

var steps = []step{
	{"a new tree", func(testing.TB, *fsstore.Store, string) {},
		[]string{"fsync ..", "fsync tmp/M", "rename tmp/M README", "fsync ."}},
	{"miss to evict", func(t testing.TB, s *fsstore.Store, url string) {
		_, err := s.NoteMiss(url, fsstore.Asker{Addr: storetest.Client1, UserAgent: "curl/8"})
		storetest.Must(t, err)
		storetest.Must(t, s.Approve(storetest.MustKey(url), "", storetest.Operator))
		c, err := s.Claim(storetest.MustKey(url) + ".job")
		storetest.Must(t, err)
		p, err := c.Part(context.Background(), true)
		storetest.Must(t, err)
		_, err = p.Write([]byte(url))
		storetest.Must(t, err)
		_, err = c.Publish(p, fsstore.Origin{})
		storetest.Must(t, err)
		storetest.Must(t, s.Evict(c.Key, storetest.Operator))
	}, []string{
		"fsync misses/K", "rename misses/K queue/K.job", "fsync queue", // approved
		"rename queue/K.job active/K@W.job",
		"fsync tmp/K@W.part", "rename tmp/K@W.part blobs/D", "fsync blobs", // before a meta points to it
		"fsync tmp/M", "rename tmp/M meta/K.json", "fsync meta", // committed
		"fsync active/K@W.job", "rename active/K@W.job done/K.job",
		"fsync done/K.job", // the line that tells an evict from a loss
		"rename meta/K.json tmp/M", "fsync meta", "unlink tmp/M",
	}},
	{"add, cancel and retry", func(t testing.TB, s *fsstore.Store, url string) {
		_, err := s.Add(fsstore.Addition{URL: url}, storetest.Operator)
		storetest.Must(t, err)
		storetest.Must(t, s.Cancel(storetest.MustKey(url), storetest.Operator))
		storetest.Must(t, s.Retry(storetest.MustKey(url), storetest.Operator))
	}, []string{
		"fsync tmp/M", "rename tmp/M queue/K.job", "fsync queue",
		"rename queue/K.job cancelled/K.job", "fsync cancelled/K.job", "fsync cancelled",
		"fsync cancelled/K.job", "rename cancelled/K.job queue/K.job", "fsync queue",
	}},
	{"deny of a host", func(t testing.TB, s *fsstore.Store, _ string) {
		storetest.Must(t, s.Deny("ads.example.com", storetest.Operator))
	}, []string{"fsync tmp/M", "rename tmp/M denied/ads.example.com", "fsync denied"}},
	{"start", func(t testing.TB, s *fsstore.Store, url string) {
		c, _ := storetest.Begin(t, s, url)
		storetest.Must(t, c.Start(fsstore.Started{Size: 9, ETag: `"a"`}))
		storetest.Must(t, c.Requeue("stopped"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync active/K@W.job", "rename active/K@W.job queue/K.job"}},
	{"put down and go on", func(t testing.TB, s *fsstore.Store, url string) {
		c, p := storetest.Begin(t, s, url)
		storetest.Must(t, c.Start(fsstore.Started{Size: 999, ETag: `"a"`}))
		_, err := p.Write([]byte("more"))
		storetest.Must(t, err)
		storetest.Must(t, c.Requeue("stopped"))
		c, err = s.Claim(storetest.MustKey(url) + ".job")
		storetest.Must(t, err)
		_, err = c.Part(context.Background(), true)
		storetest.Must(t, err)
		c.Close()
	}, []string{"fsync active/K@W.job", "fsync tmp/K@W.part", "rename active/K@W.job queue/K.job", "rename tmp/K@W.part tmp/K@W.part"}},
	{"fail with a part", func(t testing.TB, s *fsstore.Store, url string) {
		c, _ := storetest.Begin(t, s, url)
		storetest.Must(t, c.Fail("no"))
	}, []string{"fsync tmp/K@W.part", "rename active/K@W.job failed/K.job"}},
	{"cancel with a part", func(t testing.TB, s *fsstore.Store, url string) {
		c, _ := storetest.Begin(t, s, url)
		storetest.Must(t, os.Rename(c.Path(), storetest.JobPath(s, fsstore.Cancelled, "x.job")))
		storetest.Must(t, c.Cancel())
	}, []string{"fsync tmp/K@W.part", "rename cancelled/x.job cancelled/K.job"}},
	{"commit after gc", func(t testing.TB, s *fsstore.Store, url string) {
		c, p := storetest.Begin(t, s, url)
		storetest.Must(t, os.Rename(p.Path(), storetest.Path(s, "blobs", p.SHA256())))
		_, err := s.GC(fsstore.GCOptions{})
		storetest.Must(t, err)
		_, err = c.Commit(c.Meta(p.SHA256(), p.Size(), fsstore.Origin{}))
		storetest.Must(t, err)
		c.Close()
	}, []string{"rename blobs/D tmp/D.gone", "fsync meta", "rename tmp/D.gone blobs/D", "fsync blobs"}},
	{"done once more", func(t testing.TB, s *fsstore.Store, url string) {
		for range 2 {
			c, p := storetest.Begin(t, s, url)
			_, err := c.Publish(p, fsstore.Origin{})
			storetest.Must(t, err)
		}
	}, []string{"rename active/K@W.job done/K.job", "fsync meta", "fsync active/K@W.job", "rename done/K.job done/K.2.job", "rename active/K@W.job done/K.job"}},
	{"done in a copy", func(t testing.TB, s *fsstore.Store, url string) {
		c, p := storetest.Begin(t, s, url)
		f := c.F()
		unwritable, err := os.Open(c.Path())
		storetest.Must(t, err)
		c.SetF(unwritable)
		_, err = c.Publish(p, fsstore.Origin{})
		storetest.Must(t, err)
		f.Close()
	}, []string{"fsync meta", "fsync tmp/M", "rename tmp/M active/K@W.job", "rename active/K@W.job done/K.job"}},
	{"fail", func(t testing.TB, s *fsstore.Store, url string) {
		c, _ := storetest.Begin(t, s, url)
		storetest.Must(t, c.Fail("no"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync active/K@W.job", "rename active/K@W.job failed/K.job"}},
	{"cancel in queue", func(t testing.TB, s *fsstore.Store, url string) {
		name, err := s.Add(fsstore.Addition{URL: url}, storetest.Operator)
		storetest.Must(t, err)
		storetest.Must(t, s.Cancel(name, storetest.Operator))
	}, []string{"rename queue/K.job cancelled/K.job", "fsync cancelled/K.job", "fsync cancelled"}},
	{"cancel in active", func(t testing.TB, s *fsstore.Store, url string) {
		c, _ := storetest.Begin(t, s, url)
		storetest.Must(t, s.Cancel(c.Key, storetest.Operator))
		storetest.Must(t, c.Cancel())
	}, []string{"rename active/K@W.job cancelled/K@W.job", "fsync cancelled/K@W.job", "fsync cancelled", "rename cancelled/K@W.job cancelled/K.job"}},
	{"cancel by rm", func(t testing.TB, s *fsstore.Store, url string) {
		c, _ := storetest.Begin(t, s, url)
		storetest.Must(t, os.Remove(c.Path()))
		storetest.Must(t, c.Cancel())
	}, []string{"unlink active/K@W.job", "fsync tmp/M", "rename tmp/M cancelled/K.job"}},
	{"claim of a copy", func(t testing.TB, s *fsstore.Store, url string) {
		name, err := s.Add(fsstore.Addition{URL: url}, storetest.Operator)
		storetest.Must(t, err)
		storetest.Must(t, os.Link(storetest.JobPath(s, fsstore.Queue, name), s.Dir()+"/../second"))
		c, err := s.Claim(name)
		storetest.Must(t, err)
		storetest.Must(t, c.Requeue("stopped"))
	}, []string{"rename queue/K.job active/K@W.job", "fsync tmp/M", "rename tmp/M active/K@W.job"}},
	{"put", func(t testing.TB, s *fsstore.Store, url string) {
		_, err := storetest.Put(s, fsstore.Addition{URL: url}, "bytes")
		storetest.Must(t, err)
	}, []string{"fsync tmp/M", "rename tmp/M blobs/D", "fsync blobs", "fsync meta", "fsync tmp/M", "rename tmp/M done/K.job"}},
	{"batch", func(t testing.TB, s *fsstore.Store, url string) {
		storetest.Must(t, os.WriteFile(storetest.JobPath(s, fsstore.Queue, "list.job"), []byte(url+"\n"+url+".sig\n"), 0o660))
		_, err := s.Claim("list.job")
		storetest.Must(t, err)
	}, []string{"rename queue/list.job active/batch@W.job", "fsync active/batch@W.job", "fsync tmp/M", "rename tmp/M queue/K.job", "fsync queue", "rename active/batch@W.job done/batch.job"}},
	{"added while active", func(t testing.TB, s *fsstore.Store, url string) {
		c, _ := storetest.Begin(t, s, url)
		f, err := tree.OpenJob(c.Path())
		storetest.Must(t, err)
		storetest.Must(t, spool.AppendWhole(f, url+".sig\n"))
		storetest.Must(t, errors.Join(f.Close(), c.Requeue("stopped")))
	}, []string{"rename queue/K.job active/K@W.job", "fsync tmp/M", "rename tmp/M queue/K.more.job", "fsync queue", "fsync tmp/M", "rename tmp/M active/K@W.job", "rename active/K@W.job queue/K.job"}},
	{"refused by a batch", func(t testing.TB, s *fsstore.Store, url string) {
		text := url + "\nsha256 " + strings.Repeat("0", 64) + "\n" + url + "?AWSAccessKeyId=k&Expires=1&Signature=2\nsha256 " + strings.Repeat("1", 64) + "\n"
		storetest.Must(t, os.WriteFile(storetest.JobPath(s, fsstore.Queue, "two.job"), []byte(text), 0o660))
		_, err := s.Claim("two.job")
		storetest.Must(t, err)
	}, []string{"rename tmp/M queue/K.job", "fsync queue", "fsync tmp/M", "rename tmp/M failed/K.job", "fsync failed", "rename active/batch@W.job done/batch.job"}},
	{"add to what waits", func(t testing.TB, s *fsstore.Store, url string) {
		_, err := s.Add(fsstore.Addition{URL: url}, storetest.Operator)
		storetest.Must(t, err)
		_, err = s.Add(fsstore.Addition{URL: url, AcceptAny: true}, storetest.Operator)
		storetest.Must(t, err)
	}, []string{"rename tmp/M queue/K.job", "fsync queue", "fsync queue/K.job", "fsync queue"}},
	{"deny of a miss", func(t testing.TB, s *fsstore.Store, url string) {
		_, err := s.NoteMiss(url, fsstore.Asker{Addr: storetest.Client1, UserAgent: "curl/8"})
		storetest.Must(t, err)
		storetest.Must(t, s.Deny(storetest.MustKey(url), storetest.Operator))
	}, []string{"rename misses/K denied/K", "fsync denied/K", "fsync denied"}},
	{"evict of what has no job", func(t testing.TB, s *fsstore.Store, url string) {
		a, err := storetest.Put(s, fsstore.Addition{URL: url}, "bytes")
		storetest.Must(t, err)
		storetest.Must(t, os.Remove(storetest.JobPath(s, fsstore.Done, a.Key+".job")))
		storetest.Must(t, s.Evict(a.Key, storetest.Operator))
	}, []string{"fsync tmp/M", "rename tmp/M done/K.job", "fsync done", "rename meta/K.json tmp/M", "fsync meta", "unlink tmp/M"}},
	{"meta written anew", func(t testing.TB, s *fsstore.Store, url string) {
		a, err := storetest.Put(s, fsstore.Addition{URL: url}, url)
		storetest.Must(t, err)
		storetest.Must(t, os.Remove(storetest.Path(s, "meta", a.Key+".json")))
		_, err = s.Fsck(context.Background(), fsstore.FsckOptions{Repair: true})
		storetest.Must(t, err)
	}, []string{"unlink meta/K.json", "fsync tmp/M", "rename tmp/M meta/K.json", "fsync meta"}},
	{"session secret", func(t testing.TB, s *fsstore.Store, _ string) {
		_, err := s.SessionSecret()
		storetest.Must(t, err)
	}, []string{"fsync tmp/M", "rename tmp/M session-secret", "fsync ."}},
}

func (p *step) url() string {
	return "https://example.com/" + strings.ReplaceAll(strings.ReplaceAll(p.name, ",", ""), " ", "-") + ".run"
}

// takeSteps marks the end of each in the trace.
func takeSteps(t *testing.T, dir string) {
	s := storetest.OpenAt(t, dir, fsstore.Options{})
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
	storetest.Must(t, err)
	trace := string(b)
	for _, p := range steps {
		var own string
		own, trace, _ = strings.Cut(trace, "/end of "+p.name+`"`)
		t.Run(p.name, func(t *testing.T) {
			calls := callsOf(own, dir, storetest.MustKey(p.url()))
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
