package probe

import (
	"cmp"
	"hash/fnv"
	"os"
	"slices"
	"time"

	"fromcache/shim/plan"
)

// nextAfter is how long a cache is waited for before the next is asked, too.
const nextAfter = 50 * time.Millisecond

// inTurn returns the indexes of a question's caches in the order in which this machine asks them,
// and why those are left out that have a stamp. Who comes first is drawn by rendezvous hashing, by
// machine and URL: each cache has its share of both, and one more takes its own alone. One that did
// not answer in time a moment ago comes last.
func (r *round) inTurn(q plan.Question) (turn []int, why string) {
	rank := make([]uint64, len(q.Caches))
	slow := make([]int, len(q.Caches))
	for i, c := range q.Caches {
		s := r.state(c.Base).stamp
		if s.down() {
			why = s.why()
			continue
		}
		if len(q.Caches) > 1 {
			rank[i] = rendezvous(c.Base, r.machine(), q.URL.String())
		}
		slow[i] = min(s.timeouts, 1)
		turn = append(turn, i)
	}
	slices.SortFunc(turn, func(a, b int) int {
		return cmp.Or(cmp.Compare(slow[a], slow[b]), cmp.Compare(rank[a], rank[b]))
	})
	return turn, why
}

// rendezvous returns the rank of a cache for a machine and a URL.
func rendezvous(cache, machine, url string) uint64 {
	h := fnv.New64a()
	for _, s := range []string{cache, "\x00", machine, "\x00", url} {
		h.Write([]byte(s))
	}
	h.Write(h.Sum(nil)) // because FNV takes the last bytes into its lower bits alone
	return h.Sum64()
}

// machine returns the host's name.
func machine() string {
	name, _ := os.Hostname()
	return name
}

// asking is one question on its way to the caches.
type asking struct {
	*round
	q       plan.Question
	turn    []int // that were not asked so far
	replies chan cacheReply
	asked   int
	waiting map[int]int // by the caches that did not reply so far: the how manieth they were asked
	noting  int         // the cache that notes the miss, -1 for none
	quiet   int         // one that said that it is a miss and did not note it, -1 for none
}

// cacheReply is the reply of one of a question's caches.
type cacheReply struct {
	cache int
	reply
}

// next asks the next cache. It notes the miss unless another one does.
func (a *asking) next() {
	if len(a.turn) > 0 {
		i := a.turn[0]
		a.turn = a.turn[1:]
		a.send(i)
	}
}

func (a *asking) send(i int) {
	quiet := a.noting >= 0
	if !quiet {
		a.noting = i
	}
	a.asked++
	a.waiting[i] = a.asked
	go func() {
		a.slots <- struct{}{}
		a.replies <- cacheReply{i, a.put(i, quiet)}
		<-a.slots
	}()
}

// put asks one cache.
func (a *asking) put(i int, quiet bool) reply {
	c := a.q.Caches[i]
	p, deadline := a.patience(a.state(c.Base).stamp, a.deadline)
	p.quiet = quiet
	p.lines = a.lines(network{c.Base, a.q.Family})
	said := p.probe(a.q, c, deadline)
	a.record(c.Base, said)
	return said
}

// replied takes the reply of a cache that is no hit, and asks the next one. Where all caches have
// replied and the one that was to note the miss failed, another one is asked to.
func (a *asking) replied(said cacheReply) {
	delete(a.waiting, said.cache)
	missed := said.Status == 404
	switch {
	case said.cache == a.noting && !missed:
		a.noting = -1
	case said.cache != a.noting && missed:
		a.quiet = said.cache
	}
	if len(a.turn) == 0 && len(a.waiting) == 0 && a.noting < 0 && a.quiet >= 0 {
		a.turn, a.quiet = []int{a.quiet}, -1
	}
	a.next()
}
