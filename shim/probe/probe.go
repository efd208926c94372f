package probe

import (
	"cmp"
	"os"
	"strings"
	"sync"
	"time"

	"fromcache/shim/call"
	"fromcache/shim/plan"
)

// Prober asks caches whether they hold URLs.
type Prober struct {
	tool           call.Tool
	real           string // the real tool's path, for https caches
	caFile         string // of the private CA of https caches; empty: the real tool asks those
	env            call.Env
	connectTimeout time.Duration
	timeout        time.Duration
	stamps         stamps
	tls            TLS
	anchors        func() anchors // of caFile, which is read once
}

// The time-outs without settings: half a second for the connection and two for the answer. A person
// does not notice that before a download, and a script with a hundred small calls survives it.
const (
	defaultConnectTimeout = 500 * time.Millisecond
	defaultTimeout        = 2 * time.Second
	maxTimeout            = time.Minute
)

// New returns a Prober with the settings of the environment; path is the real tool's.
func New(tool call.Tool, env call.Env, path string, tls TLS) *Prober {
	caFile := plan.CAFile(env)
	return &Prober{
		tool: tool, real: path, env: env, caFile: caFile, tls: tls,
		anchors:        sync.OnceValue(func() anchors { return readCAFile(caFile, tls) }),
		connectTimeout: timeout(env.Get(plan.EnvConnectTimeout), defaultConnectTimeout),
		timeout:        timeout(env.Get(plan.EnvTimeout), defaultTimeout),
		stamps:         openStamps(env, os.Geteuid()),
	}
}

// maxProbes bounds the connections that are open at once; a call with more URLs asks in turns.
const maxProbes = 32

// reply is what a cache said to a question, and what that tells of the cache itself.
type reply struct {
	plan.Reply
	state  state
	digest string // of the version that is held, 64 hex digits; empty: it proves no cache-host
	size   int64  // of that version, -1 unknown
	date   string // the Date field

	doubtful bool // the tool may refuse the certificate that the shim took
}

// state is what a reply tells of the cache.
type state int

const (
	unsure   state = iota // nothing: this call may just not be able to reach it
	answered              // something came back, or the connection was ended
	silent                // the time was over before a byte came back
	down                  // no connection could be made, or what answers is no cache-host
	refused               // the TLS handshake, which the real tool may begin in another way
)

// failed returns a reply without an answer of HTTP, and why there is none.
func failed(s state, reason string) reply {
	return reply{state: s, Reply: plan.Reply{Reason: reason}}
}

// Ask puts all questions to all their caches at once, under one deadline. The first 200 that a
// question can use wins; it is a miss when every cache has answered or the deadline is over.
func (p *Prober) Ask(questions []plan.Question) []plan.Answer {
	r := &round{
		Prober:   p,
		deadline: time.Now().Add(p.timeout),
		slots:    make(chan struct{}, maxProbes),
		answered: map[string]bool{},
	}
	out := make([]plan.Answer, len(questions))
	var all sync.WaitGroup
	for i, q := range questions {
		all.Go(func() { out[i] = r.ask(q) })
	}
	all.Wait()
	r.stampSilent()
	return out
}

// round is one call of Ask.
type round struct {
	*Prober
	deadline time.Time
	slots    chan struct{}

	mu       sync.Mutex
	answered map[string]bool // by a cache's address, false for one that was silent so far
}

