// Package catalog holds a row of every artifact in memory, so that a page, a search and a sum over a
// million of them answer at once. A row takes about 250 bytes. It is read from meta/ when somebody
// asks first, on all cores; then the events and looks of package view keep it. meta/ is the truth:
// what is served is looked up there.
//
//	row.go      a row as callers see it, and as it lies in memory
//	table.go    the rows
//	order.go    the rows in the order of a column
//	search.go   the rows that have some words
//	word.go     whether a row has a word
//	walk.go     reading meta/ and hits/
//	find.go     by digest, by name
package catalog

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
)

// Catalog is the rows of one data directory. Any goroutine may use it.
type Catalog struct {
	tree   *tree.Tree
	health *health.Monitor
	counts *counts.Counts
	held   *held.Cache
	seed   maphash.Seed

	looks [64]sync.Mutex // one look at a file at a time, by its name

	mu      sync.RWMutex // the rows
	table   *table
	sorting map[string]*sync.Mutex // held while an order is made

	read, total atomic.Int64 // of a walk that runs
	loaded      atomic.Bool  // all of meta/ was read
	hitsLoaded  atomic.Bool
	used        atomic.Pointer[time.Time] // when somebody asked by digest or by name
	kept        atomic.Bool               // a View walks where that is wanted
	wanted      chan struct{}
	walking     sync.Mutex // one walk at a time where no View runs
	walked      time.Time  // when that ended; of walking
	took        time.Duration
}

// New returns an empty Catalog on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, n *counts.Counts, a *held.Cache) *Catalog {
	c := &Catalog{tree: t, health: h, counts: n, held: a, seed: maphash.MakeSeed(), wanted: make(chan struct{}, 1),
		sorting: map[string]*sync.Mutex{}}
	c.table = newTable(c.seed)
	for _, order := range orders {
		c.sorting[order] = &sync.Mutex{}
	}
	a.OnPublish(c.index)
	return c
}

// Reset gives the memory back.
func (c *Catalog) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table = newTable(c.seed)
	c.loaded.Store(false)
	c.hitsLoaded.Store(false)
}

// Held returns the number of artifacts that have been read, and the bytes of their blobs, each blob
// counted once.
func (c *Catalog) Held() (n int, bytes int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.table.n, c.table.bytes
}

// Hits returns the sum of all hits, as far as hits/ has been read.
func (c *Catalog) Hits() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return counts.AddCapped(c.table.hits, c.counts.PendingHits(), math.MaxInt64)
}

// Missed returns how often the artifacts were asked for before they were held, and how many bytes
// that took from their origins.
func (c *Catalog) Missed() (n, bytes int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.table.missed, c.table.missedBytes
}

// Saved returns the n artifacts whose hits spared origins the most bytes, with the hits that have not
// been written yet.
func (c *Catalog) Saved(n int) []Row {
	rows := c.List("saved", 0, n)
	pending := map[string]int64{}
	c.counts.AddUnflushed(pending)
	for i := range rows {
		rows[i].Hits = counts.AddCapped(rows[i].Hits, pending[rows[i].Key], math.MaxInt64)
		delete(pending, rows[i].Key)
	}
	for k, hits := range pending {
		if r, ok := c.Get(k); ok {
			r.Hits = counts.AddCapped(r.Hits, hits, math.MaxInt64)
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Saved(), a.Saved()), cmp.Compare(a.URL, b.URL))
	})
	rows = rows[:min(n, len(rows))]
	return slices.DeleteFunc(rows, func(r Row) bool { return r.Hits == 0 })
}

// IsLoaded reports whether all of meta/ has been read.
func (c *Catalog) IsLoaded() bool { return c.loaded.Load() }

// HasHits reports whether all of hits/ has been read.
func (c *Catalog) HasHits() bool { return c.hitsLoaded.Load() }

// Progress returns how many files of meta/ have been read, and of how many. Both are 0 before the
// first are counted.
func (c *Catalog) Progress() (read, total int) { return int(c.read.Load()), int(c.total.Load()) }

// Keep says whether somebody walks each time that Wanted has something. Without, who asks walks.
func (c *Catalog) Keep(on bool) { c.kept.Store(on) }

// Wanted has something when rows are asked for that have not been read.
func (c *Catalog) Wanted() <-chan struct{} { return c.wanted }

// want asks for a walk by whom Keep tells of.
func (c *Catalog) want() {
	select {
	case c.wanted <- struct{}{}:
	default:
	}
}

// Used returns when somebody asked last by digest or by name; zero: never.
func (c *Catalog) Used() time.Time {
	if t := c.used.Load(); t != nil {
		return *t
	}
	return time.Time{}
}
