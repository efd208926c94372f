package shim

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// prober asks caches whether they hold URLs.
type prober struct {
	tool           Tool
	real           string // the real tool's path, for https caches
	env            Env
	connectTimeout time.Duration
	timeout        time.Duration
	stamps         stamps
}

// maxAsking bounds the connections that are open at once; a call with more URLs than that asks in turns.
const maxAsking = 32

// reply is what one cache said to one question.
type reply struct {
	status     int    // 0 for none
	digest     string // of the version that is held, 64 hex digits; empty: it proves no cache-host
	size       int64  // of it, -1 unknown
	pins       bool   // it says that it serves a version by its digest
	pin        string // the digest by which it does
	differs    string // why it is not known to be what the output file holds already
	ranges     bool
	redirected bool
	down       bool // no connection could be made, or what answers is no cache-host
	silent     bool // the time was over before a byte came back
	heard      bool // something came back, be it no answer
	reason     string
}

// judge says what a reply means for q.
func (q *Question) judge(r reply) (Outcome, string) {
	switch {
	case r.status == 0:
		return Pass, r.reason
	case r.status == 404 || r.status == 400: // 400 also stands for any refusal that curl -f does not show
		return Miss, "not held"
	case r.status != 200:
		return Pass, "what answers for the cache says " + strconv.Itoa(r.status) + ", not whether it is held"
	case q.NeedsRanges && !r.ranges:
		return Pass, "the origin has no ranges"
	case r.redirected && !q.MayRedirect:
		return Pass, "the origin redirects and the call does not follow"
	case r.differs != "":
		return Pass, r.differs
	case r.pins && r.pin == "":
		return Hit, unpinned
	}
	return Hit, ""
}

// Ask puts all questions to all their caches at once, under one deadline. The first 200 that a question can use wins; it is
// a miss when every cache has answered or the deadline is over.
func (p *prober) Ask(questions []Question) []Answer {
	deadline := time.Now().Add(p.timeout)
	turns := make(chan struct{}, maxAsking)
	down := p.stamps.read(questions)
	quiet := &silence{}
	first := map[string]int{}
	answers := make([]chan Answer, len(questions))
	out := make([]Answer, len(questions))
	for i, q := range questions {
		key := q.key()
		if _, seen := first[key]; seen {
			continue
		}
		first[key] = i
		answers[i] = make(chan Answer, 1)
		go func() { answers[i] <- p.one(q, deadline, turns, down, quiet) }()
	}
	for i, q := range questions {
		if j := first[q.key()]; j < i {
			out[i] = out[j]
		} else {
			out[i] = <-answers[i]
		}
	}
	for _, base := range quiet.caches() {
		p.stamps.write(base, "the cache did not answer in time")
	}
	return out
}

// silence collects, by address, what the caches of one call were heard to say. One that says nothing to a whole call, a
// stopped process for instance, whose connections the kernel still accepts, is as good as down.
type silence struct {
	mu    sync.Mutex
	heard map[string]bool // false for a cache that was silent so far
}

// note counts a reply of a cache.
func (s *silence) note(base string, r reply) {
	if !r.silent && !r.heard {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard == nil {
		s.heard = map[string]bool{}
	}
	s.heard[base] = s.heard[base] || r.heard
}

// caches returns those that were asked to the end of the time and never heard.
func (s *silence) caches() (bases []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for base, heard := range s.heard {
		if !heard {
			bases = append(bases, base)
		}
	}
	return bases
}

// key tells questions with the same answer.
func (q Question) key() string {
	k := q.t.String() + string(rune('0'+q.Family)) + strings.Join(q.tlsVersion, " ")
	if q.NeedsRanges {
		k += "r"
	}
	if q.MayRedirect {
		k += "m"
	}
	for _, c := range q.Caches {
		k += " " + c.Base
	}
	return k + " " + q.Resumes
}

// one puts a question to all its caches at once, leaving out those that were down a moment ago.
func (p *prober) one(q Question, deadline time.Time, turns chan struct{}, down map[string]string, quiet *silence) Answer {
	type said struct {
		cache int
		reply
	}
	replies := make(chan said, len(q.Caches))
	var best Answer
	waiting := 0
	for i, c := range q.Caches {
		if down[c.Base] != "" {
			best.Reason = down[c.Base]
			continue
		}
		waiting++
		go func() {
			turns <- struct{}{}
			r := p.probe(q, c, deadline)
			quiet.note(c.Base, r)
			replies <- said{i, r}
			<-turns
		}()
	}
	late := time.NewTimer(time.Until(deadline) + time.Second) // the probes end by themselves; this is for one that can't
	defer late.Stop()
	for known := false; waiting > 0; waiting-- {
		select {
		case r := <-replies:
			outcome, reason := q.judge(r.reply)
			if r.down {
				p.stamps.write(q.Caches[r.cache].Base, r.reason)
			}
			switch a := (Answer{outcome, r.cache, reason, r.pin}); {
			case outcome == Hit:
				return a
			case !known || outcome == Pass && r.status != 0: // held, though of no use, says more than a miss
				best, known = a, known || r.status != 0
			}
		case <-late.C:
			return best
		}
	}
	return best
}

// probe asks one cache, and again where it holds what a question can use: for that very version, and for what the output file
// holds already.
func (p *prober) probe(q Question, c Cache, deadline time.Time) reply {
	r := p.head(q, c, q.URL(c), deadline)
	if r.status == 200 && r.digest == "" {
		return reply{down: true, heard: true, reason: noCacheHost}
	}
	if outcome, _ := q.judge(r); outcome != Hit {
		return r
	}
	if r.pins {
		p.pin(q, c, &r, deadline)
	}
	if q.Resumes != "" && r.status == 200 {
		r.differs = p.compare(q, c, r, deadline)
	}
	return r
}

// pin holds a hit to its version, if the cache has an address of it. Not every cache-host knows such addresses, nor does what may stand
// in front of one; that may also have kept the first answer since before an evict, of which the cache-host's own 404 tells.
func (p *prober) pin(q Question, c Cache, r *reply, deadline time.Time) {
	switch same := p.head(q, c, c.url(q.t, r.digest), deadline); {
	case same.status == 200 && same.digest == r.digest:
		r.pin = r.digest
	case same.status == 404 && same.pins:
		*r = same
	}
}

// head asks for a URL of a cache: over a plain socket, or by the real tool where TLS is needed.
func (p *prober) head(q Question, c Cache, url string, deadline time.Time) reply {
	if time.Until(deadline) <= 0 {
		return reply{reason: "no time was left to ask"}
	}
	if c.t.scheme == "https" {
		return p.headByTool(q, c, url, deadline)
	}
	return p.headHTTP(q, c, url, deadline)
}

// unpinned is what is to be known of such a hit: a retry may get another version.
const unpinned = "of no certain version: the cache, or what stands in front of it, does not answer to the address of one"

// noCacheHost is why a 200 is no hit: some web server answers to the name that the cache-host had, and would give its own page
// for the download.
const noCacheHost = "what answers there is no cache-host: its 200 has no X-Fromcache-Sha256"
