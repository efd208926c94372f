package fsstore

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// Why tells all that is known of one URL.
func (s *Store) Why(rawURL string) (*Report, error) {
	u, err := s.Rules.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	r := &Report{URL: key.Redact(u.String()), Key: u.Key(), Rule: s.Rules.RuleInWords(rawURL), Denied: s.Spool.DenialOf(u)}
	if r.Artifact, err = s.Cache.Lookup(rawURL); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	held := r.Key
	if r.Artifact != nil {
		held = r.Artifact.Key // which another rule may have made
	}
	r.Hits = s.Counts.Hits(held)
	r.Broken = brokenInWords(err)
	if r.Artifact == nil {
		r.Broken = cmp.Or(r.Broken, s.Verbs.LostInWords(s.Spool.IDOf(u)))
		r.Hints = s.Verbs.Hints(rawURL, s.Verbs.NotedBeside(u))
		if strings.Contains(u.Whole(), "?") {
			r.Hints = r.Hints[1:] // which Rule is
		}
	}
	id := s.Spool.IDOf(u)
	for _, st := range []tree.State{tree.Misses, tree.Queue, tree.Active, tree.Done, tree.Failed, tree.Cancelled} {
		names, err := s.tree.Names(string(st))
		if err != nil {
			return nil, err
		}
		from := len(r.Jobs)
		for _, name := range names {
			if j, ok := s.Spool.JobOf(id, st, name); ok {
				r.Jobs = append(r.Jobs, j)
			}
		}
		slices.SortStableFunc(r.Jobs[from:], spool.NewestFirst)
	}
	return r, nil
}

// brokenInWords says what keeps an artifact that has a meta from being served.
func brokenInWords(err error) string {
	switch {
	case errors.Is(err, held.ErrCorrupt):
		return "its blob is missing, has another size or can't be read: run `fromcache fsck`, which says how to have it back"
	case errors.Is(err, held.ErrMalformed):
		return "its meta is malformed: run `fromcache fsck --repair`"
	case errors.Is(err, held.ErrIllegible):
		return "its meta can't be read: give the file to the server's user and group, and look at dmesg; `fromcache fsck` says more"
	}
	return ""
}

// Report answers "why": what is known of one URL.
type Report struct {
	URL      string          `json:"url"` // normalised, redacted
	Key      string          `json:"key"`
	Rule     string          `json:"rule"`               // what became of the query, in words
	Artifact *held.Artifact  `json:"artifact,omitempty"` // that is held
	Hints    []string        `json:"hints,omitempty"`    // what to know before it is approved
	Broken   string          `json:"broken,omitempty"`   // why it is not held although it has a meta, or had one that is lost, and what to do
	Hits     int64           `json:"hits"`
	Jobs     []spool.JobFile `json:"jobs,omitempty"`
	Denied   string          `json:"denied,omitempty"` // the name in denied/ that denies it
}
