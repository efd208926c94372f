package view

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
)

// orders are the rows in the order of their names, kept while nothing changes.
type orders struct {
	mu        sync.Mutex
	artifacts []*ArtifactRow
	blobs     map[string]int // artifacts of each digest
	bytes     int64          // of the blobs, each once
	jobs      map[tree.State][]spool.JobFile
}

// Artifacts returns every artifact, sorted by key. Slice and rows are shared:
// they must not be changed, and it stays the same while nothing does, so that what
// is computed from it can be kept.
func (v *View) Artifacts() []*ArtifactRow {
	v.touch()
	v.glance("meta")
	v.glance("hits")
	v.order.mu.Lock()
	defer v.order.mu.Unlock()
	return v.artifacts()
}

// Held is the number of artifacts, and the bytes of their blobs, each once.
func (v *View) Held() (n int, bytes int64) {
	v.touch()
	v.glance("meta")
	v.order.mu.Lock()
	defer v.order.mu.Unlock()
	return len(v.artifacts()), v.order.bytes
}

func (v *View) artifacts() []*ArtifactRow {
	metas, all := v.metas.TakeChanged()
	hits, allHits := v.hits.TakeChanged()
	o := &v.order
	switch {
	case o.artifacts == nil || all || allHits:
		o.artifacts, o.blobs, o.bytes = v.sortArtifacts(), map[string]int{}, 0
		for _, r := range o.artifacts {
			o.hold(r, 1)
		}
	case len(metas)+len(hits) > 0:
		changed := maps.Clone(hits)
		for name := range metas {
			changed[strings.TrimSuffix(name, ".json")] = true
		}
		o.artifacts = patch(o.artifacts, changed, func(r *ArtifactRow) string { return r.Key }, v.artifactNow, o.hold)
	}
	return o.artifacts
}

func (v *View) artifactNow(k string) (*ArtifactRow, bool) {
	r, ok := v.metas.Get(k + ".json")
	if !ok {
		return nil, false
	}
	return v.withHits(&r.Value), true
}

// withHits is a copy where there are any: rows that were never hit, which are
// most, are in memory once.
func (v *View) withHits(r *ArtifactRow) *ArtifactRow {
	h, ok := v.hits.Get(r.Key)
	if !ok || h.Value.n == 0 {
		return r
	}
	hit := *r
	hit.Hits = h.Value.n
	return &hit
}

// hold counts an artifact in, or with -1 out.
func (o *orders) hold(r *ArtifactRow, n int) {
	had := o.blobs[r.SHA256]
	switch {
	case had == 0 && n > 0:
		o.bytes += r.Size
	case had == 1 && n < 0:
		o.bytes -= r.Size
	}
	if had += n; had == 0 {
		delete(o.blobs, r.SHA256)
	} else {
		o.blobs[r.SHA256] = had
	}
}

func (v *View) sortArtifacts() []*ArtifactRow {
	list := v.metas.All()
	for i, r := range list {
		list[i] = v.withHits(r)
	}
	slices.SortFunc(list, func(a, b *ArtifactRow) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// patch is a copy of a sorted list with the rows that changed: a tenth of the
// work of sorting anew. count, if any, is told what goes and what comes.
func patch[T any](old []T, changed map[string]bool, name func(T) string, get func(string) (T, bool), count func(T, int)) []T {
	list := make([]T, 0, len(old)+len(changed))
	for _, k := range slices.Sorted(maps.Keys(changed)) {
		n, found := slices.BinarySearchFunc(old, k, func(r T, k string) int { return cmp.Compare(name(r), k) })
		list, old = append(list, old[:n]...), old[n:]
		if found {
			if count != nil {
				count(old[0], -1)
			}
			old = old[1:]
		}
		if r, ok := get(k); ok {
			if count != nil {
				count(r, 1)
			}
			list = append(list, r)
		}
	}
	return append(list, old...)
}

// Jobs returns one directory of the spool, sorted by name. The slice is shared
// as that of Artifacts is; that of active/ is new each time, with the sizes of
// the parts.
func (v *View) Jobs(st tree.State) []spool.JobFile {
	v.touch()
	v.glance(string(st))
	list := v.jobsInOrder(st)
	if st != tree.Active {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Part = v.s.spool.PartSize(&list[i])
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
		list = patch(list, changed, func(j spool.JobFile) string { return j.Name }, m.Value, nil)
	default:
		return list
	}
	if v.order.jobs == nil {
		v.order.jobs = map[tree.State][]spool.JobFile{}
	}
	v.order.jobs[st] = list
	return list
}

func (o *orders) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.artifacts, o.jobs = nil, nil
}
