package fsstore

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// orders are the rows in the order of their names, kept while nothing changes.
type orders struct {
	mu        sync.Mutex
	artifacts []ArtifactRow
	jobs      map[State]jobOrder
}

type jobOrder struct {
	list []JobFile
	gen  uint64
}

// Artifacts returns every artifact, sorted by key. The slice is shared: it
// must not be changed, and it stays the same while nothing does, so that what
// is computed from it can be kept.
func (v *View) Artifacts() []ArtifactRow {
	v.touch()
	v.glance("meta")
	v.glance("hits")
	v.order.mu.Lock()
	defer v.order.mu.Unlock()
	metas, all := v.metas.take()
	hits, allHits := v.hits.take()
	switch {
	case v.order.artifacts == nil || all || allHits:
		v.order.artifacts = v.sortArtifacts()
	case len(metas)+len(hits) > 0:
		v.order.artifacts = v.patchArtifacts(metas, hits)
	}
	return v.order.artifacts
}

func (v *View) sortArtifacts() []ArtifactRow {
	list, _ := v.metas.all()
	for i := range list {
		h, _ := v.hits.get(list[i].Key)
		list[i].Hits = h.n
	}
	slices.SortFunc(list, func(a, b ArtifactRow) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// patchArtifacts is a copy with the rows that changed: a tenth of the work of
// sorting anew.
func (v *View) patchArtifacts(metas, hits map[string]bool) []ArtifactRow {
	changed := maps.Clone(hits)
	for name := range metas {
		changed[strings.TrimSuffix(name, ".json")] = true
	}
	old := v.order.artifacts
	list := make([]ArtifactRow, 0, len(old)+len(metas))
	for _, k := range slices.Sorted(maps.Keys(changed)) {
		n, found := slices.BinarySearchFunc(old, k, func(r ArtifactRow, k string) int { return cmp.Compare(r.Key, k) })
		list, old = append(list, old[:n]...), old[n:]
		if found {
			old = old[1:]
		}
		if r, ok := v.metas.get(k + ".json"); ok {
			h, _ := v.hits.get(k)
			r.Hits = h.n
			list = append(list, r)
		}
	}
	return append(list, old...)
}

// Jobs returns one directory of the spool, sorted by name. The slice is shared
// as that of Artifacts is; that of active/ is new each time, with the sizes of
// the parts.
func (v *View) Jobs(st State) []JobFile {
	v.touch()
	v.glance(string(st))
	list := v.jobsInOrder(st)
	if st != Active {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Part = v.s.partSize(&list[i])
	}
	return list
}

func (v *View) jobsInOrder(st State) []JobFile {
	m := v.jobs[st]
	v.order.mu.Lock()
	defer v.order.mu.Unlock()
	if o, ok := v.order.jobs[st]; ok && o.gen == m.generation() {
		return o.list
	}
	list, gen := m.all()
	slices.SortFunc(list, func(a, b JobFile) int { return cmp.Compare(a.Name, b.Name) })
	if v.order.jobs == nil {
		v.order.jobs = map[State]jobOrder{}
	}
	v.order.jobs[st] = jobOrder{list, gen}
	return list
}

func (o *orders) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.artifacts, o.jobs = nil, nil
}
