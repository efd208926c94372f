package key

import (
	"iter"
	"math/bits"
	"strings"
)

// Variants yields each selection of up to fewParams parameters, the signature apart, and of up to
// someParams those that lack one parameter. Of more parameters it yields none.
const (
	fewParams  = 4
	someParams = 12
)

// Variants yields the normal forms that other rules may have given the URL: those of Auto, Keep,
// Old and Drop, and those of host rules that have changed since. Some may be the same. An artifact
// under the key of one is this URL's only if the artifact itself says so.
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
		u.selections(yield)
	}
}

// selections yields the URL without some of its parameters.
func (u URL) selections(yield func(URL) bool) {
	b, m, err := normalise(nil, u.whole, reading{rule: Drop})
	var q params
	if err != nil || !q.split(m.whole) {
		return
	}
	q.drop(u.Host(), nil)
	var kept []int
	for i, by := range q.by[:q.n] {
		if by == "" {
			kept = append(kept, i)
		}
	}
	if len(kept) < 2 || len(kept) > someParams {
		return
	}
	signed := q.by
	for set := uint(1); set < 1<<len(kept)-1; set++ {
		if len(kept) > fewParams && bits.OnesCount(set) != 1 {
			continue
		}
		q.by = signed
		for j, i := range kept {
			if set>>j&1 != 0 {
				q.by[i] = byOperator
			}
		}
		if v, _ := q.append(b[:m.query:m.query]); !yield(newURL(string(v), v, m)) {
			return
		}
	}
}
