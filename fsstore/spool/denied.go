package spool

import (
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
)

// DeniedBy is DenialOf for a URL as text, such as one that a redirect leads to. It returns "" for
// what is no URL.
func (s *Spool) DeniedBy(rawURL string) string {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return ""
	}
	return s.DenialOf(u)
}

// deniesOld reports whether denied/<name>, whose name is a key by an earlier server, denies u. It
// compares the URL in the file under today's rule and under the earlier one, which took several
// URLs for one. A file that holds no URL denies by its name.
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

// DenialOf returns the name in denied/ that denies u, by its key or by its host, or "". Removing
// that file takes the denial back.
func (s *Spool) DenialOf(u key.URL) string {
	for i, k := range s.IDOf(u).Names {
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
