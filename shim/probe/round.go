package probe

import (
	"slices"
	"sync"
	"time"

	"fromcache/shim/plan"
)

// Ask puts all questions at once, under one deadline. The first 200 that a question can use wins;
// it is a miss when every cache has answered or the deadline is over.
func (p *Prober) Ask(questions []plan.Question) []plan.Answer {
	r := &round{
		Prober:   p,
		deadline: time.Now().Add(p.timeout),
		slots:    make(chan struct{}, maxProbes),
		known:    map[string]*cacheState{},
		kept:     map[network]*lines{},
		alone:    len(questions) == 1,
		machine:  sync.OnceValue(machine),
	}
	out := make([]plan.Answer, len(questions))
	if r.alone {
		out[0] = r.ask(questions[0])
	} else {
		var all sync.WaitGroup
		for i, q := range questions {
			all.Go(func() { out[i] = r.ask(q) })
		}
		all.Wait()
	}
	r.hangUp()
	r.remember()
	return out
}

// round is one call of Ask.
type round struct {
	*Prober
	deadline time.Time
	slots    chan struct{}
	machine  func() string // the host's name
	alone    bool          // there is one question

	mu    sync.Mutex
	known map[string]*cacheState // by the cache's address
	kept  map[network]*lines
}

// cacheState is what a round knows of one cache.
type cacheState struct {
	stamp     stamp // as it was at the beginning
	answered  bool  // something came back
	overtaken bool  // another cache that was asked later was sooner
	timeouts  int   // of all questions
}

// state returns what is known of a cache; the first time it reads the stamp.
func (r *round) state(base string) *cacheState {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.known[base]
	if s == nil {
		s = &cacheState{stamp: r.stamps.read(base)}
		r.known[base] = s
	}
	return s
}

// network is a cache's address, and the address family in which it is asked.
type network struct {
	base   string
	family int
}

// lines returns the connections to a cache.
func (r *round) lines(to network) *lines {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.kept[to]
	if l == nil {
		l = newLines(r.alone)
		r.kept[to] = l
	}
	return l
}

// hangUp closes the connections that no request uses.
func (r *round) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.kept {
		l.close()
	}
}

// record notes what a reply told of a cache. One that is down is stamped at once.
func (r *round) record(base string, said reply) {
	if said.state == down {
		r.stamps.down(base, said.Reason)
	}
	s := r.state(base)
	r.mu.Lock()
	defer r.mu.Unlock()
	s.timeouts += said.timeouts
	s.answered = s.answered || said.state == answered || said.state == busy
}

// overtakes notes that the caches that were asked before one, and did not reply so far, are slower.
func (a *asking) overtakes(cache int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, asked := range a.waiting {
		if asked < a.waiting[cache] {
			a.known[a.q.Caches[i].Base].overtaken = true
		}
	}
}

// remember leaves stamps of the caches that said nothing to any question, because such a cache is
// as good as down: a stopped process for instance, whose connections the kernel still accepts. It
// takes away that of a cache that said something. One that another overtook gets a stamp that lets
// it be asked, but last: else each call of a script would lose that moment.
func (r *round) remember() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for base, s := range r.known {
		switch {
		case s.answered && s.stamp.timeouts > 0:
			r.stamps.remove(base)
		case !s.answered && s.timeouts > 0:
			r.stamps.timedOut(base, s.stamp.timeouts, s.timeouts)
		case !s.answered && s.overtaken && s.stamp.timeouts == 0:
			r.stamps.timedOut(base, 0, 1)
		}
	}
}

// endsByItself reports whether nothing of this machine is waited for to ask about q, as a file
// system that may be dead: then no timer need run beside it, and no goroutine.
func endsByItself(q plan.Question) bool {
	return q.Resumes == "" && !slices.ContainsFunc(q.Caches, func(c plan.Cache) bool {
		return c.URL.Scheme != "http"
	})
}

// ask puts a question to its caches: to one, and to the next where that is refused, does not hold
// the URL, or has not answered a moment later.
func (r *round) ask(q plan.Question) (best plan.Answer) {
	a := asking{
		round: r, q: q, replies: make(chan cacheReply, len(q.Caches)),
		waiting: map[int]int{}, noting: -1, quiet: -1,
	}
	best.Unknown = true
	a.turn, best.Reason = r.inTurn(q)
	if r.alone && len(a.turn) == 1 && endsByItself(q) {
		i := a.turn[0]
		best = q.Judge(a.put(i, false).Reply)
		best.Cache = i
		return best
	}
	a.next()
	next := time.NewTicker(nextAfter)
	defer next.Stop()
	// The probes end by themselves; the timer is for one that can't, on a dead file system for
	// instance.
	late := time.NewTimer(time.Until(r.deadline) + time.Second)
	defer late.Stop()
	for known := false; len(a.waiting) > 0; {
		select {
		case said := <-a.replies:
			is := q.Judge(said.Reply)
			is.Cache = said.cache
			if is.Outcome == plan.Hit {
				a.overtakes(said.cache)
				return is
			}
			if !known || !is.Unknown && is.Outcome == plan.Pass || is.Pending { // more than a miss
				best, known = is, known || said.Status != 0
			}
			a.replied(said)
			next.Reset(nextAfter)
		case <-next.C:
			a.next()
		case <-late.C:
			return best
		}
	}
	return best
}
