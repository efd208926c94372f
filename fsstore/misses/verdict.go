package misses

import (
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// VerdictOf says why rawURL is not held, as NoteMiss does, and records nothing: a client that asks
// several caches has its miss noted by one of them.
func (s *Misses) VerdictOf(rawURL string) (Verdict, error) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return "", err
	}
	id := s.spool.IDOf(u)
	if tree.Exists(s.tree.JobPath(tree.Misses, u.Key())) || s.spool.FindMiss(id) != "" {
		return VerdictNoted, nil
	}
	if v := s.decided(u, id); v != "" {
		return v, nil
	}
	return VerdictAbsent, nil
}

// decided says what was decided about a URL that is no miss yet, or what else is to be said before
// it becomes one; empty if there is nothing.
func (s *Misses) decided(u key.URL, id spool.ArtifactID) Verdict {
	if s.spool.DenialOf(u) != "" { //guard:fsstore/verbs.TestDenied
		return VerdictDenied
	}
	if s.spool.FindQueued(id) != "" {
		return VerdictQueued
	}
	if s.spool.FindActive(id) != "" {
		return VerdictActive
	}
	if s.spool.FindQueued(id) != "" { // it went back from active/ while we looked
		return VerdictQueued
	}
	if s.held.Holds(u) {
		return VerdictActive // published while we looked: who waits for it is to ask again
	}
	if s.health.HeldUnreadable() { //guard:fsstore/health.TestHealthOfParts
		return VerdictIll
	}
	return ""
}
