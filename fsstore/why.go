package fsstore

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"fromcache/fsstore/held"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Why reports all that is known of one URL. Its error is a *key.Error for what is no URL, or the
// disk's.
func (s *Store) Why(rawURL string) (*Report, error) {
	u, err := s.Rules.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	r := &Report{URL: key.Redact(u.String()), Key: u.Key()}
	r.Rule, r.Denied = s.Rules.RuleInWords(rawURL), s.Spool.DenialOf(u)
	r.Allowed = s.Allowed.Explain(u)
	if r.Artifact, err = s.Cache.Lookup(rawURL); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	id := s.Spool.IDOf(u)
	r.Broken = brokenInWords(err)
	if r.Artifact != nil {
		r.Hits = s.Counts.Hits(r.Artifact.Key) // another rule may have made this key
	} else {
		r.Hits = s.Counts.Hits(r.Key)
		r.Broken = cmp.Or(r.Broken, s.Verbs.LostInWords(id))
		r.Hints = s.Verbs.Hints(rawURL, s.Verbs.NotedBeside(u))
		if strings.Contains(u.Whole(), "?") {
			r.Hints = r.Hints[1:] // the first one is what Rule says
		}
	}
	for _, st := range []State{Misses, Queue, Active, Done, Failed, Cancelled} {
		jobs, err := s.jobsOf(id, st)
		if err != nil {
			return nil, err
		}
		r.Jobs = append(r.Jobs, jobs...)
	}
	return r, nil
}

// jobsOf returns the jobs of an artifact in one directory, the newest first.
func (s *Store) jobsOf(id spool.ArtifactID, st State) (jobs []JobFile, err error) {
	names, err := s.tree.Names(string(st))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if j, ok := s.Spool.JobOf(id, st, name); ok {
			jobs = append(jobs, j)
		}
	}
	slices.SortStableFunc(jobs, spool.NewestFirst)
	return jobs, nil
}

// brokenInWords says why an artifact that has a meta can't be served, or "".
func brokenInWords(err error) string {
	switch {
	case errors.Is(err, held.ErrCorrupt):
		return "its blob is missing, has another size or can't be read: " +
			"run `fromcache fsck`, which says how to have it back"
	case errors.Is(err, held.ErrMalformed):
		return "its meta is malformed: run `fromcache fsck --repair`"
	case errors.Is(err, held.ErrIllegible):
		return "its meta can't be read: give the file to the server's user and group, " +
			"and look at dmesg; `fromcache fsck` says more"
	}
	return ""
}

// Report is what Why knows of one URL. Its texts are for people.
type Report struct {
	URL      string    `json:"url"` // normalised, redacted
	Key      string    `json:"key"`
	Rule     string    `json:"rule"`               // what becomes of the query
	Artifact *Artifact `json:"artifact,omitempty"` // nil: not held
	Hints    []string  `json:"hints,omitempty"`    // what to know before approving it
	Broken   string    `json:"broken,omitempty"`   // why what was fetched isn't held, and what to do
	Hits     int64     `json:"hits"`
	Jobs     []JobFile `json:"jobs,omitempty"`    // by state as they flow, the newest first
	Denied   string    `json:"denied,omitempty"`  // the name of the file in denied/ that denies it
	Allowed  string    `json:"allowed,omitempty"` // what allowed/ makes of it
}
