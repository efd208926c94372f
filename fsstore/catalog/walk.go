package catalog

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"strings"
	"sync"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/rows"
	"fromcache/fsstore/internal/tree"
)

// Walk reads each file of meta/ that has no row, and takes out the rows whose files are gone. With
// all it also looks at each file that has one, by lstat, and reads it again if it has changed. The
// names of what changed go to tell, which may be called by several goroutines.
func (c *Catalog) Walk(ctx context.Context, all bool, tell func(name string)) error {
	if !c.IsLoaded() {
		c.read.Store(0)
		defer rows.Count(ctx, c.tree, "meta", func(n int) { c.total.Store(int64(n)) })()
	}
	seen, err := c.each(ctx, "meta", func(r *held.Reader, name string) (number, bool) {
		id, has, changed := c.look(r, name, all)
		if changed {
			tell(name)
		}
		return id, has
	})
	if err != nil {
		return err
	}
	for _, name := range c.unlisted(seen, ".json", func(*packed) bool { return true }) {
		if c.Refresh(name) {
			tell(name)
		}
	}
	if !c.IsLoaded() {
		c.load()
	}
	return nil
}

// load puts the rows in order once all have been read.
func (c *Catalog) load() {
	var both sync.WaitGroup
	for _, order := range []string{"new", "name"} {
		both.Go(func() { c.make(order) })
	}
	both.Wait()
	c.loaded.Store(true)
}

// WalkHits is Walk of all of hits/.
func (c *Catalog) WalkHits(ctx context.Context) error {
	seen, err := c.each(ctx, "hits", func(_ *held.Reader, k string) (number, bool) { return c.lookHits(k) })
	if err != nil {
		return err
	}
	for _, k := range c.unlisted(seen, "", func(p *packed) bool { return p.count != 0 }) {
		c.lookHits(k)
	}
	c.mu.RLock()
	var others []string
	for k := range c.table.others {
		others = append(others, k)
	}
	c.mu.RUnlock()
	for _, k := range others {
		c.lookHits(k)
	}
	c.hitsLoaded.Store(true)
	return nil
}

// each calls look with each name of a directory, from several goroutines, and returns the rows whose
// names there were.
func (c *Catalog) each(ctx context.Context, dir string, look func(r *held.Reader, name string) (number, bool)) (*rows.Seen, error) {
	seen := &rows.Seen{}
	if dir == "meta" {
		c.read.Store(0)
	}
	return seen, rows.Walk(ctx, c.tree, dir, func() rows.Looker { return &looker{c: c, dir: dir, look: look, seen: seen} })
}

// number is that of a row.
type number = uint32

// looker looks at files with a Reader of its own.
type looker struct {
	c    *Catalog
	dir  string
	look func(r *held.Reader, name string) (number, bool)
	seen *rows.Seen
	r    *held.Reader
	ids  []number
}

func (l *looker) Look(names []string) {
	if l.r == nil {
		r, err := l.c.held.NewReader()
		if err != nil {
			l.c.health.Complain("view", err)
			return
		}
		l.r = r
	}
	l.ids = l.ids[:0]
	for _, name := range names {
		if id, ok := l.look(l.r, name); ok {
			l.ids = append(l.ids, id)
		}
	}
	l.seen.Add(l.ids)
	if l.dir == "meta" {
		l.c.read.Add(int64(len(names)))
	}
}

func (l *looker) Close() error {
	if l.r == nil {
		return nil
	}
	return l.r.Close()
}

// unlisted returns the names of rows that have no bit in seen.
func (c *Catalog) unlisted(seen *rows.Seen, suffix string, of func(*packed) bool) (names []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.table
	for id := range t.used {
		p := t.at(id)
		if p.flags&live != 0 && of(p) && !seen.Has(id) {
			names = append(names, t.key(p)+suffix)
		}
	}
	return names
}

// Refresh looks at meta/<name> as it is now, and reports whether its row changed.
func (c *Catalog) Refresh(name string) bool {
	r, err := c.held.NewReader()
	if err != nil {
		return false
	}
	defer r.Close()
	_, _, changed := c.look(r, name, true)
	return changed
}

// look reads meta/<name> if it has no row, or with again if it has changed. It returns the row that it
// has then.
func (c *Catalog) look(r *held.Reader, name string, again bool) (id number, has, changed bool) {
	k, ok := strings.CutSuffix(name, ".json")
	if !ok || !tree.Plain(name) {
		return 0, false, false
	}
	lock := &c.looks[maphash.String(c.seed, name)%uint64(len(c.looks))]
	lock.Lock()
	defer lock.Unlock()
	c.mu.RLock()
	t := c.table
	id, had := t.find(k)
	var before uint64
	if had {
		before = t.at(id).meta
	}
	c.mu.RUnlock()
	if had && !again {
		return id, true, false
	}
	if had {
		if now, err := r.Look(name); err == nil && c.hash(now) == before {
			return id, true, false
		}
	}
	b, err := r.Brief(name)
	gone := errors.Is(err, fs.ErrNotExist) && !errors.Is(err, held.ErrMalformed)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.table != t { // Reset
		t, had = c.table, false
	}
	if gone {
		if had {
			t.drop(id)
		}
		return 0, false, had
	}
	return t.put(k, id, had, &b, c.hash(r.Identity())), true, true // one that can't be read is shown, so that it can be evicted
}

// hash is never 0, which says that there is no file.
func (c *Catalog) hash(i tree.Identity) uint64 { return maphash.Comparable(c.seed, i) | 1 }

// lookHits reads hits/<k> if it has changed.
func (c *Catalog) lookHits(k string) (id number, has bool) {
	lock := &c.looks[maphash.String(c.seed, k)%uint64(len(c.looks))]
	lock.Lock()
	defer lock.Unlock()
	var now hit
	if i, ok := c.counts.IdentifyHits(k); ok {
		now.count = c.hash(i)
	}
	c.mu.RLock()
	id, has = c.table.find(k)
	same := c.table.hitsOf(k).count == now.count
	c.mu.RUnlock()
	if same {
		return id, has
	}
	if now.count != 0 {
		now.n = c.counts.ReadHits(k)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table.setHits(k, now)
	return c.table.find(k)
}
