package misses_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

func TestMissesAreBounded(t *testing.T) {
	s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{MaxMisses: 100})
	for client := range 20 {
		for i := range 50 {
			storetest.NoteMiss(t, s, fmt.Sprintf("https://example.com/%d/%d.run", client, i), fmt.Sprintf("10.0.0.%d", client))
		}
	}
	if n := len(storetest.Ls(t, s, fsstore.Misses)); n != 100 {
		t.Errorf("%d misses are noted, the cap is 100", n)
	}
	if n := s.NotNoted(); n != 900 {
		t.Errorf("%d were not noted", n)
	}
	share := map[string]int{}
	list, _ := s.Jobs(fsstore.Misses)
	for _, j := range list {
		share[j.Job.Clients()[0].Addr]++
	}
	for addr, n := range share {
		if n > 10 {
			t.Errorf("%s has %d of 100", addr, n)
		}
	}
	storetest.Run(t, s.Dir(), "rm misses/*")
	if err := s.CountMisses(); err != nil {
		t.Fatal(err)
	}
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.1"); v != fsstore.VerdictNoted {
		t.Errorf("after rm misses/*: %s", v)
	}
}

func TestDenied(t *testing.T) {
	s := storetest.TestStore(t)
	by := fsstore.Operator{Via: "web", Addr: "10.0.0.2"}
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	k := storetest.KeyOf(t, storetest.CudaURL)
	if err := s.Deny(k, by); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.example.com", "*.example.org"} {
		if err := s.Deny(name, by); err != nil {
			t.Fatal(err)
		}
	}
	for url, want := range map[string]fsstore.Verdict{
		storetest.CudaURL:               fsstore.VerdictDenied,
		"https://one.example.com:8443/": fsstore.VerdictDenied,
		"https://two.example.com/":      fsstore.VerdictNoted,
		"https://a.b.example.org/x":     fsstore.VerdictDenied,
		"https://example.org/x":         fsstore.VerdictNoted,
	} {
		if v := storetest.NoteMiss(t, s, url, storetest.Client1); v != want {
			t.Errorf("%s: %s, want %s", url, v, want)
		}
	}
	if _, err := s.Add(fsstore.Addition{URL: storetest.CudaURL}, by); !errors.Is(err, fsstore.ErrDenied) {
		t.Errorf("add of what is denied: %v", err)
	}
	storetest.Run(t, s.Dir(), "mv denied/"+k+" denied/"+k+".job") // as mv queue/k.job denied/ leaves it
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictDenied {
		t.Errorf("denied/k.job: %s", v)
	}
	storetest.Run(t, s.Dir(), "mv denied/"+k+".job queue/")
	if c := storetest.ClaimNext(t, s); c.Key != k {
		t.Errorf("claimed %s", c.Key)
	}
	for _, bad := range []string{"../x", "-x", "", ".hidden", "a b", "http://x"} {
		if err := s.Deny(bad, by); err == nil {
			t.Errorf("denied %q", bad)
		}
	}
}

