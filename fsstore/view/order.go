package view

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
)

// orders are the rows in the order of their names, kept until one changes.
type orders struct {
	mu   sync.Mutex
	jobs map[tree.State][]spool.JobFile
}

// patch returns a copy of a sorted list with the rows that changed, which is a tenth of the work of
// sorting anew.
func patch[T any](old []T, changed map[string]bool, name func(T) string, get func(string) (T, bool)) []T {
	byName := func(r T, k string) int { return cmp.Compare(name(r), k) }
	list := make([]T, 0, len(old)+len(changed))
	for _, k := range slices.Sorted(maps.Keys(changed)) {
		n, found := slices.BinarySearchFunc(old, k, byName)
		list, old = append(list, old[:n]...), old[n:]
		if found {
			old = old[1:]
		}
		if r, ok := get(k); ok {
			list = append(list, r)
		}
	}
	return append(list, old...)
}

// Jobs returns one directory of the spool, sorted by name. The slice is shared: the caller must not
// change it. It is the same until a job changes, so that what is computed from it can be kept; that of
// active/ is new each time, and has the sizes of the parts.
func (v *View) Jobs(st tree.State) []spool.JobFile {
	v.touch(string(st))
	v.listIfOverdue(string(st))
	list := v.jobsInOrder(st)
	if st != tree.Active {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Part = v.spool.PartSize(&list[i])
	}
	return list
}

func (v *View) jobsInOrder(st tree.State) []spool.JobFile {
	m := v.jobs[st]
	v.order.mu.Lock()
	defer v.order.mu.Unlock()
	changed, all := m.TakeChanged()
	list, ok := v.order.jobs[st]
	switch {
	case !ok || all:
		list = nil
		for _, j := range m.All() {
			list = append(list, *j)
		}
		slices.SortFunc(list, func(a, b spool.JobFile) int { return cmp.Compare(a.Name, b.Name) })
	case len(changed) > 0:
		nameOf := func(j spool.JobFile) string { return j.Name }
		list = patch(list, changed, nameOf, m.Value)
	default:
		return list
	}
	if v.order.jobs == nil {
		v.order.jobs = map[tree.State][]spool.JobFile{}
	}
	v.order.jobs[st] = list
	return list
}

// reset forgets what was made of a directory.
func (o *orders) reset(dir string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.jobs, tree.State(dir))
}
