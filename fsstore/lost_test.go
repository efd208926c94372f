package fsstore

import (
	"fmt"
	"strings"
	"testing"
)

// A process that dies between taking a blob out and queueing its URL, or a
// restart, must not leave a loss that nobody knows of.
func TestLostBlobsAreFound(t *testing.T) {
	for what, c := range map[string]struct {
		script string // K is the key
		advice string // "": no finding
		queued bool
	}{
		"missing":        {"rm blobs/*", queuedAgain, true},
		"killed between": {"for b in blobs/*; do mv $b tmp/$(basename $b).rotten; done", queuedAgain, true},
		"no history":     {"rm blobs/* done/*", queuedAgain, true},
		"in gc's hands":  {"for b in blobs/*; do mv $b tmp/$(basename $b).gone; done", "", false},
		"evicted":        {"rm blobs/* meta/*", "", false},
		"queued":         {"rm blobs/*; mv done/K.job queue/", queuedAgain, true},
		"failed":         {"rm blobs/*; mv done/K.job failed/", "failed: see failed/K.job", false},
		"whole":          {"true", "", false},
	} {
		s := testStore(t)
		a := hold(t, s, cudaURL, "bytes")
		run(t, s.dir, "K="+a.Key+"; "+strings.ReplaceAll(c.script, "/K.", "/$K."))
		s = openAt(t, s.dir, Options{})
		r := newScrubber(t.Context(), s, ScrubOptions{})
		for range 2 { // the second round has no news
			if err := r.lookForLost(); err != nil {
				t.Fatal(err)
			}
			f := s.Findings()
			if n := len(f); n > 1 || n == 1 != (c.advice != "") || n == 1 && f[0].Advice != strings.ReplaceAll(c.advice, "K", a.Key) {
				t.Errorf("%s: %+v", what, f)
			}
			if q := len(ls(t, s, Queue)); q == 1 != c.queued {
				t.Errorf("%s: %d are queued", what, q)
			}
		}
		if _, err := s.Lookup(cudaURL); (err == nil) != (what == "whole" || what == "in gc's hands") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// With every blob gone there is nothing to read, and yet much to tell.
func TestScrubOfAnEmptyBlobs(t *testing.T) {
	s := testStore(t)
	a := putIn(t, s, cudaURL, "bytes")
	run(t, s.dir, "rm blobs/*")
	r := newScrubber(t.Context(), s, ScrubOptions{})
	r.round()
	if f := s.Findings(); len(f) != 1 || f[0].Advice != carryAgain || s.Lost(a) == "" {
		t.Errorf("%+v, %q", f, s.Lost(a))
	}
	want(t, s, Queue)
}

// Where blobs/ is away, or most of it, nobody wants the whole cache fetched.
func TestSoManyLostThatNoneIsQueued(t *testing.T) {
	s := testStore(t)
	a := hold(t, s, cudaURL, "bytes")
	for i := range maxLost {
		m := a.Meta
		m.SHA256 = digestOf(fmt.Sprint(i))
		if err := s.writeMeta(keyOf(t, fmt.Sprintf("https://example.com/%d.run", i)), &m); err != nil {
			t.Fatal(err)
		}
	}
	r := newScrubber(t.Context(), s, ScrubOptions{})
	run(t, s.dir, "mv blobs ..")
	if r.lookForLost(); len(s.Findings()) != 0 {
		t.Error("blobs/ is away, and nothing else")
	}
	run(t, s.dir, "mv ../blobs .; mv blobs/* ..")
	if err := r.lookForLost(); err != nil {
		t.Fatal(err)
	}
	s.is(t, "many artifacts have lost their blobs", false)
	want(t, s, Queue)
	if f := s.Findings(); len(f) != maxFindings || f[0].Advice != notQueued {
		t.Errorf("%d findings, %+v", len(f), f[0])
	}
	run(t, s.dir, "mv ../"+a.SHA256+" blobs/")
	if err := r.lookForLost(); err != nil {
		t.Fatal(err)
	}
	s.is(t, "", false)
}
