package catalog

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
)

// A storage behind a network is asked for many files at once, because all the time goes into waiting
// for its answers. It is one if the first files took longer than slowFile each. From a local disk
// each core reads one.
const (
	firstFiles = 32
	slowFile   = 200 * time.Microsecond
	atOnce     = 64
)

// Walk reads each file of meta/ that has no row, and takes out the rows whose files are gone. With
// all it also looks at each file that has one, by lstat, and reads it again if it has changed. The
// names of what changed go to tell, which may be called by several goroutines.
func (c *Catalog) Walk(ctx context.Context, all bool, tell func(name string)) error {
	if !c.IsLoaded() {
		total := 0
		if err := c.tree.EachNames("meta", func(names []string) error {
			total += len(names)
			c.total.Store(int64(total))
			return ctx.Err()
		}); err != nil {
			return err
		}
	}
	seen, err := c.each(ctx, "meta", func(r *held.Reader, name string) {
		if c.look(r, name, all) {
			tell(name)
		}
	})
	if err != nil {
		return err
	}
	for _, name := range c.unlisted(seen, ".json", func(*packed) bool { return true }) {
		if c.Refresh(name) {
			tell(name)
		}
	}
	c.loaded.Store(true)
	return nil
}

// WalkHits is Walk of all of hits/.
func (c *Catalog) WalkHits(ctx context.Context) error {
	seen, err := c.each(ctx, "hits", func(_ *held.Reader, k string) { c.lookHits(k) })
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

// each calls look with each name of a directory, from several goroutines, and returns a bit for each
// row whose name there was.
func (c *Catalog) each(ctx context.Context, dir string, look func(r *held.Reader, name string)) ([]uint64, error) {
	w := walk{c: c, dir: dir, look: look, names: make(chan []string)}
	if dir == "meta" {
		c.read.Store(0)
	}
	err := c.tree.EachNames(dir, func(names []string) error { return w.hand(ctx, names) })
	close(w.names)
	w.all.Wait()
	return w.seen, err
}

const partNames = 32

// walk is a walk over one directory.
type walk struct {
	c       *Catalog
	dir     string
	look    func(r *held.Reader, name string)
	names   chan []string
	started bool
	all     sync.WaitGroup
	mu      sync.Mutex
	seen    []uint64
}

// hand hands names out in small parts, so that all read at once in a small directory, too. Of the
// first names it learns how slow the storage is.
func (w *walk) hand(ctx context.Context, names []string) error {
	if !w.started {
		w.started = true
		n := min(firstFiles, len(names))
		began := time.Now()
		w.part(names[:n])
		names = names[n:]
		w.start(time.Since(began) > time.Duration(n)*slowFile)
	}
	for part := range slices.Chunk(names, partNames) {
		select {
		case w.names <- slices.Clone(part):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *walk) start(slow bool) {
	n := runtime.GOMAXPROCS(0)
	if slow {
		n = atOnce
	}
	for range n {
		w.all.Go(func() {
			for names := range w.names {
				w.part(names)
			}
		})
	}
}

// part looks at some names with a Reader of its own.
func (w *walk) part(names []string) {
	r, err := w.c.held.NewReader()
	if err != nil {
		w.c.health.Complain("view", err)
		return
	}
	defer r.Close()
	for _, name := range names {
		w.look(r, name)
	}
	w.c.mu.RLock()
	defer w.c.mu.RUnlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		if id, ok := w.c.table.find(strings.TrimSuffix(name, ".json")); ok {
			for int(id/64) >= len(w.seen) {
				w.seen = append(w.seen, make([]uint64, 1+len(w.seen))...)
			}
			w.seen[id/64] |= 1 << (id % 64)
		}
	}
	if w.dir == "meta" {
		w.c.read.Add(int64(len(names)))
	}
}

// unlisted returns the names of rows that have no bit in seen.
func (c *Catalog) unlisted(seen []uint64, suffix string, of func(*packed) bool) (names []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.table
	for id := range t.used {
		p := t.at(id)
		if p.flags&live != 0 && of(p) && (int(id/64) >= len(seen) || seen[id/64]&(1<<(id%64)) == 0) {
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
	return c.look(r, name, true)
}

// look reads meta/<name> if it has no row, or with again if it has changed.
func (c *Catalog) look(r *held.Reader, name string, again bool) bool {
	k, ok := strings.CutSuffix(name, ".json")
	if !ok || !tree.Plain(name) {
		return false
	}
	lock := &c.looks[maphash.String(c.seed, name)%uint64(len(c.looks))]
	lock.Lock()
	defer lock.Unlock()
	c.mu.RLock()
	id, had := c.table.find(k)
	var before uint64
	if had {
		before = c.table.at(id).meta
	}
	c.mu.RUnlock()
	if had && !again {
		return false
	}
	if had {
		if now, err := r.Look(name); err == nil && c.hash(now) == before {
			return false
		}
	}
	b, err := r.Brief(name)
	gone := errors.Is(err, fs.ErrNotExist) && !errors.Is(err, held.ErrMalformed)
	c.mu.Lock()
	defer c.mu.Unlock()
	if gone {
		return c.table.drop(k)
	}
	c.table.put(k, &b, c.hash(r.Identity())) // one that can't be read is shown, so that it can be evicted
	return true
}

// hash is never 0, which says that there is no file.
func (c *Catalog) hash(i tree.Identity) uint64 { return maphash.Comparable(c.seed, i) | 1 }

// lookHits reads hits/<k> if it has changed.
func (c *Catalog) lookHits(k string) {
	lock := &c.looks[maphash.String(c.seed, k)%uint64(len(c.looks))]
	lock.Lock()
	defer lock.Unlock()
	var now hit
	if i, ok := c.counts.IdentifyHits(k); ok {
		now.count = c.hash(i)
	}
	c.mu.RLock()
	same := c.table.hitsOf(k).count == now.count
	c.mu.RUnlock()
	if same {
		return
	}
	if now.count != 0 {
		now.n = c.counts.ReadHits(k)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table.setHits(k, now)
}
