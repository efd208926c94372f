package fsstore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"fromcache/fsstore/key"
)

func TestMissesAreBounded(t *testing.T) {
	s := openAt(t, t.TempDir()+"/data", Options{MaxMisses: 100})
	for client := range 20 {
		for i := range 50 {
			noteMiss(t, s, fmt.Sprintf("https://example.com/%d/%d.run", client, i), fmt.Sprintf("10.0.0.%d", client))
		}
	}
	if n := len(ls(t, s, Misses)); n != 100 {
		t.Errorf("%d misses are noted, the cap is 100", n)
	}
	if n := s.NotNoted(); n != 900 {
		t.Errorf("%d were not noted", n)
	}
	share := map[string]int{}
	list, _ := s.Jobs(Misses)
	for _, j := range list {
		share[j.Job.Clients()[0].Addr]++
	}
	for addr, n := range share {
		if n > 10 {
			t.Errorf("%s has %d of 100", addr, n)
		}
	}
	run(t, s.dir, "rm misses/*")
	if err := s.countMisses(); err != nil {
		t.Fatal(err)
	}
	if v := noteMiss(t, s, cudaURL, "10.0.0.1"); v != Noted {
		t.Errorf("after rm misses/*: %s", v)
	}
}

func TestDenied(t *testing.T) {
	s := testStore(t)
	by := By{"web", "10.0.0.2"}
	noteMiss(t, s, cudaURL, client1)
	k := keyOf(t, cudaURL)
	if err := s.Deny(k, by); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.example.com", "*.example.org"} {
		if err := s.Deny(name, by); err != nil {
			t.Fatal(err)
		}
	}
	for url, want := range map[string]Verdict{
		cudaURL:                         IsDenied,
		"https://one.example.com:8443/": IsDenied,
		"https://two.example.com/":      Noted,
		"https://a.b.example.org/x":     IsDenied,
		"https://example.org/x":         Noted,
	} {
		if v := noteMiss(t, s, url, client1); v != want {
			t.Errorf("%s: %s, want %s", url, v, want)
		}
	}
	if _, err := s.Add(Addition{URL: cudaURL}, by); !errors.Is(err, ErrDenied) {
		t.Errorf("add of what is denied: %v", err)
	}
	run(t, s.dir, "mv denied/"+k+" denied/"+k+".job") // as mv queue/k.job denied/ leaves it
	if v := noteMiss(t, s, cudaURL, client1); v != IsDenied {
		t.Errorf("denied/k.job: %s", v)
	}
	run(t, s.dir, "mv denied/"+k+".job queue/")
	if c := claimNext(t, s); c.Key != k {
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
	by := By{"cli", "test"}
	k := keyOf(t, cudaURL)
	for _, name := range []string{"failed/" + k + ".2.job", "cancelled/" + k + ".17.job", "queue/cuda.job"} {
		s := testStore(t)
		run(t, s.dir, "echo '"+cudaURL+"' > '"+name+"'")
		if err := s.Deny(base(name), by); err != nil {
			t.Fatal(err)
		}
		want(t, s, Denied, k)
		if _, err := s.Add(Addition{URL: cudaURL}, by); !errors.Is(err, ErrDenied) {
			t.Errorf("%s is denied, and added: %v", name, err)
		}
		if v := noteMiss(t, s, cudaURL, client1); v != IsDenied {
			t.Errorf("%s is denied, and asked for: %s", name, v)
		}
	}
	s := testStore(t)
	run(t, s.dir, "echo '"+cudaURL+"' > denied/"+k+".2.job") // by hand
	if j, err := s.JobFile(Denied, k+".2.job"); err != nil || !strings.Contains(j.Note, "denies nothing") {
		t.Errorf("the note: %q, %v", j.Note, err)
	}
	run(t, s.dir, "printf 'https://example.com/%s.run\n' a b > queue/list.job; echo '# none' > failed/empty.job")
	for _, name := range []string{"list.job", "list", "empty.job"} {
		if err := s.Deny(name, by); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	want(t, s, Queue, "list.job")
	want(t, s, Failed, "empty.job")
}

// A host is denied, though a person has named a list after it.
func TestDenyOfAHostThatAListIsNamedAfter(t *testing.T) {
	const host = "vendor.example.com"
	for _, at := range []string{"queue", "failed", "cancelled"} {
		s := testStore(t)
		run(t, s.dir, "printf 'https://other.example.com/%s.run\n' a b > "+at+"/"+host+".job")
		if err := s.Deny(host, By{"cli", "test"}); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		want(t, s, Denied, host)
		want(t, s, State(at), host+".job")
	}
}

// What a client makes the server write stays in the tree, also where a file in it has a second name
// outside: nothing is written to that, and somebody is told. What was counted waits.
func TestNotesLeaveTheOtherNameAlone(t *testing.T) {
	longDay()
	s := testStore(t)
	k := keyOf(t, cudaURL)
	day := now().Format(dayFormat)
	noteMiss(t, s, cudaURL, client1)
	run(t, s.dir, "cp misses/"+k+" ../miss; ln -f ../miss misses/"+k+"; echo 7 > ../number; ln ../number hits/"+k+"; echo hits 7 > ../day; ln ../day stats/"+day+"; : > ../empty; ln ../empty hits/x; chmod 604 ../miss ../number ../day ../empty; cp ../miss ../was")
	for range 2 {
		if v := noteMiss(t, s, cudaURL, "10.0.0.9"); v != IsFull {
			t.Errorf("the client is told %q", v)
		}
		s.Hit(k)
		s.Hit("x")
		s.Stat(StatHits, 1)
		if err := s.flushHits(); !errors.Is(err, errShared) {
			t.Errorf("hits: %v", err)
		}
		if err := s.flushStats(); !errors.Is(err, errShared) {
			t.Errorf("stats: %v", err)
		}
	}
	run(t, s.dir, `cmp ../miss ../was; test "$(cat ../number)" = 7; test "$(cat ../day)" = 'hits 7'; test ! -s ../empty; test "$(stat -c %a ../miss ../number ../day ../empty | sort -u)" = 604; test "$(ls -A tmp | wc -l)" = 0`)
	run(t, s.dir, "for f in misses/"+k+" hits/* stats/*; do cp $f tmp/copy; mv tmp/copy $f; done") // as fsck says
	if v := noteMiss(t, s, cudaURL, "10.0.0.9"); v != Noted {
		t.Errorf("the client is told %q", v)
	}
	must(t, errors.Join(s.flushHits(), s.flushStats()))
	days, err := s.Stats(1)
	if n := s.Hits(k); n != 9 || s.Hits("x") != 2 || err != nil || days[0].N[StatHits] != 9 {
		t.Errorf("%d hits, %d, %v, %v", n, s.Hits("x"), days, err)
	}
}

// A verb writes nothing to a file that has a second name. Where the line decides what is fetched it is
// refused, and says what to do; a move needs no line.
func TestVerbsLeaveTheOtherNameAlone(t *testing.T) {
	for name, c := range map[string]struct {
		in      State
		verb    func(s *Store, k string) error
		refused bool
	}{
		"approve": {Misses, func(s *Store, k string) error { return s.Approve(k, "", operator) }, true},
		"add": {Queue, func(s *Store, _ string) error {
			_, err := s.Add(Addition{URL: cudaURL, SHA256: digestOf("x")}, operator)
			return err
		}, true},
		"cancel": {Queue, func(s *Store, k string) error { return s.Cancel(k, operator) }, false},
		"deny":   {Queue, func(s *Store, k string) error { return s.Deny(k+".job", operator) }, false},
		"retry":  {Failed, func(s *Store, k string) error { return s.Retry(k, operator) }, false},
	} {
		s := testStore(t)
		k := keyOf(t, cudaURL)
		file := map[State]string{Misses: k}[c.in]
		if file == "" {
			file = k + ".job"
		}
		text := cudaURL + "\n2026-11-22T21:27:26Z miss 10.0.0.7 curl/8\n"
		must(t, os.WriteFile(s.dir+"/../outside", []byte(text), 0o604))
		must(t, os.Chmod(s.dir+"/../outside", 0o604))
		must(t, os.Link(s.dir+"/../outside", s.job(c.in, file)))
		if err := c.verb(s, k); (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "cp it to a name with a dot") {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(s.dir + "/../outside"); err != nil || string(b) != text {
			t.Errorf("%s: outside stands %q, %v", name, b, err)
		}
		run(t, s.dir, `test "$(stat -c %a ../outside)" = 604`)
	}
}

// What a link among the numbers leads to is neither made, nor written, nor given
// another mode.
func TestNumbersFollowNoLink(t *testing.T) {
	longDay()
	s := testStore(t)
	run(t, s.dir, ": > ../empty; chmod 604 ../empty; ln -s ../../empty hits/x; ln -s ../../new hits/y; ln -s ../../day stats/"+now().Format(dayFormat))
	s.Hit("x")
	s.Hit("y")
	s.Stat(StatHits, 2)
	if err := errors.Join(s.flushHits(), s.flushStats()); err == nil {
		t.Error("nobody is told")
	}
	run(t, s.dir, `test ! -s ../empty; test "$(stat -c %a ../empty)" = 604; test ! -e ../new; test ! -e ../day`)
}

func TestHostileURLsAreNotNoted(t *testing.T) {
	s := testStore(t)
	for _, url := range []string{"", "ftp://example.com/x", "http://", "http://exa mple/x", "http://e/\x00", "http://e/\n", "http://e/ü", "file:///etc/passwd", "http://e/" + strings.Repeat("x", key.MaxURL)} {
		if _, err := s.Miss(url, Asker{client1, "curl"}); !errors.Is(err, key.ErrBadURL) {
			t.Errorf("%.40q: %v", url, err)
		}
	}
	want(t, s, Misses)
	if v := noteMiss(t, s, "https://u:secret@example.com/../../etc/passwd", client1); v != Noted {
		t.Error(v)
	}
	if got := text(t, s, Misses, ls(t, s, Misses)[0]); strings.Contains(got, "secret") {
		t.Errorf("the password was noted: %s", got)
	}
}

// A client that asks while an operator moves must not bring the miss back.
func TestMvNeverComesBack(t *testing.T) {
	s := testStore(t)
	const rounds = 200
	var wg sync.WaitGroup
	for i := range rounds {
		url := fmt.Sprintf("https://example.com/%d.run", i)
		noteMiss(t, s, url, client1)
		for c := range 3 {
			wg.Go(func() {
				for n := range 5 {
					s.Miss(url, Asker{fmt.Sprintf("10.0.%d.%d", c, n), "curl"})
				}
			})
		}
		if err := os.Rename(s.job(Misses, keyOf(t, url)), s.job(Queue, keyOf(t, url))); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	want(t, s, Misses)
	if n := len(ls(t, s, Queue)); n != rounds {
		t.Errorf("%d jobs of %d", n, rounds)
	}
}

func TestHitsAreAdded(t *testing.T) {
	dir := t.TempDir() + "/data"
	k := keyOf(t, cudaURL)
	var wg sync.WaitGroup
	for range 4 {
		s := openAt(t, dir, Options{})
		wg.Go(func() {
			for range 100 {
				s.Hit(k)
				s.Hit(k)
				flushed(t, s.flushHits)
			}
		})
	}
	wg.Wait()
	s := openAt(t, dir, Options{})
	if n := s.Hits(k); n != 800 {
		t.Errorf("%d hits of 800", n)
	}
	run(t, dir, "test $(cat hits/*) = 800")
	run(t, dir, "echo garbage > hits/"+k+"; ln -s /etc/passwd hits/linked")
	s.Hit(k)
	s.flushHits()
	if n := s.Hits(k); n != 1 {
		t.Errorf("%d hits after garbage", n)
	}
}

// flushed flushes until nobody has held the lock for too long: on a disk that
// stands still for a second the numbers wait in memory.
func flushed(t *testing.T, flush func() error) {
	err := flush()
	for errors.Is(err, errLocked) {
		err = flush()
	}
	if err != nil {
		t.Error(err)
	}
}

func TestMissesAreCountedWhileTheyAreMade(t *testing.T) {
	s := openAt(t, t.TempDir()+"/data", Options{MaxMisses: 2000})
	var wg sync.WaitGroup
	for client := range 4 {
		wg.Go(func() {
			for i := range 150 {
				s.Miss(fmt.Sprintf("https://example.com/%d/%d.run", client, i), Asker{fmt.Sprintf("10.0.0.%d", client), "curl"})
			}
		})
	}
	for range 50 {
		if err := s.countMisses(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if n := len(s.room.owner); n != 600 {
		t.Errorf("%d of 600 are counted", n)
	}
}

// What can't be listed is not full: nobody has to approve anything for it.
func TestUnlistedMissesAreNotTooMany(t *testing.T) {
	s := testStore(t)
	run(t, s.dir, "rmdir misses")
	if v, err := s.Miss(cudaURL, Asker{Addr: client1}); v == IsFull || err == nil || s.NotNoted() != 0 {
		t.Errorf("%s, %v, %d not noted for want of room", v, err, s.NotNoted())
	}
}
