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

// orders are the rows in the order of their names, kept until one changes.
type orders struct {
	mu        sync.Mutex
	artifacts []*ArtifactRow
	jobs      map[tree.State][]spool.JobFile
}

// Artifacts returns every artifact, sorted by key. The slice and its rows are shared: the caller
// must not change them. It is the same slice until an artifact changes, so that what is computed
// from it can be kept.
func (v *View) Artifacts() []*ArtifactRow {
	v.touch("meta", "hits")
	v.listIfOverdue("meta")
	v.listIfOverdue("hits")
	v.order.mu.Lock()
	defer v.order.mu.Unlock()
	return v.artifacts()
}

// blobs is the bytes of the blobs that artifacts name, each blob counted once. It is kept as rows
// come and go, because who asks for the sum of a million must not wait for a sort.
type blobs struct {
	mu    sync.Mutex
	named map[string]int // artifacts of each digest
	bytes int64
}

// Held returns the number of artifacts, and the bytes of their blobs, each blob counted once.
func (v *View) Held() (n int, bytes int64) {
	v.touch("meta")
	v.listIfOverdue("meta")
	n = v.metas.Len() // before blobs.mu, because a mirror that takes a row holds its lock, and then wants blobs.mu
	v.blobs.mu.Lock()
	defer v.blobs.mu.Unlock()
	return n, v.blobs.bytes
}

// AllHits is counts.AllHits, and reads only the files that have changed.
func (v *View) AllHits() map[string]int64 {
	v.touch("hits")
	v.list("hits", 0)
	rows := v.hits.All()
	all := make(map[string]int64, len(rows))
	for _, r := range rows {
		all[r.key] = r.n
	}
	v.counts.AddUnflushed(all)
	return all
}

// count counts the blob of an artifact that comes (n is 1) or goes (-1).
func (b *blobs) count(r *ArtifactRow, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	had := b.named[r.SHA256]
	switch {
	case had == 0 && n > 0:
		b.bytes += r.Size
	case had == 1 && n < 0:
		b.bytes -= r.Size
	}
	if had += n; had == 0 {
		delete(b.named, r.SHA256)
	} else {
		b.named[r.SHA256] = had
	}
}

// artifacts is Artifacts for a caller that holds order.mu.
func (v *View) artifacts() []*ArtifactRow {
	metas, all := v.metas.TakeChanged()
	hits, allHits := v.hits.TakeChanged()
	o := &v.order
	switch {
	case o.artifacts == nil || all || allHits:
		o.artifacts = v.sortArtifacts()
	case len(metas)+len(hits) > 0:
		changed := maps.Clone(hits)
		for name := range metas {
			changed[strings.TrimSuffix(name, ".json")] = true
		}
		nameOf := func(r *ArtifactRow) string { return r.Key }
		o.artifacts = patch(o.artifacts, changed, nameOf, v.artifactOf)
	}
	return o.artifacts
}

func (v *View) artifactOf(k string) (*ArtifactRow, bool) {
	r, ok := v.metas.Get(k + ".json")
	if !ok {
		return nil, false
	}
	return v.withHits(&r.Value), true
}

// withHits returns a copy of r with its hits, or r itself if there are none: most rows were never
// hit, and are in memory once so.
func (v *View) withHits(r *ArtifactRow) *ArtifactRow {
	h, ok := v.hits.Get(r.Key)
	if !ok || h.Value.n == 0 {
		return r
	}
	hit := *r
	hit.Hits = h.Value.n
	return &hit
}

func (v *View) sortArtifacts() []*ArtifactRow {
	list := v.metas.All()
	for i, r := range list {
		list[i] = v.withHits(r)
	}
	slices.SortFunc(list, func(a, b *ArtifactRow) int { return cmp.Compare(a.Key, b.Key) })
	return list
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

// Jobs returns one directory of the spool, sorted by name. The slice is shared as that of Artifacts
// is, except that of active/, which is new each time and has the sizes of the parts.
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
	if dir == "meta" || dir == "hits" {
		o.artifacts = nil
	} else {
		delete(o.jobs, tree.State(dir))
	}
}
