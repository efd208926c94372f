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
	quiet          bool // asks without being noted
	tries          int  // how often a connection is begun, and an answer asked for, in these times
	stamps         stamps
	tls            TLS
	lines          *lines         // to the cache that is asked
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
		tries:          tries,
		stamps:         openStamps(env, os.Geteuid()),
	}
}

// maxProbes bounds the connections that are open at once; a call with more URLs asks in turns.
const maxProbes = 32

// reply is what a cache said to a question, and what that tells of the cache itself.
type reply struct {
	plan.Reply
	state    state
	timeouts int // how many connections or answers were waited for in vain, one after the other

	digest string // of the version that is held, 64 hex digits; empty: it proves no cache-host
	size   int64  // of that version, -1 unknown
	date   string // the Date field
	keeps  bool   // the server keeps the connection

	doubtful bool // the tool may refuse the certificate that the shim took
}

// state is what a reply tells of the cache.
type state int

const (
	unsure   state = iota // nothing: this call may just not be able to reach it
	answered              // something came back, or the connection was ended
	silent                // the time was over before a connection was made, or a byte came back
	busy                  // a 503 with Retry-After came back
	down                  // the connection was refused, or what answers is no cache-host
	refused               // the TLS handshake, which the real tool may begin in another way
)

// failed returns a reply without an answer of HTTP, and why there is none.
func failed(s state, reason string) reply {
	r := reply{state: s, Reply: plan.Reply{Reason: reason, RetryAfter: -1}}
	if s == silent {
		r.timeouts = 1
	}
	return r
}

// probe asks one cache, and where it holds what a question can use, also for that very version and
// for the parts that the output file should have.
func (p *Prober) probe(q plan.Question, c plan.Cache, deadline time.Time) reply {
	r := p.persist(q, c, c.Address(q.URL, ""), false, deadline)
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
// evict: then the 404 of the cache-host itself is the answer. So this request is never spared: the
// tool, once re-pointed, could not go back to the origin. It goes over the connection of the first.
func (p *Prober) pin(q plan.Question, c plan.Cache, r *reply, deadline time.Time) {
	last := p.lines.alone && q.Resumes == ""
	switch same := p.persist(q, c, c.Address(q.URL, r.digest), last, deadline); {
	case same.Status == 200 && same.digest == r.digest: //guard:shim.TestPin
		r.Pin = r.digest
	case same.Status == 404 && same.Pins:
		*r = same
	}
}

// head asks for a URL of a cache: by the shim itself, or by the real tool where the cache's
// certificate is one that the tool must judge.
func (p *Prober) head(
	q plan.Question, c plan.Cache, url string, last bool, deadline time.Time,
) reply {
	if time.Until(deadline) <= 0 {
		return failed(unsure, "no time was left to ask")
	}
	if p.byTool(c) {
		return p.headByTool(q, c, url, deadline)
	}
	r := p.headHTTP(q, c, url, last, deadline)
	if r.state == refused { //guard:shim.TestCAFileNewerTLS
		return p.headByTool(q, c, url, deadline)
	}
	return r
}

// notCacheHost says why a 200 is no hit: some web server answers to the name of a cache-host, and
// would give its own page for the download.
const notCacheHost = "what answers there is no cache-host: its 200 has no X-Fromcache-Sha256"

// timeout returns the duration that a variable says, maxTimeout at most, and the default where it
// says none.
func timeout(v string, otherwise time.Duration) time.Duration {
	d, ok := Duration(v)
	if !ok {
		return otherwise
	}
	return min(d, maxTimeout)
}

// Duration reads a duration: "0.5" and "2" are seconds, "500ms" and "10m" what they say. It is not
// ok for anything else, nor for what is not above zero.
func Duration(v string) (d time.Duration, ok bool) {
	v = strings.TrimSpace(v)
	d, err := time.ParseDuration(v)
	if err != nil {
		d, err = time.ParseDuration(v + "s")
	}
	return d, err == nil && d > 0
}

// Head sends a cache HEAD for a path, and returns the status of its answer and the Date field. The
// reason says why there is no answer in time (the status is 0), or none of a cache-host.
func (p *Prober) Head(c plan.Cache, path string) (status int, date, reason string) {
	one := *p
	one.lines = newLines(true)
	r := one.head(plan.Question{}, c, c.Base+path, true, time.Now().Add(p.timeout))
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
