package key

import "strings"

// Dropped is what was left out of a URL's query, and why.
type Dropped struct {
	Name string // of the parameter; never its value
	By   string // whose signature it is, or that an operator's line says so
}

// DroppedParams tells what of raw's query is no part of its identity by Auto and by an operator's lines.
func DroppedParams(raw string, own *HostRules) (list []Dropped) {
	b, m, err := normalise(nil, raw, reading{rule: Drop})
	var q params
	if err != nil || m.whole == "" || !q.take(m.whole) {
		return nil
	}
	q.decide(hostOf(string(b[m.host:m.path])), own)
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

// ByOperator reports whether the word of an operator left it out.
func (l Dropped) ByOperator() bool { return l.By == byOperator }
