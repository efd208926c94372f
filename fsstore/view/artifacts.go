package view

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// walk is how a directory of which the catalog has rows was read last.
type walk struct {
	done   chan struct{} // of one that runs; nil: none does
	began  time.Time
	named  time.Time     // when the last one ended that looked for names alone
	took   time.Duration // by that
	differ bool          // names may have come or gone since
}

// patience is how long after reading began a page waits for it to end.
const patience = 300 * time.Millisecond

// walk begins to read meta/, hits/ or done/, and returns what is closed at the end. One that runs already is
// not begun again, and mine is false. With all, files that have a row are looked at, too. Beside Run it
// returns at once.
func (v *View) walk(dir string, all bool) (done <-chan struct{}, mine bool) {
	v.mu.Lock()
	w := v.walks[dir]
	if w.done != nil {
		defer v.mu.Unlock()
		return w.done, false
	}
	w.done, w.began = make(chan struct{}), time.Now()
	done = w.done
	if v.running {
		v.work.Go(func() { v.runWalk(v.ctx, dir, all) })
		v.mu.Unlock()
		return done, true
	}
	v.mu.Unlock()
	v.runWalk(context.Background(), dir, all)
	return done, true
}

func (v *View) runWalk(ctx context.Context, dir string, all bool) {
	var changed tally
	first := !v.hasRead(dir)
	var err error
	switch dir {
	case "meta":
		err = v.catalog.Walk(ctx, all, changed.add)
	case "done":
		err = v.ended.Walk(ctx, all, changed.add)
	default:
		err = v.catalog.WalkHits(ctx)
	}
	if ctx.Err() == nil {
		v.health.Complain("view", err)
	}
	if n, _ := v.catalog.Held(); first && max(n, v.ended.Len()) > few {
		debug.FreeOSMemory() // or what reading took would stay with us for minutes
	}
	v.mu.Lock()
	w := v.walks[dir]
	took := time.Since(w.began)
	w.named, w.took = time.Now(), took
	if all && err == nil {
		if !first { // which reads every file, and later ones don't
			v.took[dir] = took
		}
		v.listed[dir] = time.Now()
	}
	close(w.done)
	w.done = nil
	v.mu.Unlock()
	v.notify(dir, changed.names...)
}

// tally gathers names of what changed. Of many it keeps some, because readers are told of the whole
// directory then.
type tally struct {
	mu    sync.Mutex
	names []string
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.names) < 200 {
		t.names = append(t.names, name)
	}
}

func (v *View) hasRead(dir string) bool {
	switch dir {
	case "hits":
		return v.catalog.HasHits()
	case "done":
		return v.ended.IsLoaded()
	}
	return v.catalog.IsLoaded()
}

