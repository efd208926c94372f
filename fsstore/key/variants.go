package key

import (
	"iter"
	"math/bits"
	"strings"
)

// Of a query of so many parameters beside its signature each choice is a variant; of a longer one each without one of them.
const (
	fewParams  = 4
	someParams = 12
)

// Variants yields the forms that other rules than the one in force may have given the URL: by the table alone, whole, by the
// rule of earlier servers, without its query, and by an operator's lines that have changed since. Some may be the same.
// What lies under the key of one is this URL's only if the one who made it says so.
func (u URL) Variants() iter.Seq[URL] {
	return func(yield func(URL) bool) {
		if !strings.Contains(u.whole, "?") {
			return
		}
		for _, rule := range []Rule{Auto, Keep, Old, Drop} {
			if v, err := Parse(u.whole, rule); err == nil && !yield(v) {
				return
			}
		}
		u.choices(yield)
	}
}

// choices yields the URL without some of its parameters.
func (u URL) choices(yield func(URL) bool) {
	b, m, err := normalise(nil, u.whole, reading{rule: Drop})
	var q params
	if err != nil || !q.take(m.whole) {
		return
	}
	q.decide(u.Host(), nil)
	var stays []int
	for i, by := range q.by[:q.n] {
		if by == "" {
			stays = append(stays, i)
		}
	}
	if len(stays) < 2 || len(stays) > someParams {
		return
	}
	signed := q.by
	for set := uint(1); set < 1<<len(stays)-1; set++ {
		if len(stays) > fewParams && bits.OnesCount(set) != 1 {
			continue
		}
		q.by = signed
		for j, i := range stays {
			if set>>j&1 != 0 {
				q.by[i] = byOperator
			}
		}
		if v, _ := q.append(b[:m.query:m.query]); !yield(named(string(v), v, m)) {
			return
		}
	}
}
