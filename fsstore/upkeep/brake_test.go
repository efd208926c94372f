package upkeep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/upkeep"
)

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
			s := storetest.TestStore(t)
			keys := storetest.Many(t, s, "file", c.held)
			script := c.script
			if script == "" {
				script = "for f in $LOST; do rm meta/$f.json; done"
			}
			storetest.Run(t, s.Dir(), "LOST='"+strings.Join(keys[:c.lost], " ")+"'; "+script)
			r, err := s.GC(fsstore.GCOptions{})
			b, is := errors.AsType[*upkeep.Brake](err)
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
			storetest.Run(t, s.Dir(), fmt.Sprintf("test $(ls blobs | wc -l) = %d", c.held))
			if r, err := s.GC(fsstore.GCOptions{DryRun: true, Force: true}); err != nil || len(r.Gone) != c.lost {
				t.Errorf("forced, dry: %+v, %v", r, err)
			}
			if r, err := s.GC(fsstore.GCOptions{Force: true}); err != nil || len(r.Gone) != c.lost {
				t.Errorf("forced: %+v, %v", r, err)
			}
			if r, err := s.GC(fsstore.GCOptions{Older: 1}); err != nil || len(r.Unlinked) != c.lost { // what was forced stays so
				t.Errorf("a day later: %+v, %v", r, err)
			}
		})
	}
}

// What somebody wanted gone is never held back.
func TestTheBrakeKnowsWhatWasMeant(t *testing.T) {
	s := storetest.TestStore(t)
	keys := storetest.Many(t, s, "file", 40)
	for _, k := range keys[:15] {
		if err := s.Evict(k, fsstore.Operator{Via: "cli", Addr: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 15 { // another version takes the place of the first
		storetest.Hold(t, s, fmt.Sprintf("https://example.com/file-%d.run", 15+i), fmt.Sprint("new ", i))
	}
	storetest.Run(t, s.Dir(), "rm done/*--file-1[5-9].run--* done/*--file-2?.run--*") // and is in meta alone
	if r, err := s.GC(fsstore.GCOptions{}); err != nil || len(r.Gone) != 30 {
		t.Fatalf("%d went, %v", len(r.Gone), err)
	}
}

// A version that another has replaced may go, though no meta says so any more: the job that fetched
// it has a number. What replaced it is lost.
// TestTheBrakeKnowsEarlierVersions holds that an evict is of each version that the job fetched, also
// where no meta names the earlier ones any more.
func TestTheBrakeKnowsEarlierVersions(t *testing.T) {
	s := storetest.TestStore(t)
	keys := storetest.Many(t, s, "file", 40)
	for i, k := range keys[:15] {
		storetest.Must(t, s.Retry(k, storetest.Operator))
		storetest.Publish(t, storetest.MustClaim(t, s, k+".job"), fmt.Sprint("new ", i))
		storetest.Must(t, s.Evict(k, storetest.Operator))
	}
	if r, err := s.GC(fsstore.GCOptions{}); err != nil || len(r.Gone) != 30 {
		t.Fatalf("%d went, %v", len(r.Gone), err)
	}
}

func TestTheBrakeKnowsWhatWasReplaced(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Many(t, s, "file", 40)
	for i := range 15 {
		storetest.Hold(t, s, fmt.Sprintf("https://example.com/file-%d.run", i), fmt.Sprint("new ", i))
	}
	storetest.Run(t, s.Dir(), "for n in $(seq 0 14); do rm meta/*--file-$n.run--*; done")
	var brake *upkeep.Brake
	if _, err := s.GC(fsstore.GCOptions{}); !errors.As(err, &brake) || brake.Blobs != 15 || brake.Of != 55 {
		t.Fatal(err)
	}
	if r := storetest.Checked(t, s, fsstore.FsckOptions{Repair: true}); len(r.Problems) != 15 {
		t.Errorf("%d problems", len(r.Problems))
	}
	if a, err := s.Lookup("https://example.com/file-3.run"); err != nil || a.SHA256 != storetest.DigestOf("new 3") {
		t.Errorf("%+v, %v", a, err)
	}
}

// While gc takes nothing, what it took before is not unlinked either, and what
// is wanted comes back.
func TestTheBrakeHoldsWhatIsGone(t *testing.T) {
	s := storetest.TestStore(t)
	keys := storetest.Many(t, s, "file", 40)
	storetest.Run(t, s.Dir(), "mv meta/"+keys[0]+".json meta/"+keys[1]+".json ..")
	if r, err := s.GC(fsstore.GCOptions{}); err != nil || len(r.Gone) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	storetest.Run(t, s.Dir(), "mkdir ../saved; mv meta/* ../saved; mv ../"+keys[1]+".json meta/")
	r, err := s.GC(fsstore.GCOptions{Older: 1})
	if _, is := errors.AsType[*upkeep.Brake](err); !is || len(r.Unlinked) != 0 || len(r.Restored) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r := storetest.Checked(t, s, fsstore.FsckOptions{Repair: true}); len(r.Problems) != 39 {
		t.Errorf("%d problems", len(r.Problems))
	}
	storetest.Sound(t, s)
}

// The server says why, and goes on by itself once meta/ is back.
func TestTheBrakeIsATrouble(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Many(t, s, "file", 12)
	storetest.Run(t, s.Dir(), "mkdir saved; mv meta/* saved")
	health := func() []fsstore.Trouble { // the bubble's time runs ahead of the uptime
		return slices.DeleteFunc(s.Health(), func(t fsstore.Trouble) bool {
			return strings.HasPrefix(t.What, "the clock of this machine")
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(65 * time.Second)
		list := health()
		if len(list) != 1 || list[0].What != upkeep.ManyUnnamed || list[0].Grave {
			t.Fatalf("%+v", list)
		}
		storetest.Run(t, s.Dir(), "mv saved/* meta/")
		time.Sleep(15 * time.Second)
		if list = health(); len(list) != 0 {
			t.Errorf("meta/ is back: %+v", list)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
