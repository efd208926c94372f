package ended

import (
	"slices"

	"fromcache/fsstore/internal/rows"
)

// Newest returns the names of at most n jobs from one on, those that ended last first. Until all have
// been read they are of those that have been.
func (j *Jobs) Newest(from, n int) (names []string) {
	j.settle(func(t *table) *rows.Order { return t.newest })
	j.mu.RLock()
	defer j.mu.RUnlock()
	t := j.table
	if t.newest == nil {
		return t.names(t.first(from, n, t.isLive))
	}
	for i := from; i < from+n; i++ {
		id, ok := t.newest.At(i)
		if !ok {
			break
		}
		names = append(names, t.name(t.at(id)))
	}
	return names
}

// After returns at most n names behind one, in their order.
func (j *Jobs) After(name string, n int) (names []string) {
	j.mu.Lock()
	if j.table.byName == nil {
		j.table.sortNames()
	}
	j.mu.Unlock()
	j.settle(func(t *table) *rows.Order { return t.byName })
	j.mu.RLock()
	defer j.mu.RUnlock()
	t := j.table
	if t.byName == nil { // Reset
		return nil
	}
	at := t.byName.After(func(id uint32) bool { return t.name(t.at(id)) > name })
	for ; len(names) < n; at++ {
		id, ok := t.byName.At(at)
		if !ok {
			break
		}
		names = append(names, t.name(t.at(id)))
	}
	return names
}

// settle puts all rows of an order into their places.
func (j *Jobs) settle(of func(t *table) *rows.Order) {
	j.mu.RLock()
	o := of(j.table)
	ready := o == nil || o.IsSettled()
	j.mu.RUnlock()
	if ready {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if o := of(j.table); o != nil {
		o.Settle(j.table.isLive)
	}
}

// first returns the newest n rows from one on, of those for which is is true. It looks at each row.
func (t *table) first(from, n int, is func(id uint32) bool) []uint32 {
	var best []uint32
	full := false // of the newest
	for id := range t.used {
		if !is(id) || full && t.compare(id, best[from+n-1]) > 0 {
			continue
		}
		if best = append(best, id); len(best) == 2*(from+n) {
			slices.SortFunc(best, t.compare)
			best, full = best[:from+n], true
		}
	}
	slices.SortFunc(best, t.compare)
	from = min(from, len(best))
	return best[from:min(from+n, len(best))]
}

func (t *table) names(ids []uint32) (names []string) {
	for _, id := range ids {
		names = append(names, t.name(t.at(id)))
	}
	return names
}
