package catalog

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/tidwall/btree"
)

// order is the rows in the order of a column. It is made when it is asked for first, and each row
// that comes or goes then takes some twenty comparisons.
type order struct {
	list   *btree.BTreeG[uint32]
	byHits bool
}

// Sorts are the names of the orders: by URL, and by what is largest, newest first among equals, but of
// those that saved as much by URL.
var Sorts = []string{"new", "name", "size", "misses", "hits", "saved"}

// order returns an order. The caller holds the lock for writing if it may not exist yet.
func (t *table) order(name string) *order {
	if o := t.orders[name]; o != nil {
		return o
	}
	o := &order{byHits: name == "hits" || name == "saved"}
	less := func(a, b uint32) bool { return t.compare(name, a, b) < 0 }
	o.list = btree.NewBTreeGOptions(less, btree.Options{NoLocks: true, Degree: 64})
	ids := make([]uint32, 0, t.n)
	for id := range t.used {
		if t.at(id).flags&live != 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return t.compare(name, a, b) })
	for _, id := range ids {
		o.list.Load(id)
	}
	t.orders[name] = o
	return o
}

// compare orders two rows. No two rows are equal.
func (t *table) compare(order string, a, b uint32) int {
	p, q := t.at(a), t.at(b)
	n := 0
	switch order {
	case "size":
		n = cmp.Compare(q.size, p.size)
	case "misses":
		n = cmp.Compare(q.misses, p.misses)
	case "hits":
		n = cmp.Compare(q.hits, p.hits)
	case "saved":
		n = cmp.Compare(saved(q.size, q.hits), saved(p.size, p.hits))
	case "name":
		n = bytes.Compare(t.afterScheme(p), t.afterScheme(q))
	}
	if n == 0 && order != "saved" {
		n = cmp.Compare(q.fetched, p.fetched)
	}
	if n == 0 && order != "name" {
		n = bytes.Compare(t.afterScheme(p), t.afterScheme(q))
	}
	return cmp.Or(n, cmp.Compare(a, b))
}

// afterScheme returns a URL from its host on; the key of a row without one.
func (t *table) afterScheme(p *packed) []byte {
	if p.urlLen == 0 {
		return []byte(t.key(p))
	}
	url := t.lowerURL(p)
	if i := bytes.Index(url, []byte("://")); i >= 0 {
		return url[i+3:]
	}
	return url
}

// List returns at most n rows from one on, in an order of Sorts. Its work depends on n, not on how
// many artifacts there are; the first time that an order is asked for it is made.
func (c *Catalog) List(order string, from, n int) []Row {
	c.prepare(order)
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.table.orders[order]
	if o == nil {
		return nil
	}
	var rows []Row
	for i := from; i < from+n; i++ {
		id, ok := o.list.GetAt(i)
		if !ok {
			break
		}
		rows = append(rows, c.table.row(id))
	}
	return rows
}

// prepare makes an order that does not exist yet.
func (c *Catalog) prepare(order string) {
	c.mu.RLock()
	ready := c.table.orders[order] != nil
	c.mu.RUnlock()
	if ready || !slices.Contains(Sorts, order) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table.order(order)
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
