package fsstore

import (
	"context"
	"path/filepath"
	"time"
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

// look lists a directory again if the last listing is older than age.
func (v *View) look(dir string, age time.Duration) {
	v.scan.Lock()
	defer v.scan.Unlock()
	v.mu.Lock()
	old := time.Since(v.fresh[dir]) >= age
	v.mu.Unlock()
	if !old {
		return
	}
	names, err := v.s.names(dir)
	if err != nil {
		v.s.complain("view", err)
		return
	}
	var changed []string
	switch dir {
	case "meta":
		changed = v.metas.rescan(names)
	case "hits":
		changed = v.hits.rescan(names)
	default:
		changed = v.jobs[State(dir)].rescan(names)
	}
	v.mu.Lock()
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
	w := v.s.watcher(append([]State{"meta"}, viewed...))
	defer func() { w.close() }()
	tick := time.NewTicker(lookParts)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.events():
			if ok {
				v.event(e.Name)
			}
		case err := <-w.errors():
			v.s.complain("watch", err)
			v.stale()
		case <-tick.C:
			v.tick()
			w = v.s.rewatch(w, append([]State{"meta"}, viewed...))
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
		changed = v.metas.refresh(name)
	} else if m := v.jobs[State(dir)]; m != nil {
		changed = m.refresh(name)
	}
	if changed {
		v.tell(dir, name)
	}
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
	if !watched {
		switch {
		case used.IsZero():
		case time.Since(used) > unseen:
			v.forget()
		default:
			v.look("meta", lookMeta)
			v.look("hits", lookMeta)
		}
		return
	}
	v.tellParts()
	for _, st := range viewed {
		v.look(string(st), lookSpool)
	}
	v.look("meta", lookMeta)
	v.look("hits", lookMeta)
}

// tellParts tells of downloads whose part has grown.
func (v *View) tellParts() {
	list, _ := v.jobs[Active].all()
	sizes := make(map[string]int64, len(list))
	for i := range list {
		n := v.s.partSize(&list[i])
		sizes[list[i].Name] = n
		if v.parts[list[i].Name] != n {
			v.tell(string(Active), list[i].Name)
		}
	}
	v.parts = sizes
}

// forget gives the memory back.
func (v *View) forget() {
	v.scan.Lock()
	defer v.scan.Unlock()
	v.mu.Lock()
	v.used, v.order = time.Time{}, nil
	clear(v.fresh)
	v.mu.Unlock()
	v.metas.reset()
	v.hits.reset()
	for _, m := range v.jobs {
		m.reset()
	}
}
