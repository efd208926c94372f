package spool

import (
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// DeniedBy is the name in denied/ that speaks for a URL, as it is or once it is
// reached by a redirect, or "".
func (s *Spool) DeniedBy(rawURL string) string {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return ""
	}
	return s.DenialOf(u)
}

// deniesOld reports whether a denial under a key of an earlier server is of u: by
// the URL in it, under today's rule or under theirs, which took several URLs for
// one. One that holds no URL goes by its name.
func (s *Spool) deniesOld(u key.URL, name string) bool {
	b, err := tree.ReadFile(s.tree.JobPath(tree.Denied, name), tree.MaxJobFile)
	jobs := job.Parse(b).Jobs
	if err != nil || len(jobs) == 0 {
		return true
	}
	for _, rule := range []key.Rule{s.queries.Rule, key.Old} {
		theirs, err := key.Parse(jobs[0].URL, rule)
		own, _ := key.Parse(u.Whole(), rule)
		if err == nil && theirs.Sum() == own.Sum() {
			return true
		}
	}
	return false
}

// DenialOf is the name in denied/ that speaks for u, or "".
func (s *Spool) DenialOf(u key.URL) string {
	for i, k := range s.SubjectOf(u).Names {
		for _, name := range []string{k, k + ".job"} { // mv queue/k.job denied/ counts too
			if tree.Exists(s.tree.JobPath(tree.Denied, name)) && (i == 0 || s.deniesOld(u, name)) {
				return name
			}
		}
	}
	for _, name := range queries.HostPatterns(u.Host()) {
		if tree.Exists(s.tree.JobPath(tree.Denied, name)) {
			return name
		}
	}
	return ""
}
