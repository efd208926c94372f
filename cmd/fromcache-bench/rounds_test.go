package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sample is what one round of one server gave.
type sample struct {
	rate   float64 // of what the section counts, a second
	cpu    float64 // server CPU for one of them, in seconds
	client float64 // the client's CPU for one of them, in seconds
}

// pair is two rounds that were neighbours.
type pair struct{ ours, theirs sample }

// alternate runs pairs of rounds, and changes the order from pair to pair, so that what drifts falls on both alike.
func alternate(n int, ours, theirs func() sample) []pair {
	pairs := make([]pair, n)
	for i, round := range turns(n, ours, theirs) {
		pairs[i] = pair{round[0], round[1]}
	}
	return pairs
}

// turns is alternate for any number of servers.
func turns(n int, servers ...func() sample) [][]sample {
	rounds := make([][]sample, n)
	for i := range rounds {
		rounds[i] = make([]sample, len(servers))
		for j := range servers {
			if i%2 == 1 {
				j = len(servers) - 1 - j
			}
			rounds[i][j] = servers[j]()
		}
	}
	return rounds
}

// target is what a ratio is held against.
type target struct {
	hold, aim float64
	less      bool // less is better
}

func (t target) verdict(v float64) string {
	reaches := func(goal float64) bool { return v >= goal && !t.less || v <= goal && t.less }
	switch {
	case reaches(t.aim):
		return "reaches the aim"
	case reaches(t.hold):
		return "holds"
	}
	return "BELOW"
}

func (t target) String() string { return fmt.Sprintf("hold %.2f, aim %.2f", t.hold, t.aim) }

// spread is the least, the quartiles and the greatest of some figures.
type spread struct{ least, first, median, third, greatest float64 }

func spreadOf(v []float64) spread {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return spread{}
	}
	at := func(part float64) float64 { // between neighbours in proportion
		x := part * float64(len(v)-1)
		i := int(x)
		return v[i] + (x-float64(i))*(v[min(i+1, len(v)-1)]-v[i])
	}
	return spread{v[0], at(.25), at(.5), at(.75), v[len(v)-1]}
}

// each is a spread over the pairs.
func each(pairs []pair, f func(pair) float64) spread {
	v := make([]float64, len(pairs))
	for i, p := range pairs {
		v[i] = f(p)
	}
	return spreadOf(v)
}

// columns prints the head of the comparison's columns.
func columns(name, ours, theirs string) {
	fmt.Printf("\n%-9s %14s %14s   %-20s\n", name, ours, theirs, "q1   MEDIAN q3")
}

// row prints one line of a comparison, with its verdict where it has a target.
func row(what, ours, theirs string, ratio spread, t *target) {
	line := fmt.Sprintf("%-9s %14s %14s   %.2f   %.2f   %.2f", what, ours, theirs, ratio.first, ratio.median, ratio.third)
	if t != nil {
		line += fmt.Sprintf("   %s: %s", t, t.verdict(ratio.median))
	}
	fmt.Println(strings.TrimRight(line, " "))
}

// rates prints a comparison of rates: the rates, server CPU for one request, and the client's.
func rates(b *testing.B, name, theirs string, pairs []pair, t target) {
	columns(name, "fromcache", theirs)
	compare(b, "rate", pairs, perSecond, func(s sample) float64 { return s.rate }, &t)
	compare(b, "CPU each", pairs, micros, func(s sample) float64 { return s.cpu }, &target{hold: 1.5, aim: 1.1, less: true})
	compare(b, "client", pairs, micros, func(s sample) float64 { return s.client }, nil)
}

// compare prints one line: the median of each, and the ratios.
func compare(b *testing.B, what string, pairs []pair, show func(float64) string, of func(sample) float64, t *target) {
	ours := each(pairs, func(p pair) float64 { return of(p.ours) })
	theirs := each(pairs, func(p pair) float64 { return of(p.theirs) })
	ratio := each(pairs, func(p pair) float64 { return of(p.ours) / of(p.theirs) })
	row(what, show(ours.median), show(theirs.median), ratio, t)
	if t != nil && !t.less {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ratio.median, "ours/theirs")
	}
}

func perSecond(v float64) string { return fmt.Sprintf("%.0f/s", v) }

func micros(v float64) string { return fmt.Sprintf("%.1f µs", v*1e6) }

// figure prints one absolute figure beside its limit.
func figure(what, got, limit string, ok bool) {
	verdict := "holds"
	if !ok {
		verdict = "BELOW"
	}
	fmt.Printf("%-44s %14s   %s: %s\n", what, got, limit, verdict)
}
