package allowed_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

const client = "10.0.0.7"

var by = fsstore.Operator{Via: "cli", Addr: "test"}

// makeRule writes a file in allowed/, and waits until it counts.
func makeRule(t *testing.T, s *fsstore.Store, name, text string) {
	t.Helper()
	write(t, s, "allowed", name, text)
	stoodStill(t)
}

func stoodStill(t *testing.T) {
	t.Helper()
	time.Sleep(3 * time.Second) // a file's time may be a second too early
}

func write(t *testing.T, s *fsstore.Store, dir, name, text string) {
	t.Helper()
	storetest.Must(t, os.WriteFile(filepath.Join(s.Dir(), dir, name), []byte(text), 0o660))
}

func TestAMissIsApprovedAsItIsNoted(t *testing.T) {
	s := storetest.TestStore(t)
	write(t, s, "allowed", "h.example", "")
	if v := storetest.NoteMiss(t, s, "https://h.example/early.bin", client); v != fsstore.VerdictNoted {
		t.Errorf("by a file that has just been written: %s", v)
	}
	write(t, s, "allowed", "*.d.example", "path /ok/*\n")
	write(t, s, "allowed", "bad.example", "paths /ok/*\n")
	write(t, s, "allowed", "half.example", "max-size 1G")
	write(t, s, "allowed", "denied.example", "")
	write(t, s, "denied", "denied.example", "")
	k := storetest.KeyOf(t, "https://key.example/one.bin")
	write(t, s, "allowed", k, "")
	write(t, s, "allowed", "failed.example", "")
	write(t, s, "failed", storetest.KeyOf(t, "https://failed.example/x.bin")+".job",
		"https://failed.example/x.bin\n2030-01-31T02:00:00Z approve cli x\n2030-01-31T02:00:01Z failed 404 Not Found\n")
	stoodStill(t)
	for url, want := range map[string]fsstore.Verdict{
		"https://h.example/x.bin":            fsstore.VerdictQueued,
		"http://h.example:8080/x.bin":        fsstore.VerdictQueued,
		"https://x.h.example/x.bin":          fsstore.VerdictNoted,
		"https://a.b.d.example/ok/x.bin":     fsstore.VerdictQueued,
		"https://a.b.d.example/other/x.bin":  fsstore.VerdictNoted,
		"https://d.example/ok/x.bin":         fsstore.VerdictNoted,
		"https://bad.example/ok/x.bin":       fsstore.VerdictNoted,
		"https://half.example/x.bin":         fsstore.VerdictNoted,
		"https://denied.example/x.bin":       fsstore.VerdictDenied,
		"https://key.example/one.bin":        fsstore.VerdictQueued,
		"https://key.example/two.bin":        fsstore.VerdictNoted,
		"https://failed.example/x.bin":       fsstore.VerdictNoted,
		"https://failed.example/another.bin": fsstore.VerdictQueued,
	} {
		if v := storetest.NoteMiss(t, s, url, client); v != want {
			t.Errorf("%s: %s, want %s", url, v, want)
		}
	}
	name := storetest.KeyOf(t, "https://a.b.d.example/ok/x.bin") + ".job"
	if text := storetest.Text(t, s, fsstore.Queue, name); !strings.HasSuffix(text, " approve allowed/*.d.example\n") {
		t.Error(text)
	}
	storetest.Run(t, s.Dir(), "rm allowed/bad.example allowed/half.example")
	storetest.Sound(t, s)
}

