package probe

import (
	"sync"
	"time"

	"fromcache/shim/plan"
)

// Ask puts all questions to all their caches at once, under one deadline. The first 200 that a
// question can use wins; it is a miss when every cache has answered or the deadline is over.
func (p *Prober) Ask(questions []plan.Question) []plan.Answer {
	r := &round{
		Prober:   p,
		deadline: time.Now().Add(p.timeout),
		slots:    make(chan struct{}, maxProbes),
		known:    map[string]*cacheState{},
	}
	out := make([]plan.Answer, len(questions))
	var all sync.WaitGroup
	for i, q := range questions {
		all.Go(func() { out[i] = r.ask(q) })
	}
	all.Wait()
	r.remember()
	return out
}

// round is one call of Ask.
type round struct {
	*Prober
	deadline time.Time
	slots    chan struct{}

	mu    sync.Mutex
	known map[string]*cacheState // by the cache's address
}

// cacheState is what a round knows of one cache.
type cacheState struct {
	stamp    stamp // as it was at the beginning
	answered bool  // something came back
	timeouts int   // of all questions
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

// remember leaves stamps of the caches that said nothing to any question, because such a cache is
// as good as down: a stopped process for instance, whose connections the kernel still accepts. It
// takes away that of a cache that said something.
func (r *round) remember() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for base, s := range r.known {
		switch {
		case s.answered && s.stamp.timeouts > 0:
			r.stamps.remove(base)
		case !s.answered && s.timeouts > 0:
			r.stamps.timedOut(base, s.stamp.timeouts, s.timeouts)
		}
	}
}

// cacheReply is the reply of one of a question's caches.
type cacheReply struct {
	cache int
	reply
}

// start sends a question to all its caches, save those with a stamp, and returns how many that are;
// an answer has the text of a stamp as its reason.
func (r *round) start(q plan.Question, replies chan<- cacheReply) (waiting int, none plan.Answer) {
	for i, c := range q.Caches {
		s := r.state(c.Base).stamp
		if s.down() {
			none.Reason = s.why()
			continue
		}
		waiting++
		go func() {
			r.slots <- struct{}{}
			p, deadline := r.patience(s, r.deadline)
			said := p.probe(q, c, deadline)
			r.record(c.Base, said)
			replies <- cacheReply{i, said}
			<-r.slots
		}()
	}
	return waiting, none
}

// ask puts a question to all its caches at once.
func (r *round) ask(q plan.Question) plan.Answer {
	replies := make(chan cacheReply, len(q.Caches))
	waiting, best := r.start(q, replies)
	// The probes end by themselves; the timer is for one that can't, on a dead file system for
	// instance.
	late := time.NewTimer(time.Until(r.deadline) + time.Second)
	defer late.Stop()
	for known := false; waiting > 0; waiting-- {
		select {
		case said := <-replies:
			a := q.Judge(said.Reply)
			a.Cache = said.cache
			switch {
			case a.Outcome == plan.Hit:
				return a
			case !known || a.Outcome == plan.Pass && said.Status != 0: // held, of no use: more than a miss
				best, known = a, known || said.Status != 0
			}
		case <-late.C:
			return best
		}
	}
	return best
}
