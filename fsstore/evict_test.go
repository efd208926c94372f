package fsstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"
)

// many holds n artifacts of 5 bytes or so each, and returns their keys.
func many(t *testing.T, s *Store, name string, n int) (keys []string) {
	t.Helper()
	for i := range n {
		keys = append(keys, hold(t, s, fmt.Sprintf("https://example.com/%s-%d.run", name, i), fmt.Sprintf("%s %d", name, i)).Key)
	}
	return keys
}

func checked(t *testing.T, s *Store, o FsckOptions) FsckReport {
	t.Helper()
	r, err := s.Fsck(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGCHasABrake(t *testing.T) {
	for name, c := range map[string]struct {
		held, lost int
		script     string // does it, "" removes that many metas
		brakes     bool
	}{
		"ten":                     {30, 10, "", false},
		"eleven of few":           {30, 11, "", true},
		"eleven of many":          {120, 11, "", false},
		"a tenth, and one":        {120, 13, "", true},
		"eleven, most bytes":      {120, 11, "for f in $LOST; do d=$(sed -n 's/.*\"sha256\": \"\\(.*\\)\".*/\\1/p' meta/$f.json); chmod +w blobs/$d; truncate -s 1M blobs/$d; rm meta/$f.json; done", true},
		"an empty meta directory": {40, 40, "rm -r meta; mkdir meta", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			keys := many(t, s, "file", c.held)
			script := c.script
			if script == "" {
				script = "for f in $LOST; do rm meta/$f.json; done"
			}
			run(t, s.dir, "LOST='"+strings.Join(keys[:c.lost], " ")+"'; "+script)
			r, err := s.GC(GCOptions{})
			b, is := errors.AsType[*Brake](err)
			if is != c.brakes || !is && err != nil {
				t.Fatalf("%d of %d: %v", c.lost, c.held, err)
			}
			if !is {
				if len(r.Gone) != c.lost || len(r.Held) != 0 {
					t.Errorf("%d of %d went: %v", len(r.Gone), c.lost, r.Held)
				}
				return
			}
			if len(r.Gone) != 0 || len(r.Held) != c.lost || b.Blobs != c.lost || b.Of != c.held {
				t.Errorf("%+v, %+v", r, b)
			}
			run(t, s.dir, fmt.Sprintf("test $(ls blobs | wc -l) = %d", c.held))
			if r, err := s.GC(GCOptions{DryRun: true, Force: true}); err != nil || len(r.Gone) != c.lost {
				t.Errorf("forced, dry: %+v, %v", r, err)
			}
			if r, err := s.GC(GCOptions{Force: true}); err != nil || len(r.Gone) != c.lost {
				t.Errorf("forced: %+v, %v", r, err)
			}
			if r, err := s.GC(GCOptions{Older: 1}); err != nil || len(r.Unlinked) != c.lost { // what was forced stays so
				t.Errorf("a day later: %+v, %v", r, err)
			}
		})
	}
}

// What somebody wanted gone is never held back.
func TestTheBrakeKnowsWhatWasMeant(t *testing.T) {
	s := testStore(t)
	keys := many(t, s, "file", 40)
	for _, k := range keys[:15] {
		if err := s.Evict(k, By{"cli", "x"}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 15 { // another version takes the place of the first
		hold(t, s, fmt.Sprintf("https://example.com/file-%d.run", 15+i), fmt.Sprint("new ", i))
	}
	run(t, s.dir, "rm done/*--file-1[5-9].run--* done/*--file-2?.run--*") // and is in meta alone
	if r, err := s.GC(GCOptions{}); err != nil || len(r.Gone) != 30 {
		t.Fatalf("%d went, %v", len(r.Gone), err)
	}
}

// A version that another has replaced may go, though no meta says so any more: the job that fetched
// it has a number. What replaced it is lost.
func TestTheBrakeKnowsWhatWasReplaced(t *testing.T) {
	s := testStore(t)
	many(t, s, "file", 40)
	for i := range 15 {
		hold(t, s, fmt.Sprintf("https://example.com/file-%d.run", i), fmt.Sprint("new ", i))
	}
	run(t, s.dir, "for n in $(seq 0 14); do rm meta/*--file-$n.run--*; done")
	var brake *Brake
	if _, err := s.GC(GCOptions{}); !errors.As(err, &brake) || brake.Blobs != 15 || brake.Of != 55 {
		t.Fatal(err)
	}
	if r := checked(t, s, FsckOptions{Repair: true}); len(r.Problems) != 15 {
		t.Errorf("%d problems", len(r.Problems))
	}
	if a, err := s.Lookup("https://example.com/file-3.run"); err != nil || a.SHA256 != digestOf("new 3") {
		t.Errorf("%+v, %v", a, err)
	}
}

// While gc takes nothing, what it took before is not unlinked either, and what
// is wanted comes back.
func TestTheBrakeHoldsWhatIsGone(t *testing.T) {
	s := testStore(t)
	keys := many(t, s, "file", 40)
	run(t, s.dir, "mv meta/"+keys[0]+".json meta/"+keys[1]+".json ..")
	if r, err := s.GC(GCOptions{}); err != nil || len(r.Gone) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	run(t, s.dir, "mkdir ../saved; mv meta/* ../saved; mv ../"+keys[1]+".json meta/")
	r, err := s.GC(GCOptions{Older: 1})
	if _, is := errors.AsType[*Brake](err); !is || len(r.Unlinked) != 0 || len(r.Restored) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r := checked(t, s, FsckOptions{Repair: true}); len(r.Problems) != 39 {
		t.Errorf("%d problems", len(r.Problems))
	}
	sound(t, s)
}

// The server says why, and goes on by itself once meta/ is back.
func TestTheBrakeIsATrouble(t *testing.T) {
	s := testStore(t)
	many(t, s, "file", 12)
	run(t, s.dir, "mkdir saved; mv meta/* saved")
	s.collect()
	if list := s.Health(); len(list) != 1 || list[0].What != manyUnnamed || list[0].Grave || s.braked.IsZero() {
		t.Fatalf("%+v, again in %v", list, s.braked)
	}
	run(t, s.dir, "mv saved/* meta/")
	s.braked = time.Unix(1, 0)
	s.lookAfter()
	if list := s.Health(); len(list) != 0 || !s.braked.IsZero() {
		t.Errorf("meta/ is back: %+v", list)
	}
}

func TestEvictLeavesALine(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	if err := s.Evict(a.Key, By{"web", "10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "tail -n 1 done/"+a.Key+".job | grep -q ' evicted web 10.0.0.2$'")
	if err := s.Evict(a.Key, By{"cli", "x"}); !errors.Is(err, fs.ErrNotExist) {
		t.Error("twice:", err)
	}
	sound(t, s)
	hold(t, s, cudaURL, "bytes") // fetched again, it is held
	run(t, s.dir, "rm done/*")   // of an older server
	if err := s.Evict(a.Key, By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	run(t, s.dir, "tail -n 1 done/"+a.Key+".job | grep -q ' evicted cli x$' && grep -q '^20.* done 5 "+a.SHA256+"$' done/"+a.Key+".job")
	if err := s.Retry(a.Key, By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	publish(t, claimNext(t, s), "bytes")
	sound(t, s)
}

// What is gone from meta/ without a word is lost, and written anew.
func TestALostMetaIsWrittenAnew(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		found  int
		held   string // after a repair
	}{
		"rm":               {"rm meta/*", 1, "second"},
		"rm and gc":        {"rm meta/*; mv blobs/$SECOND tmp/$SECOND.gone", 1, "second"},
		"an older meta":    {"cp ../older meta/$K.json", 1, "second"},
		"evicted":          {"echo 2030-01-01T00:00:00Z evicted shell >> done/$K.job; rm meta/*", 0, ""},
		"the blob, too":    {"rm meta/* blobs/$SECOND", 0, ""},
		"rotten":           {"rm meta/*; chmod +w blobs/$SECOND; echo x > blobs/$SECOND", 1, ""}, // of the blob alone
		"a clock set back": {"sed -i '$d' done/$K.job; sed -i 's/\"fetched_at\": \"..../\"fetched_at\": \"2001/' meta/$K.json", 0, "second"},
		"newer than done":  {"sed -i '/ done /s/^20../1999/' done/$K.job; cp ../older meta/$K.json", 0, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			a := hold(t, s, cudaURL, "first")
			run(t, s.dir, "cp meta/"+a.Key+".json ../older; sed -i 's/\"fetched_at\": \"..../\"fetched_at\": \"2001/' ../older")
			b := hold(t, s, cudaURL, "second")
			run(t, s.dir, "K="+a.Key+" SECOND="+b.SHA256+"; "+c.script)
			for _, quick := range []bool{true, false} {
				if r := checked(t, s, FsckOptions{Quick: quick}); len(r.Problems) != c.found && !(quick && name == "rotten") {
					t.Errorf("quick %v: %+v", quick, r.Problems)
				}
			}
			for _, quick := range []bool{true, false} {
				checked(t, s, FsckOptions{Quick: quick, Repair: true})
				if name == "rotten" {
					run(t, s.dir, "test -z \"$(ls meta)\"")
				}
			}
			got, err := s.Lookup(cudaURL)
			if c.held == "" {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("held: %+v, %v", got, err)
				}
				return
			}
			if err != nil || got.SHA256 != digestOf(c.held) || got.Size != int64(len(c.held)) {
				t.Fatalf("%+v, %v", got, err)
			}
			if name == "rm" && (got.Claim != b.Claim || *got.Approved != *b.Approved || !got.Fetched.Equal(b.Fetched)) {
				t.Errorf("%+v, it was %+v", got, b)
			}
			sound(t, s)
		})
	}
}

// A verb says that it was meant.
func TestEvictOfWhatIsLost(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	run(t, s.dir, "rm meta/*")
	if r := checked(t, s, FsckOptions{}); len(r.Problems) != 1 || r.Problems[0].Path != "meta/"+a.Key+".json" || !strings.Contains(r.Problems[0].Do, "`fromcache evict "+a.Key+"`") {
		t.Fatalf("%+v", r.Problems)
	}
	if err := s.Evict(a.Key, By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	sound(t, s)
	if r, err := s.GC(GCOptions{Older: time.Nanosecond}); err != nil || len(r.Gone) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Whoever evicts while fsck looks, or while it reads the blob, is not undone.
func TestFsckUndoesNoEvict(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	before, _ := s.lastHeld(a.Key)
	if err := s.Evict(a.Key, By{"cli", "x"}); err != nil {
		t.Fatal(err)
	}
	c := newChecker(t.Context(), s, FsckOptions{Repair: true})
	if c.lostMeta(a.Key, digests{}); len(c.r.Problems) != 0 {
		t.Errorf("%+v", c.r.Problems)
	}
	if err := c.writeAnew(a.Key, &before, nil, false); err == nil || len(ls(t, s, "meta")) != 0 {
		t.Errorf("it is held again: %v", err)
	}
}
