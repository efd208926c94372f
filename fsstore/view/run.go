package view

import (
	"context"
	"path/filepath"
	"time"

	"fromcache/fsstore/internal/tree"
)

// Subscribe returns a channel of changes and the call that ends it. Whoever
// reads too slowly gets a Change with no Name for what was dropped.
func (v *View) Subscribe() (<-chan Change, func()) {
	c := make(chan Change, 256)
	v.mu.Lock()
	v.readers[c] = true
	v.used = time.Now()
	v.mu.Unlock()
	return c, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.readers, c)
	}
}

func (v *View) touch() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.used = time.Now()
}

// glance is look for a page, which does not wait for a listing that Run is
// about to do.
func (v *View) glance(dir string) {
	v.mu.Lock()
	age := v.every(dir)
	if v.running {
		age *= overdue
	}
	v.mu.Unlock()
	v.look(dir, age)
}

// every is how often a directory is to be listed; the caller holds mu.
func (v *View) every(dir string) time.Duration {
	if dir == "meta" || dir == "hits" {
		return max(lookMeta, idle*v.cost[dir])
	}
	return max(lookSpool, idle*v.cost[dir])
}

func (v *View) older(dir string, age time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Since(v.fresh[dir]) >= age
}

// look lists a directory again if the last listing is older than age.
func (v *View) look(dir string, age time.Duration) {
	if !v.older(dir, age) {
		return
	}
	v.scan.Lock()
	defer v.scan.Unlock()
	if !v.older(dir, age) {
		return
	}
	began := time.Now()
	names, err := v.s.tree.Names(dir)
	if err != nil {
		v.s.health.Complain("view", err)
		return
	}
	var changed []string
	switch dir {
	case "meta":
		changed = v.metas.Rescan(names)
	case "hits":
		changed = v.hits.Rescan(names)
	default:
		changed = v.jobs[tree.State(dir)].Rescan(names)
	}
	v.mu.Lock()
	if !v.fresh[dir].IsZero() { // the first one reads every file, and later ones don't
		v.cost[dir] = time.Since(began)
	}
	v.fresh[dir] = time.Now()
	v.mu.Unlock()
	v.tell(dir, changed...)
}

// tell tells every reader. More changes than a page would take one by one
// become one of the whole directory.
func (v *View) tell(dir string, names ...string) {
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

// send never blocks: a full channel loses its oldest change and is told that
// anything may be another.
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

// Run tells changes until ctx ends.
func (v *View) Run(ctx context.Context) error {
	v.run(true)
	defer v.run(false)
	w := v.s.spool.NewWatcher(append([]tree.State{"meta"}, viewed...))
	v.stale() // what changed between a listing and the watch, no event tells
	defer func() { w.Close() }()
	tick := time.NewTicker(lookParts)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Events():
			if ok {
				v.event(e.Name)
			}
		case err := <-w.Errors():
			v.s.health.Complain("watch", err)
			v.stale()
		case <-tick.C:
			v.tick()
			if again := v.s.spool.Rewatch(w, append([]tree.State{"meta"}, viewed...)); again != w {
				w = again
				v.stale()
			}
		}
	}
}

// event: one name may have changed; what it is now is read from the disk.
func (v *View) event(path string) {
	if !v.inUse() {
		return
	}
	dir, name := filepath.Base(filepath.Dir(path)), filepath.Base(path)
	changed := false
	if dir == "meta" {
		changed = v.metas.Refresh(name)
	} else if m := v.jobs[tree.State(dir)]; m != nil {
		changed = m.Refresh(name)
	}
	if changed {
		v.tell(dir, name)
	}
}

func (v *View) run(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running = on
}

func (v *View) inUse() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.readers) > 0 || !v.used.IsZero()
}

func (v *View) stale() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.fresh)
}

func (v *View) tick() {
	v.mu.Lock()
	watched, used := len(v.readers) > 0, v.used
	v.mu.Unlock()
	switch {
	case watched:
		v.tellParts()
	case used.IsZero():
		return
	case time.Since(used) > unseen:
		v.forget()
		return
	}
	for _, dir := range append([]tree.State{"meta", "hits"}, viewed...) {
		v.mu.Lock()
		age := v.every(string(dir))
		v.mu.Unlock()
		v.look(string(dir), age)
	}
}

// tellParts tells of downloads whose part has grown.
func (v *View) tellParts() {
	list := v.jobs[tree.Active].All()
	sizes := make(map[string]int64, len(list))
	for _, j := range list {
		n := v.s.spool.PartSize(j)
		sizes[j.Name] = n
		if v.parts[j.Name] != n {
			v.tell(string(tree.Active), j.Name)
		}
	}
	v.parts = sizes
}

// forget gives the memory back.
func (v *View) forget() {
	v.scan.Lock()
	defer v.scan.Unlock()
	v.mu.Lock()
	v.used = time.Time{}
	clear(v.fresh)
	v.mu.Unlock()
	v.order.reset()
	v.metas.Reset()
	v.hits.Reset()
	for _, m := range v.jobs {
		m.Reset()
	}
}
