package plan

import (
	"strings"

	"fromcache/shim/call"
)

// CAFile returns the path of the certificates that the environment names for https caches, empty
// for none.
func CAFile(env call.Env) string { return strings.TrimSpace(env.Get(EnvCAFile)) }

// needsCA reports whether the tool reaches a cache only with the certificates of FROMCACHE_CA_FILE.
func (p *planner) needsCA(c Cache) bool { return p.caFile != "" && c.URL.Scheme == "https" }

// keepCAFromOrigins lets the hits at caches with a private CA pass where the call has a URL that is
// no hit. The tool can't be told to trust the CA for one URL alone: it would trust it for origins,
// and curl would trust nobody else.
func (p *planner) keepCAFromOrigins() {
	onlyHits := true
	for _, v := range p.verdicts {
		onlyHits = onlyHits && v.Outcome == Hit
	}
	if onlyHits {
		return
	}
	for i := range p.asked {
		c := &p.asked[i]
		if c.answer.Outcome == Hit && p.needsCA(c.q.Caches[c.answer.Cache]) {
			c.answer = Answer{Reason: beside}
			v := &p.verdicts[c.verdict]
			v.Outcome, v.Reason, v.Base = Pass, beside, ""
		}
	}
}

// beside says why a URL that is held passes.
const beside = "it is held, but " + EnvCAFile +
	" would also count for the origins of the other URLs"
