package show

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"fromcache/fsstore"
	"fromcache/templates"
)

// computed caches what pages compute from the store's view (orders, searches,
// sums) while the view returns the same jobs.
type computed struct {
	mu        sync.Mutex
	missRows  []fsstore.JobFile
	missFacts []missFact // of missRows
	missFound map[MissQuery]*missOrder
	missTurn  int // of what origins have said
	ended     map[fsstore.State]endedOrder
}

type endedOrder struct {
	of, list []fsstore.JobFile
}

// sameMemory reports whether two slices share their memory.
func sameMemory[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// containsFold reports whether s contains q in any case. q is in lower case.
func containsFold(s, q string) bool {
	if strings.Contains(s, q) {
		return true
	}
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return strings.Contains(strings.ToLower(s), q)
		}
	}
	return false
}

// newest returns ended jobs, those that ended last first.
func (p *computed) newest(st fsstore.State, jobs []fsstore.JobFile) []fsstore.JobFile {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, ok := p.ended[st]; ok && sameMemory(o.of, jobs) {
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

// misses returns what q finds, in its order, and the facts of all, which are as the jobs are.
func (p *computed) misses(jobs []fsstore.JobFile, q MissQuery, said *origins) ([]missFact, *missOrder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sizes, turn := said.sizes()
	if p.missFound == nil || p.missTurn != turn || !sameMemory(p.missRows, jobs) {
		p.missFacts = make([]missFact, len(jobs))
		for i := range jobs {
			p.missFacts[i] = missFactOf(&jobs[i], sizes)
		}
		p.missRows, p.missTurn, p.missFound = jobs, turn, map[MissQuery]*missOrder{}
	}
	q.Until = 0
	found := p.missFound[q]
	if found == nil {
		order := q.orderMisses(q.find(jobs, p.missFacts, said), p.missFacts)
		found = &order
		if len(p.missFound) >= 64 {
			clear(p.missFound)
		}
		p.missFound[q] = found
	}
	return p.missFacts, found
}

// missFact is what misses are sorted and searched by.
type missFact struct {
	asked, clients int
	host, url      string // redacted
	first, last    int64
	demand         float64 // bytes, about, that it has cost
}

// unknownSize is what a miss counts as, for each time and client, while nobody has asked its origin:
// those that many want come before a small file that one script wants again and again.
const unknownSize = 1 << 20

func missFactOf(j *fsstore.JobFile, sizes map[string]int64) missFact {
	a := j.Asked
	f := missFact{
		asked: a.N, clients: a.AddrCount,
		host: cmp.Or(j.Host, templates.Word("host.none")), url: j.Redacted,
		first: a.First.Unix(), last: a.Last.Unix(),
	}
	f.demand = float64(a.N) * float64(max(1, a.AddrCount)) * unknownSize
	if size, ok := sizes[j.Name]; ok {
		f.demand = float64(a.N) * float64(size)
	}
	return f
}
