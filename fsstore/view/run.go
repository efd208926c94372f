package view

import (
	"context"
	"path/filepath"
	"time"

	"fromcache/fsstore/internal/tree"
)

// Subscribe returns a channel of changes, and a function that ends it. A reader that is too slow
// gets a Change without a Name in place of those that it missed.
func (v *View) Subscribe() (<-chan Change, func()) {
	c := make(chan Change, 256)
	v.mu.Lock()
	v.readers[c] = true
	v.mu.Unlock()
	v.touch(append([]string{"meta", "done"}, namesOf(viewed)...)...)
	return c, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.readers, c)
	}
}

// directories are all that a View reads.
var directories = append([]string{"meta", "hits", "done"}, namesOf(viewed)...)

// isWalked reports whether a directory is one of those that may have a file of each artifact, of which
// a View has rows that a walk reads.
func isWalked(dir string) bool { return dir == "meta" || dir == "hits" || dir == "done" }

func namesOf(states []tree.State) (names []string) {
	for _, st := range states {
		names = append(names, string(st))
	}
	return names
}

// touch notes that directories are read.
func (v *View) touch(dirs ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, dir := range dirs {
		v.used[dir] = time.Now()
	}
}

// listIfOverdue lists a directory for a page. While Run runs it does so only if Run is late, so
// that no page waits for a listing.
func (v *View) listIfOverdue(dir string) {
	v.mu.Lock()
	age := v.interval(dir)
	if v.running {
		age *= overdue
	}
	v.mu.Unlock()
	v.list(dir, age)
}

// interval returns how often a directory is to be listed. The caller holds mu.
func (v *View) interval(dir string) time.Duration {
	least := listSpool
	if isWalked(dir) {
		least = listMeta
	}
	return max(least, listRest*v.took[dir])
}

// isDue reports whether the last listing is at least as old as age.
func (v *View) isDue(dir string, age time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Since(v.listed[dir]) >= age
}

// list lists a directory again if the last listing is at least as old as age.
func (v *View) list(dir string, age time.Duration) {
	if !v.isDue(dir, age) {
		return
	}
	v.listing.Lock()
	defer v.listing.Unlock()
	if !v.isDue(dir, age) { // another has listed it meanwhile
		return
	}
	began := time.Now()
	names, err := v.tree.Names(dir)
	if err != nil {
		v.health.Complain("view", err)
		return
	}
	changed := v.jobs[tree.State(dir)].Rescan(names)
	v.mu.Lock()
	if !v.listed[dir].IsZero() { // the first one reads every file, and later ones don't
		v.took[dir] = time.Since(began)
	}
	v.listed[dir] = time.Now()
	v.mu.Unlock()
	v.notify(dir, changed...)
}

// listNames lists a directory where names may have come or gone since the last time, as by another
// host, of whose changes no event tells.
func (v *View) listNames(dir string) {
	v.listing.Lock()
	defer v.listing.Unlock()
	differ, err := v.seen[dir].NamesMayDiffer(v.tree, dir)
	var names []string
	if err == nil && differ {
		names, err = v.tree.Names(dir)
	}
	if err != nil {
		v.health.Complain("view", err)
	} else if differ {
		v.notify(dir, v.jobs[tree.State(dir)].RescanNames(names)...)
	}
}

// notify sends changes to every reader. More than a hundred become one of the whole directory,
// because a page would read it whole then.
func (v *View) notify(dir string, names ...string) {
	if len(names) > 100 {
		names = []string{""}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.readers {
		for _, name := range names {
			send(c, Change{dir, name})
		}
	}
}

// send does not block. A full channel loses its oldest change, and gets one without a Name.
func send(c chan Change, change Change) {
	select {
	case c <- change:
		return
	default:
	}
	select {
	case <-c:
	default:
	}
	select {
	case c <- Change{Dir: change.Dir}:
	default:
	}
}

// Run keeps the copy up to date and sends changes to the subscribers until ctx ends.
func (v *View) Run(ctx context.Context) error {
	v.setRunning(ctx)
	defer v.setStopped()
	w := v.spool.NewWatcher(watched)
	v.expire() // because no event tells what changed between a listing and the watch
	defer func() { w.Close() }()
	tick := time.NewTicker(readParts)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Events():
			if ok {
				v.handleEvent(e.Name)
			}
		case <-v.catalog.Wanted():
			v.walk("meta", true)
		case err := <-w.Errors():
			v.health.Complain("watch", err)
			v.expire()
		case <-tick.C:
			v.tick()
			if another := v.spool.Rewatch(w, watched); another != w {
				w = another
				v.expire()
			}
		}
	}
}

// watched are the directories whose events Run hears. hits/ would give one for each hit.
var watched = append([]tree.State{"meta", tree.Done}, viewed...)

// handleEvent reads a file that may have changed, and notifies the readers if it has.
func (v *View) handleEvent(path string) {
	dir, name := filepath.Base(filepath.Dir(path)), filepath.Base(path)
	if !v.inUse(dir) {
		return
	}
	changed := false
	if dir == "meta" {
		changed = v.catalog.Refresh(name)
	} else if dir == "done" {
		changed = v.ended.Refresh(name)
	} else if m := v.jobs[tree.State(dir)]; m != nil {
		changed = m.Refresh(name)
	}
	if changed {
		v.notify(dir, name)
	}
}

func (v *View) setRunning(ctx context.Context) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running, v.ctx = true, ctx
	v.catalog.Keep(true)
}

// setStopped waits for the walks, which end with Run's ctx.
func (v *View) setStopped() {
	v.mu.Lock()
	v.running = false
	v.catalog.Keep(false)
	v.mu.Unlock()
	v.work.Wait()
}

// inUse reports whether somebody subscribes, or has read a directory lately.
func (v *View) inUse(dir string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.readers) > 0 || !v.used[dir].IsZero()
}

// expire has every directory listed again when it is read next.
func (v *View) expire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.listed)
}

// tick lists what is due of what somebody reads, and forgets what nobody has read for long.
func (v *View) tick() {
	v.mu.Lock()
	subscribed := len(v.readers) > 0
	v.mu.Unlock()
	if subscribed {
		v.notifyOfParts()
	}
	for _, dir := range directories {
		v.mu.Lock()
		used, age := v.used[dir], v.interval(dir)
		v.mu.Unlock()
		if isWalked(dir) {
			v.keep(dir, subscribed)
			continue
		}
		switch {
		case !subscribed && used.IsZero():
		case !subscribed && time.Since(used) > forgetAfter:
			v.forget(dir)
		case v.isDue(dir, age):
			v.list(dir, age)
		default:
			v.listNames(dir)
		}
	}
}

// notifyOfParts sends a change for each download whose part has grown.
func (v *View) notifyOfParts() {
	list := v.jobs[tree.Active].All()
	sizes := make(map[string]int64, len(list))
	for _, j := range list {
		n := v.spool.PartSize(j)
		sizes[j.Name] = n
		if v.parts[j.Name] != n {
			v.notify(string(tree.Active), j.Name)
		}
	}
	v.parts = sizes
}

// forget gives the memory of a directory back.
func (v *View) forget(dir string) {
	v.listing.Lock()
	defer v.listing.Unlock()
	v.mu.Lock()
	delete(v.used, dir)
	delete(v.listed, dir)
	v.mu.Unlock()
	switch dir {
	case "hits":
	case "done":
		v.ended.Reset()
	case "meta":
		v.catalog.Reset() // hits, too
	default:
		v.order.reset(dir)
		v.jobs[tree.State(dir)].Reset()
	}
}
