package probe

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"fromcache/shim/plan"
)

// TestSlowComesLast holds that a cache that was overtaken is asked last, until its stamp is old, and
// that one which is down is not asked.
func TestSlowComesLast(t *testing.T) {
	caches, _ := plan.ParseCaches("http://c1:3000 http://c2:3000 http://c3:3000")
	dir := t.TempDir()
	os.Chmod(dir, 0o700)
	s := stamps{dir, os.Geteuid()}
	turn := func(url int) []int {
		r := &round{Prober: &Prober{stamps: s}, known: map[string]*cacheState{}, machine: machine}
		q := plan.Question{Caches: caches, URL: plan.URL{Scheme: "https", Host: "v.example", Path: fmt.Sprintf("/%d", url)}}
		order, _ := r.inTurn(q)
		return order
	}
	last := func(cache int) (n int) {
		for i := range 60 {
			if order := turn(i); order[len(order)-1] == cache {
				n++
			}
		}
		return n
	}
	if n := last(1); n == 0 || n == 60 {
		t.Errorf("last %d times of 60", n)
	}
	s.timedOut(caches[1].Base, 0, 1)
	if n := last(1); n != 60 {
		t.Errorf("overtaken, and last %d times of 60", n)
	}
	old := time.Now().Add(-2 * stampLifetime)
	os.Chtimes(s.path(caches[1].Base), old, old)
	if n := last(1); n == 60 {
		t.Error("a minute later still last")
	}
	s.down(caches[1].Base, "refused")
	if n := last(1); n != 0 || len(turn(0)) != 2 {
		t.Errorf("down, and asked: %v", turn(0))
	}
}

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
