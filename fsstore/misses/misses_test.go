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
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

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

// A client may look for an artifact just before it is published and ask for its verdict just after:
// it is told to ask again, because one that waits would else go to the origin.
func TestWhatIsPublishedMeanwhileIsWorthAsking(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Hold(t, s, storetest.CudaURL, "bytes")
	if v := storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1); v != fsstore.VerdictActive {
		t.Errorf("the client is told %q", v)
	}
	if n, err := s.Count(fsstore.Misses); n != 0 || err != nil {
		t.Errorf("%d misses of what is held, %v", n, err)
	}
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

// Misses are not fsynced: a power cut leaves empty ones, and ones full of
// zeros. The next client's miss is noted whole, and can be approved.
func TestAMissThatAPowerCutEmptied(t *testing.T) {
	for _, script := range []string{": > misses/*", "head -c 200 /dev/zero > misses/*"} {
		s := storetest.TestStore(t)
		storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
		storetest.Run(t, s.Dir(), strings.ReplaceAll(script, "misses/*", "misses/"+storetest.KeyOf(t, storetest.CudaURL)))
		storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.8")
		storetest.NoteMiss(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=x", "10.0.0.9")
		storetest.ApproveShown(t, s, storetest.KeyOf(t, storetest.CudaURL))
		if c := storetest.ClaimNext(t, s); c.URL != storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=x" {
			t.Errorf("fetching %s", c.URL)
		}
	}
}

func TestAMissStopsGrowing(t *testing.T) {
	s := storetest.TestStore(t)
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.NoteMiss(t, s, storetest.CudaURL, storetest.Client1)
	storetest.Run(t, s.Dir(), fmt.Sprintf("yes '# a long story' | head -c %d >> misses/%s; echo >> misses/%s", job.MissRoom, k, k))
	before := len(storetest.Text(t, s, fsstore.Misses, k))
	storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.99")
	if after := len(storetest.Text(t, s, fsstore.Misses, k)); after != before {
		t.Errorf("it grew from %d to %d bytes", before, after)
	}
	if err := s.Approve(k, "", fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
		t.Fatal(err)
	}
	if c := storetest.ClaimNext(t, s); c.Job.Approval().Via != "cli" {
		t.Error("there was no room left for the approval")
	}
}

// Whoever moves a miss away has the next request recorded anew, also while repeats are counted
// without a look at the file.
func TestARepeatSeesThatItsMissIsGone(t *testing.T) {
	s := storetest.TestStore(t)
	settle := storetest.Watch(t, s.WatchMisses, s.InMoment)
	file := s.JobPath(tree.Misses, storetest.KeyOf(t, storetest.CudaURL))
	for i := range 20 {
		for range 200 {
			storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.1")
		}
		settle()
		for range 3 {
			storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.1")
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		storetest.NoteMiss(t, s, storetest.CudaURL, "10.0.0.1")
		if !tree.Exists(file) {
			t.Fatalf("round %d: a miss that was removed is not recorded when it is asked for again", i)
		}
	}
}
