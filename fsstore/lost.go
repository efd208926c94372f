package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// lookShare is how much of the time the look for lost blobs may take of a
// processor: 100,000 metas are read in 2 s, and so in 20.
const lookShare = 10

// lookForLost looks for the blob of each artifact, one stat each. The blob of
// one may have been taken out by a process that was killed before it queued the
// URL, by hand, or by a file system's repair; no reading of blobs/ finds that.
func (r *scrubber) lookForLost() error {
	l := losses{s: r.s}
	buf := make([]byte, 16<<10)
	var unread error
	err := r.s.eachNames("meta", func(names []string) error {
		began := time.Now()
		for _, name := range names {
			if err := l.look(name, buf); err != nil {
				unread = err // the others may be well
			}
		}
		if !r.sleep((lookShare - 1) * time.Since(began)) {
			return r.ctx.Err()
		}
		return nil
	})
	if err != nil || r.s.lookAt(0).wrong { // blobs/ itself may be away
		return err
	}
	r.many = l.settle()
	return unread
}

// losses are the artifacts that a look found without their blobs.
type losses struct {
	s     *Store
	open  []*Artifact // that nobody has dealt with yet, a hundred and one at most
	count int         // of those
}

// maxLost is how many artifacts are queued again without a person. Disks lose
// some; where more are gone at once somebody is restoring a copy, or has moved
// blobs away, and would not thank us for asking the origins for all of them.
const maxLost = maxFindings

// look takes a name in meta/.
func (l *losses) look(name string, buf []byte) error {
	k, ok := strings.CutSuffix(name, ".json")
	if !ok {
		return nil
	}
	b, err := l.s.readMeta(name, buf)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if d := namedDigest(b); d != "" && !exists(l.s.path("blobs", d)) {
		l.lost(k)
	}
	return nil
}

// lost looks once more, for an artifact may be evicted or fetched again at any
// time, and gc may have had its blob in its hands.
func (l *losses) lost(k string) {
	a, err := l.s.Artifact(k)
	if err != nil || l.s.bringBack(a.SHA256) == nil {
		return
	}
	if fate := l.s.fate(a); fate != "" {
		l.s.reportLost(a, fate)
		return
	}
	if l.count++; len(l.open) <= maxLost {
		l.open = append(l.open, a)
	}
}

const (
	tooManyLost = "many artifacts have lost their blobs, so many that none is queued again by itself: put blobs/ back, or run fromcache fsck --repair, which queues them all"
	notQueued   = "not queued, for too many are missing: run `fromcache fsck --repair`"
)

// settle queues what was found, unless there is too much of it, as it reports.
func (l *losses) settle() (many bool) {
	many = l.count > maxLost
	for _, a := range l.open[:min(len(l.open), maxLost)] {
		do := notQueued
		if !many {
			do, _ = l.s.requeue(a.Key, a.URL, By{Via: viaScrub})
		}
		l.s.reportLost(a, do)
	}
	var err error
	if many {
		err = fmt.Errorf("%d artifacts", l.count)
	}
	l.s.Trouble("lost", tooManyLost, err)
	return many
}

func (s *Store) reportLost(a *Artifact, do string) {
	s.report(Finding{Key: a.Key, Digest: a.SHA256, What: "its blob is missing", Advice: do})
}

// Lost says why an artifact that has a meta is not held, and what is being done
// about it or to do; "" where it is held.
func (s *Store) Lost(a *Artifact) string {
	if s.HasBlob(a.SHA256, a.Size) {
		return ""
	}
	do := s.fate(a)
	if do == "" {
		do = "run `fromcache fsck --repair`"
	}
	return "its blob is missing, has another size or can't be read: " + do
}
