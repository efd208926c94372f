package held

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"fromcache/fsstore/key"
)

// A URL's artifact may lie under a key that another rule made. Find tries one key after the other,
// today's first, and takes an artifact only if the URL that brought its bytes equals the one asked
// for by the rules that hold now. So a rule that changes loses nothing that is held for that very
// URL, and never serves it the bytes of another.

// Find returns what is held for u, under today's key or another. Its error is that of today's key,
// or of the key that an earlier server gave.
func (s *Cache) Find(u key.URL) (*Artifact, error) {
	a, err := s.Artifact(u.Key())
	if err == nil &&
		s.IsFor(a, u) { //guard:fsstore/upkeep.TestFsckFindsWhatNoLookupFinds
		return a, nil
	}
	if err == nil {
		err = fmt.Errorf("%s is held for another URL: %w", a.Key, fs.ErrNotExist)
	}
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrMalformed) {
		return nil, err // what it says is not known
	}
	old, oldErr := s.Artifact(u.OldKey())
	switch {
	case oldErr == nil && s.IsFor(old, u):
		return old, nil
	case oldErr != nil && (!errors.Is(oldErr, fs.ErrNotExist) || errors.Is(oldErr, ErrMalformed)):
		return nil, oldErr
	}
	for k := range s.otherKeys(u) {
		if a, err := s.Artifact(k); err == nil && s.IsFor(a, u) {
			return a, nil
		}
	}
	return nil, err
}

// otherKeys yields the keys that u has, or may have had, by other rules.
func (s *Cache) otherKeys(u key.URL) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		tried := []string{u.Key(), u.OldKey()}
		for v := range u.Variants() {
			for _, k := range []string{v.Key(), v.OldKey()} {
				if slices.Contains(tried, k) {
					continue
				}
				tried = append(tried, k)
				if !yield(k) {
					return
				}
			}
		}
	}
}

// IsFor reports whether an artifact's bytes are u's: whether the URL that brought them equals u by
// the rules that hold now.
func (s *Cache) IsFor(a *Artifact, u key.URL) bool {
	asked := a.AskedURL()
	if !strings.Contains(asked, "?") && !strings.HasSuffix(asked, "...") {
		if a.putByOldServer() {
			if fetched, ok := s.jobURL(a); ok {
				return fetched.Sum() == u.Sum()
			}
		}
		return a.URLSum == u.Sum() // no rule changes it
	}
	var rules *key.HostRules
	if s.queries.Rule == key.Auto {
		rules = s.queries.HostRules(u.Host())
	}
	if sum := a.sumUnder(asked, s.queries.Rule, rules); sum != "" {
		return sum == u.Sum() //guard:TestRule
	}
	if a.AskedSum != "" {
		return s.sameByTable(a, u, rules)
	}
	fetched, ok := s.jobURL(a)
	return ok && fetched.Sum() == u.Sum()
}

// sameByTable reports whether u is the URL that brought an artifact, where its parameters are
// redacted. By the built-in table both differ in a signature at most, and the rule that holds now
// drops the signature of both.
func (s *Cache) sameByTable(a *Artifact, u key.URL, rules *key.HostRules) bool {
	table, err := key.Parse(u.Whole(), key.Auto)
	if err != nil || table.Sum() != a.AskedSum {
		return false
	}
	asked := a.AskedURL()
	return !strings.HasSuffix(asked, "...") &&
		s.dropsSignature(u.Whole(), rules) && s.dropsSignature(asked, rules)
}

// dropsSignature reports whether the rule that holds now drops what the built-in table takes for a
// URL's signature.
func (s *Cache) dropsSignature(rawURL string, rules *key.HostRules) bool {
	table, err := key.ParseRedacted(rawURL, key.Auto, nil)
	if err != nil {
		return false
	}
	whole, err := key.ParseRedacted(rawURL, s.queries.Rule, rules)
	bare, _ := key.ParseRedacted(table.String(), s.queries.Rule, rules)
	return err == nil && whole.String() == bare.String()
}

// jobURL returns the URL of the job that brought an artifact, if done/ still has it. Earlier
// servers wrote no sum of it into the meta, redacted its secrets, and dropped the query of what
// came by put.
func (s *Cache) jobURL(a *Artifact) (u key.URL, ok bool) {
	h, err := s.LastRecord(a.Key)
	if err != nil || h.Evicted || h.Done.Sha256 != a.SHA256 || h.Job.Approved() {
		return u, false
	}
	u, err = s.queries.Parse(h.Job.FetchURL())
	return u, err == nil
}

// putByOldServer reports whether the artifact came by an earlier server's put, which dropped the
// query from the URL in the meta.
func (m *Meta) putByOldServer() bool {
	return m.AskedSum == "" && m.FinalURL == "" && len(m.Redirects) == 0 &&
		m.Approved != nil && m.Approved.Via == ViaPut
}

// sumUnder returns the sum of the URL that brought the bytes by a rule, or "" if its redacted text
// does not tell.
func (m *Meta) sumUnder(asked string, rule key.Rule, rules *key.HostRules) string {
	if rule == key.Auto && rules == nil && m.AskedSum != "" {
		return m.AskedSum
	}
	now, err := key.ParseRedacted(asked, rule, rules)
	if err != nil {
		return ""
	}
	table, err := key.ParseRedacted(asked, key.Auto, nil)
	switch {
	case err == nil && m.AskedSum != "" && now.String() == table.String():
		return m.AskedSum
	case now.String() == m.URL:
		return m.URLSum
	case !key.IsRedacted(now.String()):
		return now.Sum()
	}
	return ""
}
