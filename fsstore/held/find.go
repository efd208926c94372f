package held

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"fromcache/fsstore/key"
)

// How an artifact is found by a URL, whatever rule its key was made by. A key is
// a name: what lies under it is the URL's only if both, its URL and the one that
// brought the bytes, are one by the rules that hold now. So a rule that changes
// loses nothing that is held for that very URL, and never makes it the bytes of
// another: names are looked at one after the other, today's first, and what is
// there says of itself for what it was fetched.

// Find returns what is held for u, under whatever name. Its error is of the name
// of today, or of that which an earlier server gave the same URL.
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

// otherKeys yields the names that other rules gave u, or may have given it.
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

// IsFor reports whether an artifact's bytes are those of u: whether the URL that
// brought them is u by the rules that hold now.
func (s *Cache) IsFor(a *Artifact, u key.URL) bool {
	asked := a.AskedURL()
	if !strings.Contains(asked, "?") && !strings.HasSuffix(asked, "...") {
		if a.putByOldServer() {
			if told, ok := s.jobURL(a); ok {
				return told.Sum() == u.Sum()
			}
		}
		return a.URLSum == u.Sum() // no rule changes it
	}
	var own *key.HostRules
	if s.queries.Rule == key.Auto {
		own = s.queries.OwnOf(u.Host())
	}
	if sum := a.sumUnder(asked, s.queries.Rule, own); sum != "" {
		return sum == u.Sum() //guard:TestRule
	}
	if a.AskedSum != "" {
		return s.sameByTable(a, u, own)
	}
	told, ok := s.jobURL(a)
	return ok && told.Sum() == u.Sum()
}

// sameByTable reports whether the URL that brought an artifact is u though the text
// of its parameters is redacted: both are one but for a signature, and the rule
// that holds now keeps nothing of the signature of either.
func (s *Cache) sameByTable(a *Artifact, u key.URL, own *key.HostRules) bool {
	table, err := key.Parse(u.Whole(), key.Auto)
	if err != nil || table.Sum() != a.AskedSum {
		return false
	}
	asked := a.AskedURL()
	return !strings.HasSuffix(asked, "...") && s.dropsSignature(u.Whole(), own) && s.dropsSignature(asked, own)
}

// dropsSignature reports whether the rule that holds now keeps nothing of a URL that is
// a signature by the table.
func (s *Cache) dropsSignature(rawURL string, own *key.HostRules) bool {
	table, err := key.ParseRedacted(rawURL, key.Auto, nil)
	if err != nil {
		return false
	}
	now, err := key.ParseRedacted(rawURL, s.queries.Rule, own)
	again, _ := key.ParseRedacted(table.String(), s.queries.Rule, own)
	return err == nil && now.String() == again.String()
}

// jobURL is the URL of the job that brought an artifact, if done/ still has it:
// earlier servers wrote no sum into the meta, where a value that looks like a secret
// is redacted, and nothing of the query with which a file was carried in.
func (s *Cache) jobURL(a *Artifact) (u key.URL, ok bool) {
	h, ok := s.LastRecord(a.Key)
	if !ok || h.Evicted || h.Done.Sha256 != a.SHA256 || h.Job.Approved() {
		return u, false
	}
	u, err := s.queries.Parse(h.Job.FetchURL())
	return u, err == nil
}

// putByOldServer reports whether an earlier server's verb carried it in: then what
// its meta says of the URL is without the query.
func (m *Meta) putByOldServer() bool {
	return m.AskedSum == "" && m.FinalURL == "" && len(m.Redirects) == 0 && m.Approved != nil && m.Approved.Via == ViaPut
}

// sumUnder is the sum that the URL which brought the bytes has by a rule, as far as
// that can be told of a URL which is redacted; else "".
func (m *Meta) sumUnder(asked string, rule key.Rule, own *key.HostRules) string {
	if rule == key.Auto && own == nil && m.AskedSum != "" {
		return m.AskedSum
	}
	now, err := key.ParseRedacted(asked, rule, own)
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