// Servers that note the same misses at the same time approve each once.
func TestTwoServersApproveOnce(t *testing.T) {
	s := storetest.TestStore(t)
	makeRule(t, s, "h.example", "")
	stores := []*fsstore.Store{s, storetest.OpenAt(t, s.Dir(), fsstore.Options{})}
	const n = 20
	var all sync.WaitGroup
	for i := range n {
		for _, s := range stores {
			all.Go(func() {
				_, err := s.NoteMiss(fmt.Sprintf("https://h.example/%d.bin", i), fsstore.Asker{Addr: client})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	names := storetest.Ls(t, s, fsstore.Queue)
	if len(names) != n || len(storetest.Ls(t, s, fsstore.Misses)) > 0 {
		t.Errorf("queue: %q", names)
	}
	for _, name := range names {
		if text := storetest.Text(t, s, fsstore.Queue, name); strings.Count(text, " approve ") != 1 {
			t.Error(text)
		}
	}
}

// A link allows nothing, because it may lead out of the data directory, and rules ls says so.
func TestALinkIsNoRule(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "ln -s /dev/null allowed/h.example; mkfifo allowed/f.example")
	if v := storetest.NoteMiss(t, s, "https://h.example/x.bin", client); v != fsstore.VerdictNoted {
		t.Error(v)
	}
	all, err := s.Allowed.List()
	storetest.Must(t, err)
	if len(all) != 2 || all[0].Flaw == "" || all[1].Flaw == "" {
		t.Errorf("%+v", all)
	}
}

// A client that makes up URLs fills neither queue/ nor, where the origin has none of them, failed/.
func TestInventedURLs(t *testing.T) {
	s := storetest.TestStore(t)
	makeRule(t, s, "h.example", "")
	makeRule(t, s, "other.example", "")
	for i := range 1000 {
		write(t, s, "queue", fmt.Sprintf("x%d.job", i), fmt.Sprintf("https://elsewhere.example/%d\n", i))
	}
	const url = "https://h.example/made-up.bin"
	if v := storetest.NoteMiss(t, s, url, client); v != fsstore.VerdictNoted {
		t.Errorf("with 1,000 in queue/: %s", v)
	}
	if why := s.Allowed.Explain(storetest.MustURL(url)); !strings.Contains(why, "once fewer than 1000 jobs wait") {
		t.Error(why)
	}
	storetest.Run(t, s.Dir(), "rm -r queue/* misses/*")
	for i := range 100 {
		write(t, s, "failed", fmt.Sprintf("x%d.job", i), fmt.Sprintf("https://h.example/%d\n"+
			"2030-01-31T02:00:00Z approve allowed/h.example\n2030-01-31T02:00:01Z failed 404 Not Found\n", i))
	}
	if v := storetest.NoteMiss(t, s, "https://h.example/2.bin", client); v != fsstore.VerdictNoted {
		t.Errorf("with 100 in failed/: %s", v)
	}
	if v := storetest.NoteMiss(t, s, "https://other.example/2.bin", client); v != fsstore.VerdictQueued {
		t.Errorf("of another rule: %s", v)
	}
	storetest.Run(t, s.Dir(), "rm failed/x7.job")
	if v := storetest.NoteMiss(t, s, "https://h.example/3.bin", client); v != fsstore.VerdictQueued {
		t.Errorf("after a person has looked: %s", v)
	}
}

// A client that makes up URLs leaves room in queue/ for others, by whichever address of its network it
// asks. What found no room is taken when there is some.
func TestOneClientLeavesRoom(t *testing.T) {
	s := storetest.TestStore(t)
	makeRule(t, s, "h.example", "")
	for i := range 50 { // a person's do not count
		write(t, s, "queue", fmt.Sprintf("x%d.job", i), fmt.Sprintf("https://elsewhere.example/%d\n"+
			"2030-01-31T02:00:00Z miss 2001:db8::1 curl\n2030-01-31T02:00:01Z approve cli x\n", i))
	}
	for i := range 102 {
		url := fmt.Sprintf("https://h.example/%d.bin", i)
		v := storetest.NoteMiss(t, s, url, fmt.Sprintf("2001:db8::%x", i+1))
		if want := map[bool]fsstore.Verdict{true: fsstore.VerdictQueued, false: fsstore.VerdictNoted}[i < 100]; v != want {
			t.Fatalf("%d: %s, want %s", i, v, want)
		}
	}
	const last = "https://h.example/101.bin"
	if why := s.Allowed.Explain(storetest.MustURL(last)); why != "allowed/h.example, once fewer than 100 jobs of its client wait in queue/" {
		t.Error(why)
	}
	if v := storetest.NoteMiss(t, s, "https://h.example/other.bin", "2001:db8:1::1"); v != fsstore.VerdictQueued {
		t.Errorf("of another client: %s", v)
	}
	storetest.Run(t, s.Dir(), "rm queue/h.example--1.bin--*")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Allowed.Run(ctx) })
	defer running.Wait()
	defer stop()
	left := func(want int) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); len(storetest.Ls(t, s, fsstore.Misses)) != want; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("left in misses/: %q", storetest.Ls(t, s, fsstore.Misses))
			}
		}
	}
	left(1)
	storetest.Run(t, s.Dir(), "rm queue/h.example--2.bin--*")
	left(0)
	if v := storetest.NoteMiss(t, s, "https://h.example/late.bin", "2001:db8::1"); v != fsstore.VerdictNoted {
		t.Errorf("once more: %s", v)
	}
	storetest.Run(t, s.Dir(), "rm queue/h.example--3.bin--*")
	left(0)
}

