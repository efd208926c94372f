package queries

import (
	"slices"
	"strings"

	"fromcache/fsstore/key"
)

// Parse normalises rawURL by the rules of this data directory. Its error is a *key.Error.
func (s *Rules) Parse(rawURL string) (key.URL, error) {
	u, err := key.Parse(rawURL, s.Rule)
	if err != nil || s.Rule != key.Auto || strings.IndexByte(rawURL, '?') < 0 {
		return u, err
	}
	if rules := s.HostRules(u.Host()); rules != nil {
		return key.ParseWith(rawURL, rules)
	}
	return u, nil
}

// RuleInWords says what becomes of a URL's query, and which rule decides it.
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
	text := "the query is part of the key: nothing in it is proven to be a signature"
	if dropped := key.DroppedParams(u.Whole(), s.HostRules(u.Host())); len(dropped) > 0 {
		text = "left out: " + droppedInWords(dropped)
	}
	return strings.Join(append([]string{text}, s.linesFor(u)...), "; ")
}

// droppedInWords names each dropped parameter once, with the reason.
func droppedInWords(dropped []key.Dropped) string {
	var order []string
	names := map[string][]string{}
	for _, d := range dropped {
		if names[d.By] == nil {
			order = append(order, d.By)
		}
		if !slices.Contains(names[d.By], d.Name) {
			names[d.By] = append(names[d.By], d.Name)
		}
	}
	for i, by := range order {
		order[i] = strings.Join(names[by], ", ") + " (" + by + ")"
	}
	return strings.Join(order, ", ")
}