// What a number or a person's own name hides is denied by its key; of a file of
// many URLs there is no one key.
func TestDenyOfAFileThatIsNotNamedByItsKey(t *testing.T) {
	by := fsstore.Operator{Via: "cli", Addr: "test"}
	k := storetest.KeyOf(t, storetest.CudaURL)
	for _, name := range []string{"failed/" + k + ".2.job", "cancelled/" + k + ".17.job", "queue/cuda.job"} {
		s := storetest.TestStore(t)
		storetest.Run(t, s.Dir(), "echo '"+storetest.CudaURL+"' > '"+name+"'")
		if err := s.Deny(tree.Base(name), by); err != nil {
			t.Fatal(err)
		}
		storetest.Want(t, s, fsstore.Denied, k)
		if _, err := s.Add(fsstore.Addition{URL: storetest.CudaURL}, by); !errors.Is(err, fsstore.ErrDenied) {
			t.Errorf("%s is denied, and added: %v", name, err)
		}
		if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictDenied {
			t.Errorf("%s is denied, and asked for: %s", name, v)
		}
	}
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "echo '"+storetest.CudaURL+"' > denied/"+k+".2.job") // by hand
	if j, err := s.JobFile(fsstore.Denied, k+".2.job"); err != nil || !strings.Contains(j.Note, "denies nothing") {
		t.Errorf("the note: %q, %v", j.Note, err)
	}
	storetest.Run(t, s.Dir(), "printf 'https://example.com/%s.run\n' a b > queue/list.job; echo '# none' > failed/empty.job")
	for _, name := range []string{"list.job", "list", "empty.job"} {
		if err := s.Deny(name, by); !errors.Is(err, fsstore.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	storetest.Want(t, s, fsstore.Queue, "list.job")
	storetest.Want(t, s, fsstore.Failed, "empty.job")
}

// A host is denied, though a person has named a list after it.
func TestDenyOfAHostThatAListIsNamedAfter(t *testing.T) {
	const host = "vendor.example.com"
	for _, at := range []string{"queue", "failed", "cancelled"} {
		s := storetest.TestStore(t)
		storetest.Run(t, s.Dir(), "printf 'https://other.example.com/%s.run\n' a b > "+at+"/"+host+".job")
		if err := s.Deny(host, fsstore.Operator{Via: "cli", Addr: "test"}); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		storetest.Want(t, s, fsstore.Denied, host)
		storetest.Want(t, s, fsstore.State(at), host+".job")
	}
}

// What a client makes the server write stays in the tree, also where a file in it has a second name
// outside: nothing is written to that, and somebody is told. What was counted waits.
func TestNotesLeaveTheOtherNameAlone(t *testing.T) {
	storetest.LongDay()
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	day := tree.Now().Format(time.DateOnly)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), "cp misses/"+k+" ../miss; ln -f ../miss misses/"+k+"; echo 7 > ../number; ln ../number hits/"+k+"; echo hits 7 > ../day; ln ../day stats/"+day+"; : > ../empty; ln ../empty hits/x; chmod 604 ../miss ../number ../day ../empty; cp ../miss ../was")
	for range 2 {
		if v := storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.9"); v != fsstore.VerdictFull {
			t.Errorf("the client is told %q", v)
		}
		s.Hit(k)
		s.Hit("x")
		s.Stat(fsstore.StatHits, 1)
		if err := s.FlushHits(); !errors.Is(err, tree.ErrHardLinked) {
			t.Errorf("hits: %v", err)
		}
		if err := s.FlushStats(); !errors.Is(err, tree.ErrHardLinked) {
			t.Errorf("stats: %v", err)
		}
	}
	storetest.Run(t, s.Dir(), `cmp ../miss ../was; test "$(cat ../number)" = 7; test "$(cat ../day)" = 'hits 7'; test ! -s ../empty; test "$(stat -c %a ../miss ../number ../day ../empty | sort -u)" = 604; test "$(ls -A tmp | wc -l)" = 0`)
	storetest.Run(t, s.Dir(), "for f in misses/"+k+" hits/* stats/*; do cp $f tmp/copy; mv tmp/copy $f; done") // as fsck says
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.9"); v != fsstore.VerdictNoted {
		t.Errorf("the client is told %q", v)
	}
	storetest.Must(t, errors.Join(s.FlushHits(), s.FlushStats()))
	days, err := s.Stats(1)
	if n := s.Hits(k); n != 9 || s.Hits("x") != 2 || err != nil || days[0].N[fsstore.StatHits] != 9 {
		t.Errorf("%d hits, %d, %v, %v", n, s.Hits("x"), days, err)
	}
}

// A verb writes nothing to a file that has a second name. Where the line decides what is fetched it
// is refused, and says what to do; a move needs no line.
func TestVerbsLeaveTheOtherNameAlone(t *testing.T) {
	for name, c := range map[string]struct {
		in      fsstore.State
		verb    func(s *fsstore.Store, k string) error
		refused bool
	}{
		"approve": {fsstore.Misses, func(s *fsstore.Store, k string) error { return s.Approve(k, "", storetest.Operator) }, true},
		"add": {fsstore.Queue, func(s *fsstore.Store, _ string) error {
			_, err := s.Add(fsstore.Addition{URL: storetest.CudaURL, SHA256: storetest.DigestOf("x")}, storetest.Operator)
			return err
		}, true},
		"cancel": {fsstore.Queue, func(s *fsstore.Store, k string) error { return s.Cancel(k, storetest.Operator) }, false},
		"deny":   {fsstore.Queue, func(s *fsstore.Store, k string) error { return s.Deny(k+".job", storetest.Operator) }, false},
		"retry":  {fsstore.Failed, func(s *fsstore.Store, k string) error { return s.Retry(k, storetest.Operator) }, false},
	} {
		s := storetest.TestStore(t)
		k := storetest.KeyOf(t, storetest.CudaURL)
		file := map[fsstore.State]string{fsstore.Misses: k}[c.in]
		if file == "" {
			file = k + ".job"
		}
		text := storetest.CudaURL + "\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8\n"
		storetest.Must(t, os.WriteFile(s.Dir()+"/../outside", []byte(text), 0o604))
		storetest.Must(t, os.Chmod(s.Dir()+"/../outside", 0o604))
		storetest.Must(t, os.Link(s.Dir()+"/../outside", storetest.JobPath(s, c.in, file)))
		if err := c.verb(s, k); (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "cp it to a name with a dot") {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(s.Dir() + "/../outside"); err != nil || string(b) != text {
			t.Errorf("%s: outside stands %q, %v", name, b, err)
		}
		storetest.Run(t, s.Dir(), `test "$(stat -c %a ../outside)" = 604`)
	}
}

// What a link among the numbers leads to is neither made, nor written, nor given
// another mode.
func TestNumbersFollowNoLink(t *testing.T) {
	storetest.LongDay()
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), ": > ../empty; chmod 604 ../empty; ln -s ../../empty hits/x; ln -s ../../new hits/y; ln -s ../../day stats/"+tree.Now().Format(time.DateOnly))
	s.Hit("x")
	s.Hit("y")
	s.Stat(fsstore.StatHits, 2)
	if err := errors.Join(s.FlushHits(), s.FlushStats()); err == nil {
		t.Error("nobody is told")
	}
	storetest.Run(t, s.Dir(), `test ! -s ../empty; test "$(stat -c %a ../empty)" = 604; test ! -e ../new; test ! -e ../day`)
}