// What a rule took is in the jobs, for each process, and only within the days of its budget.
func TestABudgetIsCountedFromTheJobs(t *testing.T) {
	s := storetest.TestStore(t)
	now := time.Now().UTC()
	line := func(ago time.Duration, rest string) string {
		return now.Add(-ago).Format(time.RFC3339) + " " + rest + "\n"
	}
	done := func(name, approval string, ago time.Duration, size int) {
		write(t, s, "done", name+".job", "https://h.example/"+name+"\n"+line(ago, "approve "+approval)+
			line(ago, fmt.Sprintf("done %d -", size)))
	}
	done("a", "allowed/h.example", time.Hour, 100)
	done("b", "allowed/h.example", 10*24*time.Hour, 1000)
	done("c", "web 10.0.0.2", time.Hour, 1000)
	done("d", "allowed/other.example", time.Hour, 1000)
	makeRule(t, s, "h.example", "budget 500/7d\n")
	for _, s := range []*fsstore.Store{s, storetest.OpenAt(t, s.Dir(), fsstore.Options{})} {
		rule, err := s.Allowed.Rule("h.example")
		storetest.Must(t, err)
		use, err := s.Allowed.UseOf(&rule)
		storetest.Must(t, err)
		if want := (fsstore.AllowedUse{Jobs: 2, Bytes: 1100, Spent: 100}); use != want {
			t.Errorf("%+v, want %+v", use, want)
		}
	}
	if v := storetest.NoteMiss(t, s, "https://h.example/e", client); v != fsstore.VerdictQueued {
		t.Error(v)
	}
	c := storetest.ClaimNext(t, s)
	limits, err := c.Limits()
	storetest.Must(t, err)
	if err := c.CheckLimits(limits, 400); err != nil {
		t.Error(err)
	}
	if err := c.CheckLimits(limits, 401); !errors.As(err, new(*fsstore.RefusalError)) {
		t.Errorf("401 more bytes: %v", err)
	}
	for _, text := range []string{"budget lots\n", ""} { // a download runs while the rule is written
		write(t, s, "allowed", "h.example", text)
		var no *fsstore.RefusalError
		if err := c.CheckLimits(limits, 401); !errors.As(err, &no) || !no.Mends {
			t.Errorf("with %q in the file: %v", text, err)
		}
	}
	makeRule(t, s, "h.example", "budget 500/7d\n")
	done("f", "allowed/h.example", time.Minute, 400)
	time.Sleep(time.Second) // a miss goes by what was in done/ so long ago
	if v := storetest.NoteMiss(t, s, "https://h.example/g", client); v != fsstore.VerdictNoted {
		t.Errorf("with nothing left: %s", v)
	}
}

// While jobs end, those that are known are not looked at again, because with many of them each miss
// would wait for that. What was changed by hand counts once done/ has stood still.
func TestKnownJobsAreNotReadAgainWhileJobsEnd(t *testing.T) {
	s := storetest.TestStore(t)
	dir := filepath.Join(s.Dir(), "done")
	done := func(name string, size int) {
		write(t, s, "done", name+".job", fmt.Sprintf("https://h.example/%s\n2026-01-31T02:00:00Z approve "+
			"allowed/h.example\n2026-01-31T02:00:01Z done %d -\n", name, size))
	}
	later := time.Now().Add(time.Hour)
	want := func(bytes int64) {
		t.Helper()
		use, err := s.Allowed.UseOf(&fsstore.AllowedRule{Name: "h.example"})
		storetest.Must(t, err)
		if use.Bytes != bytes {
			t.Errorf("%d bytes, want %d", use.Bytes, bytes)
		}
	}
	done("a", 100)
	storetest.Must(t, os.Chtimes(dir, later, later)) // it has not stood still
	want(100)
	done("a", 1000)
	done("b", 10)
	storetest.Must(t, os.Chtimes(dir, later, later))
	want(110)
	storetest.Must(t, os.Chtimes(dir, time.Unix(0, 0), time.Unix(0, 0)))
	stoodStill(t)
	want(1010)
}

