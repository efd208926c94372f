package probe

import (
	"fmt"
	"slices"
	"testing"

	"fromcache/shim/plan"
)

// TestInTurn holds that machines and URLs are shared out evenly, and that one more cache takes its
// own share alone.
func TestInTurn(t *testing.T) {
	caches, _ := plan.ParseCaches("http://c1:3000 http://c2:3000 http://c3:3000 http://c4:3000")
	first := func(n, machine, url int) plan.Cache {
		r := &round{
			Prober: &Prober{}, known: map[string]*cacheState{},
			machine: func() string { return fmt.Sprintf("node-%d", machine) },
		}
		q := plan.Question{Caches: caches[:n], URL: plan.URL{Scheme: "https", Host: "v.example", Path: fmt.Sprintf("/%d", url)}}
		turn, _ := r.inTurn(q)
		if sorted := slices.Sorted(slices.Values(turn)); len(sorted) != n || sorted[n-1] != n-1 {
			t.Fatal(turn)
		}
		return q.Caches[turn[0]]
	}
	for name, one := range map[string]func(n, i int) plan.Cache{
		"machines": func(n, i int) plan.Cache { return first(n, i, 7) },
		"URLs":     func(n, i int) plan.Cache { return first(n, 7, i) },
	} {
		count := map[string]int{}
		for i := range 3000 {
			three, four := one(3, i), one(4, i)
			count[three.Base]++
			if four != three && four != caches[3] {
				t.Fatalf("%s: %d moved from %s to %s", name, i, three.Base, four.Base)
			}
		}
		for c, n := range count {
			if n < 900 || n > 1100 {
				t.Errorf("%s: %s is the first of %d of 3000", name, c, n)
			}
		}
		t.Log(name, count)
	}
}
