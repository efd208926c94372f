package key

import "strings"

// Dropped is a parameter that is no part of a URL's identity, and why.
type Dropped struct {
	Name string // of the parameter; never its value
	By   string // the scheme whose signature it is, or "an operator's line"
}

// DroppedParams returns the parameters of raw that Auto and an operator's rules drop. rules may be
// nil.
func DroppedParams(raw string, rules *HostRules) (list []Dropped) {
	b, m, err := normalise(nil, raw, reading{rule: Drop})
	var q params
	if err != nil || m.whole == "" || !q.split(m.whole) {
		return nil
	}
	q.drop(hostOf(string(b[m.host:m.path])), rules)
	for i, by := range q.by[:q.n] {
		if name, value, _ := strings.Cut(q.raw[i], "="); by != "" {
			if value == "" || len(name) > 40 {
				name = redacted // what has no name is all value
			}
			list = append(list, Dropped{name, by})
		}
	}
	return list
}
