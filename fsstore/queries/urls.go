package queries

import (
	"slices"
	"strings"

	"fromcache/fsstore/key"
)

// Parse normalises rawURL by the rules that hold on this directory: what all
// that take a URL from outside, or from a job, must call, for two that differ
// would give one URL two names. Its error is a *key.Error.
func (s *Rules) Parse(rawURL string) (key.URL, error) {
	u, err := key.Parse(rawURL, s.Rule)
	if err != nil || s.Rule != key.Auto || strings.IndexByte(rawURL, '?') < 0 {
		return u, err
	}
	if own := s.HostRules(u.Host()); own != nil {
		return key.ParseWith(rawURL, own)
	}
	return u, nil
}

// RuleInWords tells what becomes of a URL's query, and who says so.
func (s *Rules) RuleInWords(rawURL string) string {
	u, err := s.Parse(rawURL)
	switch {
	case err != nil || !strings.Contains(u.Whole(), "?"):
		return "the URL has no query"
	case s.Rule == key.Keep:
		return "--keep-query: the query is part of the key"
	case s.Rule == key.Drop:
		return "--drop-query: the query is no part of the key"
	}
	var said []string
	if left := key.DroppedParams(u.Whole(), s.HostRules(u.Host())); len(left) > 0 {
		said = append(said, "left out: "+leftInWords(left))
	} else {
		said = append(said, "the query is part of the key: nothing in it is proven to be a signature")
	}
	said = append(said, s.ownSays(u)...)
	return strings.Join(said, "; ")
}

// leftInWords names what was left out, each name once and with the reason.
func leftInWords(left []key.Dropped) string {
	var order []string
	names := map[string][]string{}
	for _, l := range left {
		if names[l.By] == nil {
			order = append(order, l.By)
		}
		if !slices.Contains(names[l.By], l.Name) {
			names[l.By] = append(names[l.By], l.Name)
		}
	}
	for i, by := range order {
		order[i] = strings.Join(names[by], ", ") + " (" + by + ")"
	}
	return strings.Join(order, ", ")
}