// freshen reads a directory if it never was, or if Run is late, or does not run and the last time is
// long ago. It waits for the end, or for long after the beginning.
func (v *View) freshen(dir string, long time.Duration) {
	v.touch(dir)
	v.mu.Lock()
	age := v.interval(dir)
	if v.running {
		age *= overdue
	}
	v.mu.Unlock()
	if v.hasRead(dir) && !v.isDue(dir, age) {
		return
	}
	done, _ := v.walk(dir, true)
	v.mu.Lock()
	left := long - time.Since(v.walks[dir].began)
	v.mu.Unlock()
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// forEver is how long who must have every row waits for it.
const forEver = 24 * time.Hour

// keep reads a directory in the background where that is due, and gives the memory back of one that
// nobody has used for long. Names that came and went it finds at once, or for large directories so
// seldom that it takes a small part of the time.
func (v *View) keep(dir string, subscribed bool) {
	v.mu.Lock()
	if dir == "meta" && v.catalog.Used().After(v.used[dir]) {
		v.used[dir] = v.catalog.Used()
	}
	used, age := v.used[dir], v.interval(dir)
	w := v.walks[dir]
	running, rested := w.done != nil, time.Since(w.named) >= restNames*w.took
	v.mu.Unlock()
	switch {
	case running && !v.hasRead(dir):
		v.notify(dir, "") // pages show what has been read so far
	case running || used.IsZero():
	case !subscribed && time.Since(used) > forgetAfter:
		v.forget(dir)
	case !v.hasRead(dir) || v.isDue(dir, age):
		v.walk(dir, true)
	case dir != "hits" && v.namesDiffer(dir) && rested:
		v.mu.Lock()
		w.differ = false
		v.mu.Unlock()
		v.walk(dir, false)
	}
}

// namesDiffer reports whether names may have come or gone since the last walk for names.
func (v *View) namesDiffer(dir string) bool {
	v.listing.Lock()
	defer v.listing.Unlock()
	differ, err := v.seen[dir].NamesMayDiffer(v.tree, dir)
	if err != nil {
		v.health.Complain("view", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.walks[dir]
	w.differ = w.differ || differ
	return w.differ
}

// Artifacts returns at most n artifacts from one on that have the words of q, and how many there are:
// see catalog.Search. While meta/ is being read these are of those that have been read.
func (v *View) Artifacts(q, order string, from, n int) ([]ArtifactRow, int) {
	v.freshen("meta", patience)
	if order == "hits" || order == "saved" {
		v.freshen("hits", patience)
	}
	return v.catalog.Search(q, order, from, n)
}

// KeysAfter returns at most n keys behind one, in their order, when all have been read.
func (v *View) KeysAfter(k string, n int) []string {
	v.freshen("meta", forEver)
	v.renew("meta")
	return v.catalog.KeysAfter(k, n)
}

// Artifact returns the row of a key.
func (v *View) Artifact(k string) (ArtifactRow, bool) {
	v.freshen("meta", patience)
	return v.catalog.Get(k)
}

// Reading returns how many of the artifacts have been read, and false where that is all.
func (v *View) Reading() (read, total int, yes bool) {
	v.freshen("meta", patience)
	read, total = v.catalog.Progress()
	return min(read, total), total, !v.catalog.IsLoaded()
}

// SoFar is Held of the artifacts that have been read.
func (v *View) SoFar() (n int, bytes int64) {
	v.freshen("meta", patience)
	return v.catalog.Held()
}

// Held returns the number of artifacts, and the bytes of their blobs, each blob counted once.
func (v *View) Held() (n int, bytes int64) {
	v.freshen("meta", forEver)
	return v.catalog.Held()
}

// Hits returns the sum of all hits.
func (v *View) Hits() int64 {
	v.freshen("hits", forEver)
	v.renew("hits")
	return v.catalog.Hits()
}

// Missed returns how often the artifacts were asked for before they were held, and how many bytes
// that took from their origins. While meta/ is being read it is of those that have been read.
func (v *View) Missed() (n, bytes int64) {
	v.freshen("meta", patience)
	return v.catalog.Missed()
}

// Saved returns the n artifacts whose hits spared origins the most bytes.
func (v *View) Saved(n int) []ArtifactRow {
	v.freshen("meta", forEver)
	v.freshen("hits", forEver)
	v.renew("hits")
	return v.catalog.Saved(n)
}

// RelistArtifacts looks at meta/ now, for a reader who may have changed it a moment ago.
func (v *View) RelistArtifacts() {
	v.freshen("meta", forEver)
	v.renew("meta")
}

// few is how many files are looked at for one reader. With more the events and Run must do.
const few = 20_000

// renew looks at each file of a small directory.
func (v *View) renew(dir string) {
	if n, _ := v.catalog.Held(); n > few {
		return
	}
	v.relist(dir)
}

// relist looks at each file now.
func (v *View) relist(dir string) {
	done, mine := v.walk(dir, true)
	if <-done; !mine { // it may have passed what changed
		done, _ = v.walk(dir, true)
		<-done
	}
}