// A person who moves a failed job back has approved it, whatever its rule says.
func TestARetryIsAPersonsApproval(t *testing.T) {
	s := storetest.TestStore(t)
	const url = "https://h.example/x.bin"
	k := storetest.KeyOf(t, url)
	write(t, s, "failed", k+".job", url+"\n2026-01-31T02:00:00Z approve allowed/h.example\n"+
		"2026-01-31T02:00:01Z failed 404 Not Found\n")
	storetest.Run(t, s.Dir(), "mv failed/"+k+".job queue/")
	c := storetest.ClaimNext(t, s)
	if limits, err := c.Limits(); err != nil || limits.Rule != "" {
		t.Error(limits, err)
	}
}

func TestVerbsStayInAllowed(t *testing.T) {
	s := storetest.TestStore(t)
	for _, bad := range []string{"../x", "..", "-x.example", "", ".hidden", "a b", "http://x", "*", "*.", "X.example",
		"h.example/../../x", "h.example:80", "vendor.example--x--0123456789abcdef"} {
		if err := s.Allowed.Add(bad, nil, by); !errors.Is(err, fsstore.ErrInvalid) {
			t.Errorf("added %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"../README", "..", "", "none.example"} {
		if err := s.Allowed.Remove(bad, by); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("removed %q: %v", bad, err)
		}
		if text, err := s.Allowed.Keep(bad); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read %q: %q, %v", bad, text, err)
		}
	}
	for _, bad := range []string{"../x", "..", ""} {
		if err := s.Allowed.PutBack(bad, "x\n", by); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("put back %q: %v", bad, err)
		}
	}
	for _, line := range []string{"path x", "max-size 1\nbudget 2/3d", "what", "digest required extra"} {
		if err := s.Allowed.Add("h.example", []string{line}, by); !errors.Is(err, fsstore.ErrInvalid) {
			t.Errorf("added %q: %v", line, err)
		}
	}
	storetest.Must(t, s.Allowed.Add("h.example", []string{"budget 1GiB/30d"}, by))
	if err := s.Allowed.Add("h.example", nil, by); !errors.Is(err, fsstore.ErrBusy) {
		t.Errorf("added twice: %v", err)
	}
	storetest.Must(t, s.Allowed.Remove("h.example", by))
	storetest.Sound(t, s)
}

// What suggest proposes decides as people did, and shows no credential.
func TestSuggest(t *testing.T) {
	s := storetest.TestStore(t)
	job := func(dir, url, end string) {
		write(t, s, dir, storetest.KeyOf(t, url)+".job", url+"\n2026-01-31T02:00:00Z approve web 10.0.0.2\n2026-01-31T02:00:01Z "+end+"\n")
	}
	for i := range 3 {
		job("done", fmt.Sprintf("https://whole.example/%d/x.bin", i), "done 1073741824 -")
		job("done", fmt.Sprintf("https://mixed.example/good/%d.bin", i), "done 10 -")
		job("done", fmt.Sprintf("https://mixed.example/bad/%d.bin", i), "done 10 -")
		job("done", fmt.Sprintf("https://ruled.example/%d.bin", i), "done 10 -")
	}
	job("done", "https://few.example/x.bin", "done 10 -")
	job("cancelled", "https://mixed.example/bad/y.bin", "cancelled web 10.0.0.2")
	write(t, s, "allowed", "ruled.example", "until 2020-01-01\n")
	list, err := s.Allowed.Suggest()
	storetest.Must(t, err)
	got := ""
	for _, w := range list {
		got += fmt.Sprintf("%s %q %d %d\n", w.Host, w.Lines, w.Approved, w.Bytes)
	}
	const want = `mixed.example ["path /good/*" "max-size 1GiB" "budget 1GiB/30d"] 3 30
whole.example ["max-size 2GiB" "budget 8GiB/30d"] 3 3221225472
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}
