package rows_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"fromcache/fsstore/internal/rows"
)

// Rows that come and go, a few and many at a time, are in their order whenever somebody looks.
func TestOrder(t *testing.T) {
	value := map[uint32]int{} // of the rows that there are
	o := rows.NewOrder(func(a, b uint32) int { return cmp.Or(cmp.Compare(value[a], value[b]), cmp.Compare(a, b)) })
	is := func(id uint32) bool { return value[id] != 0 }
	random := rand.New(rand.NewPCG(1, 2))
	for round, many := range []int{0, 1, 500, 3, 1, 400, 20, 9000, 2, 200, 0, 300, 30, 250, 100} {
		for range many {
			id := random.Uint32N(5000)
			if is(id) {
				o.Remove(id)
			}
			if value[id] = random.IntN(100); is(id) {
				o.Add(id)
			}
		}
		o.Settle(is)
		var want, got []uint32
		for id := range value {
			if is(id) {
				want = append(want, id)
			}
		}
		slices.SortFunc(want, func(a, b uint32) int { return cmp.Or(cmp.Compare(value[a], value[b]), cmp.Compare(a, b)) })
		o.Scan(func(id uint32) bool { got = append(got, id); return true })
		if !slices.Equal(got, want) || o.Len() != len(want) || !o.IsSettled() {
			t.Fatalf("round %d: %v, not %v", round, got, want)
		}
		if many == 400 {
			o.Load(want)
		}
		for i, id := range want {
			if at, ok := o.At(i); !ok || at != id {
				t.Fatalf("round %d: %d is at %d, not %d", round, at, i, id)
			}
		}
		if _, ok := o.At(len(want)); ok {
			t.Errorf("round %d: there is one behind the last", round)
		}
		if n := len(want); n > 0 {
			at := o.After(func(id uint32) bool { return value[id] >= 50 })
			if id, ok := o.At(at); ok && value[id] < 50 || at > 0 && value[want[at-1]] >= 50 {
				t.Errorf("round %d: %d is not the first that is 50", round, at)
			}
		}
	}
}
