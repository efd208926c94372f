package httpd

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// picture keeps what pages compute from the store's view, as long as the view
// hands out the same rows: a sorted order, a search, a sum.
type picture struct {
	mu        sync.Mutex
	rows      []fsstore.ArtifactRow // of which the rest is computed
	bytes     int64
	orders    map[string][]int32 // by sort, into rows
	found     map[string][]int32 // by sort and query
	missRows  []fsstore.JobFile
	missFacts []missFact // of missRows
	missKnown map[string]missFact
	ended     map[fsstore.State]endedOrder
}

type endedOrder struct {
	of, list []fsstore.JobFile
}

// same reports whether two slices are one: not equal, but the very same.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// fresh forgets what was computed from other rows; the caller holds mu.
func (p *picture) fresh(rows []fsstore.ArtifactRow) {
	if p.rows != nil && same(p.rows, rows) {
		return
	}
	p.rows, p.orders, p.found = rows, map[string][]int32{}, map[string][]int32{}
	p.bytes = 0
	seen := make(map[string]struct{}, len(rows))
	for i := range rows {
		if _, ok := seen[rows[i].SHA256]; !ok {
			seen[rows[i].SHA256] = struct{}{}
			p.bytes += rows[i].Size
		}
	}
}

// held is the number of artifacts, and the bytes of their blobs.
func (p *picture) held(rows []fsstore.ArtifactRow) (n int, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh(rows)
	return len(rows), p.bytes
}

// artifacts returns the rows that match q in the order of sort, as indexes.
func (p *picture) artifacts(rows []fsstore.ArtifactRow, q, sort string) []int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh(rows)
	order, ok := p.orders[sort]
	if !ok {
		order = orderOf(rows, sort)
		p.orders[sort] = order
	}
	if q == "" {
		return order
	}
	name := sort + " " + q
	found, ok := p.found[name]
	if !ok {
		for _, i := range order {
			if rowHas(&rows[i], q) {
				found = append(found, i)
			}
		}
		if len(p.found) >= 64 { // searches that someone may page through
			clear(p.found)
		}
		p.found[name] = found
	}
	return found
}

// orderOf sorts pairs of a number and an index: much quicker than rows.
func orderOf(rows []fsstore.ArtifactRow, sort string) []int32 {
	type pair struct {
		by int64
		i  int32
	}
	pairs := make([]pair, len(rows))
	for i := range rows {
		pairs[i].i = int32(i)
		switch r := &rows[i]; sort {
		case "size":
			pairs[i].by = -r.Size
		case "hits":
			pairs[i].by = -r.Hits
		case "misses":
			pairs[i].by = -int64(r.Misses)
		case "saved":
			pairs[i].by = -r.Size * r.Hits
		case "new":
			pairs[i].by = -r.Fetched.Unix()
		}
	}
	if sort != "name" {
		slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.i, b.i)) })
	}
	order := make([]int32, len(pairs))
	for i := range pairs {
		order[i] = pairs[i].i
	}
	return order
}

// rowHas: q is in lower case.
func rowHas(r *fsstore.ArtifactRow, q string) bool {
	return holds(r.URL, q) || strings.HasPrefix(r.SHA256, q) || holds(r.Key, q)
}

// holds is strings.Contains for q in lower case, without regard to the case of
// s, and without making a copy of it.
func holds(s, q string) bool {
	for i := 0; i+len(q) <= len(s); i++ {
		n := 0
		for n < len(q) && lower(s[i+n]) == q[n] {
			n++
		}
		if n == len(q) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// newest returns jobs that have ended, those that ended last first.
func (p *picture) newest(st fsstore.State, jobs []fsstore.JobFile) []fsstore.JobFile {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, ok := p.ended[st]; ok && same(o.of, jobs) {
		return o.list
	}
	list := slices.Clone(jobs)
	newestFirst(list, lastEvent)
	if p.ended == nil {
		p.ended = map[fsstore.State]endedOrder{}
	}
	p.ended[st] = endedOrder{jobs, list}
	return list
}

// misses returns the facts of each miss, computed once for each change of it.
func (p *picture) misses(jobs []fsstore.JobFile) []missFact {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missFacts != nil && same(p.missRows, jobs) {
		return p.missFacts
	}
	facts, known := make([]missFact, len(jobs)), make(map[string]missFact, len(jobs))
	for i := range jobs {
		f, ok := p.missKnown[jobs[i].Name]
		if !ok || f.size != jobs[i].Job.Size { // the file only grows
			f = missFactOf(&jobs[i])
		}
		facts[i], known[jobs[i].Name] = f, f
		facts[i].i = i
	}
	p.missRows, p.missFacts, p.missKnown = jobs, facts, known
	return facts
}

// missFact is what misses are sorted and searched by.
type missFact struct {
	i, size, asked, clients int
	host, url               string // redacted
	first, last             int64
}

func missFactOf(j *fsstore.JobFile) missFact {
	f := missFact{size: j.Job.Size, url: key.Redact(j.Job.URL), first: j.Job.FirstAsked().Unix(), last: j.Job.LastAsked().Unix()}
	f.asked, _ = j.Job.Misses()
	addrs := map[string]bool{}
	for _, c := range j.Job.Clients() {
		addrs[c.Addr] = true
	}
	f.clients = len(addrs)
	f.host = hostOf(j.Job.URL)
	return f
}

func hostOf(raw string) string {
	u, err := key.Parse(raw, key.Auto)
	if err != nil {
		return "no host"
	}
	return u.Host()
}
