package plan

import "strings"

// CAFile returns the path of the certificates that the environment names for https caches, empty
// for none.
func CAFile(env Env) string { return strings.TrimSpace(env.Get(EnvCAFile)) }

// Trust returns arguments and an environment with which the tool trusts the certificates in a file;
// an empty name changes nothing. curl then trusts these instead of its own (curl(1), CURL_CA_BUNDLE),
// in some builds beside them; wget trusts them beside the system's (wget(1), --ca-certificate).
func (t Tool) Trust(args []string, env Env, file string) ([]string, Env) {
	switch {
	case file == "":
		return args, env
	case t == Wget:
		return append([]string{"--ca-certificate=" + file}, args...), env
	}
	return args, env.With("CURL_CA_BUNDLE", file)
}

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
const beside = "it is held, but " + EnvCAFile + " would also count for the origins of the other URLs"