// record notes what a reply told of the cache with an address.
func (r *round) record(base string, s state) {
	if s != silent && s != answered {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered[base] = r.answered[base] || s == answered
}

// stampSilent leaves stamps of the caches that said nothing to any question. Such a cache is as
// good as down: a stopped process for instance, whose connections the kernel still accepts.
func (r *round) stampSilent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for base, spoke := range r.answered {
		if !spoke {
			r.stamps.write(base, "the cache did not answer in time")
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
		if why := r.stamps.read(c.Base); why != "" {
			none.Reason = why
			continue
		}
		waiting++
		go func() {
			r.slots <- struct{}{}
			said := r.probe(q, c, r.deadline)
			r.record(c.Base, said.state)
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
			if said.state == down {
				r.stamps.write(q.Caches[said.cache].Base, said.Reason)
			}
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

// probe asks one cache, and where it holds what a question can use, also for that very version and
// for the parts that the output file should have.
func (p *Prober) probe(q plan.Question, c plan.Cache, deadline time.Time) reply {
	r := p.head(q, c, c.Address(q.URL, ""), deadline)
	if r.Status == 200 && r.digest == "" { //guard:shim.TestAnswers
		return failed(down, notCacheHost)
	}
	if q.Judge(r.Reply).Outcome != plan.Hit {
		return r
	}
	if r.Pins {
		p.pin(q, c, &r, deadline)
	}
	if q.Resumes != "" && r.Status == 200 {
		r.Differs = p.compare(q, c, r, deadline) //guard:shim.TestResume
	}
	if r.Status == 200 && !p.proven(q, c, r) { //guard:shim.TestCAFileToolWithoutTLS
		if same := p.headByTool(q, c, c.Address(q.URL, r.Pin), deadline); same.digest != r.digest {
			return same
		}
	}
	return r
}

// pin holds a hit to its version, if that has an address at the cache. What stands in front of a
// cache-host may not pass on such addresses. It may also have kept the first answer since before an
// evict: then the 404 of the cache-host itself is the answer.
func (p *Prober) pin(q plan.Question, c plan.Cache, r *reply, deadline time.Time) {
	switch same := p.head(q, c, c.Address(q.URL, r.digest), deadline); {
	case same.Status == 200 && same.digest == r.digest: //guard:shim.TestPin
		r.Pin = r.digest
	case same.Status == 404 && same.Pins:
		*r = same
	}
}

// head asks for a URL of a cache: by the shim itself, or by the real tool where the cache's
// certificate is one that the tool must judge.
func (p *Prober) head(q plan.Question, c plan.Cache, url string, deadline time.Time) reply {
	if time.Until(deadline) <= 0 {
		return failed(unsure, "no time was left to ask")
	}
	if p.byTool(c) {
		return p.headByTool(q, c, url, deadline)
	}
	r := p.headHTTP(q, c, url, deadline)
	if r.state == refused { //guard:shim.TestCAFileNewerTLS
		return p.headByTool(q, c, url, deadline)
	}
	return r
}

// notCacheHost says why a 200 is no hit: some web server answers to the name of a cache-host, and
// would give its own page for the download.
const notCacheHost = "what answers there is no cache-host: its 200 has no X-Fromcache-Sha256"

// timeout reads a duration: "0.5" and "2" are seconds, "500ms" and "2s" what they say. Anything
// else and what is not above zero gives the default; more than maxTimeout gives that.
func timeout(v string, otherwise time.Duration) time.Duration {
	v = strings.TrimSpace(v)
	d, err := time.ParseDuration(v)
	if err != nil {
		d, err = time.ParseDuration(v + "s")
	}
	if err != nil || d <= 0 {
		return otherwise
	}
	return min(d, maxTimeout)
}

// Head sends a cache HEAD for a path, and returns the status of its answer and the Date field. The
// reason says why there is no answer in time (the status is 0), or none of a cache-host.
func (p *Prober) Head(c plan.Cache, path string) (status int, date, reason string) {
	r := p.head(plan.Question{}, c, c.Base+path, time.Now().Add(p.timeout))
	return r.Status, r.date, r.Reason
}

// Refused says why the real tool gets no 200 from an https cache that gives one for a path; empty:
// it gets one.
func (p *Prober) Refused(c plan.Cache, path string) (reason string) {
	r := p.headByTool(plan.Question{}, c, c.Base+path, time.Now().Add(p.timeout))
	if r.Status == 200 {
		return ""
	}
	return cmp.Or(r.Reason, p.tool.String()+" gets no answer")
}
