package catalog

import (
	"bytes"
	"cmp"
	"slices"

	"fromcache/fsstore/internal/rows"
)

// Sorts are the names of the orders: by URL, and by what is largest, newest first among equals, but of
// those that saved as much by URL.
var Sorts = []string{"new", "name", "size", "misses", "hits", "saved"}

// orders are Sorts, and by key. The first two exist once all has been read, the others since they were
// asked for first.
var orders = append(slices.Clone(Sorts), "key")

// byHits are the orders that hits change.
var byHits = []string{"hits", "saved"}

func (t *table) newOrder(name string) *rows.Order {
	return rows.NewOrder(func(a, b uint32) int { return t.compare(name, a, b) })
}

func (t *table) isLive(id uint32) bool { return t.at(id).flags&live != 0 }

// depart takes a row out of some orders, before it changes.
func (t *table) depart(id uint32, from []string) {
	for _, name := range from {
		if o := t.orders[name]; o != nil {
			o.Remove(id)
		}
	}
}

// arrive puts a row into some orders.
func (t *table) arrive(id uint32, to []string) {
	for _, name := range to {
		o := t.orders[name]
		if o == nil {
			continue
		}
		if o.Add(id); o.IsLate() {
			o.Settle(t.isLive)
		}
	}
	for _, m := range t.making {
		m.changed = append(m.changed, id)
	}
}

// making is an order that is being made, beside what changes the rows.
type making struct {
	entries []entry
	changed []uint32 // rows that came or changed meanwhile
}

// entry is what one row is ordered by, and no two are equal. Its text stays as it is when the row goes.
type entry struct {
	first, then int64
	text        []byte
	last        int64
	id          uint32
}

func (t *table) entry(name string, id uint32) (e entry) {
	p := t.at(id)
	e = entry{id: id, then: -p.fetched}
	switch name {
	case "name":
		e.then, e.last = 0, -p.fetched
	case "size":
		e.first = -p.size
	case "misses":
		e.first = -int64(p.misses)
	case "hits":
		e.first = -p.hits
	case "saved":
		e.first, e.then = -saved(p.size, p.hits), 0
	case "key":
		e.then, e.text = 0, []byte(t.key(p))
		return e
	}
	e.text = t.afterScheme(p)
	return e
}

func compareEntries(a, b entry) int {
	return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.then, b.then), bytes.Compare(a.text, b.text), cmp.Compare(a.last, b.last), cmp.Compare(a.id, b.id))
}

// compare orders two rows.
func (t *table) compare(order string, a, b uint32) int {
	return compareEntries(t.entry(order, a), t.entry(order, b))
}

// List returns at most n rows from one on, in an order of Sorts. Its work depends on n, not on how
// many artifacts there are; but the first time that an order is asked for it is made, and until all
// has been read each row is looked at.
func (c *Catalog) List(order string, from, n int) []Row {
	c.prepare(order)
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.table.orders[order]
	if o == nil {
		return c.table.rowsOf(c.table.first(order, from, n, c.table.isLive))
	}
	var list []Row
	for i := from; i < from+n; i++ {
		id, ok := o.At(i)
		if !ok {
			break
		}
		list = append(list, c.table.row(id))
	}
	return list
}

// KeysAfter returns at most n keys behind one, in their order.
func (c *Catalog) KeysAfter(k string, n int) (keys []string) {
	c.prepare("key")
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.table
	o := t.orders["key"]
	if o == nil {
		return nil
	}
	at := o.After(func(id uint32) bool { return t.key(t.at(id)) > k })
	for ; len(keys) < n; at++ {
		id, ok := o.At(at)
		if !ok {
			break
		}
		keys = append(keys, t.key(t.at(id)))
	}
	return keys
}

// prepare makes an order that does not exist yet, and puts all rows of one into their places.
func (c *Catalog) prepare(order string) {
	c.mu.RLock()
	o := c.table.orders[order]
	ready := o != nil && o.IsSettled()
	c.mu.RUnlock()
	switch {
	case ready || !slices.Contains(orders, order):
		return
	case o == nil && !c.IsLoaded():
		return // rows come so quickly that it would never be in order
	case o == nil:
		c.make(order)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.table.orders[order]; o != nil {
		o.Settle(c.table.isLive)
	}
}

// first returns at most n rows from one on, of those for which is is true, of an order that is not
// kept. It looks at each row, and keeps the first ones.
func (t *table) first(order string, from, n int, is func(id uint32) bool) (ids []uint32) {
	var best []entry
	most, full := 2*(from+n), false
	for id := range t.used {
		if !is(id) {
			continue
		}
		e := t.entry(order, id)
		if full && compareEntries(e, best[from+n-1]) > 0 {
			continue
		}
		if best = append(best, e); len(best) == most {
			slices.SortFunc(best, compareEntries)
			best, full = best[:from+n], true
		}
	}
	slices.SortFunc(best, compareEntries)
	from = min(from, len(best))
	for _, e := range best[from:min(from+n, len(best))] {
		ids = append(ids, e.id)
	}
	return ids
}

func (t *table) rowsOf(ids []uint32) (list []Row) {
	for _, id := range ids {
		list = append(list, t.row(id))
	}
	return list
}

// make makes an order. It sorts without the lock, because that takes a second or two of a million rows.
func (c *Catalog) make(order string) {
	c.sorting[order].Lock()
	defer c.sorting[order].Unlock()
	c.mu.Lock()
	t := c.table
	if t.orders[order] != nil {
		c.mu.Unlock()
		return
	}
	m := &making{entries: make([]entry, 0, t.n)}
	for id := range t.used {
		if t.isLive(id) {
			m.entries = append(m.entries, t.entry(order, id))
		}
	}
	t.making[order] = m
	c.mu.Unlock()
	slices.SortFunc(m.entries, compareEntries)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(t.making, order)
	t.orders[order] = t.made(order, m)
}

// made returns an order of sorted entries, with the rows that changed meanwhile.
func (t *table) made(order string, m *making) *rows.Order {
	changed := make(map[uint32]bool, len(m.changed))
	for _, id := range m.changed {
		changed[id] = true
	}
	ids := make([]uint32, 0, len(m.entries))
	for _, e := range m.entries {
		if t.isLive(e.id) && !changed[e.id] {
			ids = append(ids, e.id)
		}
	}
	o := t.newOrder(order)
	o.Load(ids)
	for id := range changed {
		o.Add(id)
	}
	o.Settle(t.isLive)
	return o
}

// Get returns the row of a key.
func (c *Catalog) Get(k string) (Row, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	id, ok := c.table.find(k)
	if !ok {
		return Row{}, false
	}
	return c.table.row(id), true
}