func TestHostileURLsAreNotNoted(t *testing.T) {
	s := storetest.TestStore(t)
	for _, url := range []string{"", "ftp://example.com/x", "http://", "http://exa mple/x", "http://e/\x00", "http://e/\n", "http://e/ü", "file:///etc/passwd", "http://e/" + strings.Repeat("x", key.MaxURL)} {
		if _, err := s.NoteMiss(url, fsstore.Asker{Addr: storetest.Client1, UserAgent: "curl"}); !errors.Is(err, key.ErrBadURL) {
			t.Errorf("%.40q: %v", url, err)
		}
	}
	storetest.Want(t, s, fsstore.Misses)
	if v := storetest.NoteMiss(t, s, "https://u:secret@example.com/../../etc/passwd", storetest.Client1); v != fsstore.VerdictNoted {
		t.Error(v)
	}
	if got := storetest.Text(t, s, fsstore.Misses, storetest.Ls(t, s, fsstore.Misses)[0]); strings.Contains(got, "secret") {
		t.Errorf("the password was noted: %s", got)
	}
}

// A client that asks while an operator moves must not bring the miss back.
func TestMvNeverComesBack(t *testing.T) {
	s := storetest.TestStore(t)
	const rounds = 200
	var wg sync.WaitGroup
	for i := range rounds {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		storetest.NoteMiss(t, s, url, storetest.Client1)
		for c := range 3 {
			wg.Go(func() {
				for n := range 5 {
					s.NoteMiss(url, fsstore.Asker{Addr: fmt.Sprintf("10.0.%d.%d", c, n), UserAgent: "curl"})
				}
			})
		}
		if err := os.Rename(storetest.JobPath(s, fsstore.Misses, storetest.KeyOf(t, url)), storetest.JobPath(s, fsstore.Queue, storetest.KeyOf(t, url))); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	storetest.Want(t, s, fsstore.Misses)
	if n := len(storetest.Ls(t, s, fsstore.Queue)); n != rounds {
		t.Errorf("%d jobs of %d", n, rounds)
	}
}

func TestHitsAreAdded(t *testing.T) {
	dir := t.TempDir() + "/data"
	k := storetest.KeyOf(t, storetest.CudaURL)
	var wg sync.WaitGroup
	for range 4 {
		s := storetest.OpenAt(t, dir, fsstore.Options{})
		wg.Go(func() {
			for range 100 {
				s.Hit(k)
				s.Hit(k)
				storetest.Flushed(t, s.FlushHits)
			}
		})
	}
	wg.Wait()
	s := storetest.OpenAt(t, dir, fsstore.Options{})
	if n := s.Hits(k); n != 800 {
		t.Errorf("%d hits of 800", n)
	}
	storetest.Run(t, dir, "test $(cat hits/*) = 800")
	storetest.Run(t, dir, "echo garbage > hits/"+k+"; ln -s /etc/passwd hits/linked")
	s.Hit(k)
	s.FlushHits()
	if n := s.Hits(k); n != 1 {
		t.Errorf("%d hits after garbage", n)
	}
}

// TestMissesAreCountedWhileTheyAreMade: no listing forgets what is made meanwhile, or counts it
// twice, so that exactly as many have room as may be noted.
func TestMissesAreCountedWhileTheyAreMade(t *testing.T) {
	const clients, each = 12, 50 // a network may have a tenth of all
	s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{MaxMisses: clients * each})
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				url := fmt.Sprintf("https://example.com/%d/%d.run", client, i)
				s.NoteMiss(url, fsstore.Asker{Addr: fmt.Sprintf("10.0.0.%d", client), UserAgent: "curl"})
			}
		})
	}
	for range 50 {
		if err := s.CountMisses(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if n := len(storetest.Ls(t, s, fsstore.Misses)); n != clients*each || s.NotNoted() != 0 {
		t.Errorf("%d of %d are noted, %d had no room", n, clients*each, s.NotNoted())
	}
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.1.1"); v != fsstore.VerdictFull {
		t.Errorf("one more than may be noted: %s", v)
	}
}

// What can't be listed is not full: nobody has to approve anything for it.
func TestUnlistedMissesAreNotTooMany(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), "rmdir misses")
	if v, err := s.NoteMiss(storetest.CudaURL, fsstore.Asker{Addr: storetest.Client1}); v == fsstore.VerdictFull || err == nil || s.NotNoted() != 0 {
		t.Errorf("%s, %v, %d not noted for want of room", v, err, s.NotNoted())
	}
}
