package replay

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// leastHits is the share of plain downloads of large artifacts, in percent, that a cache-host which
// holds them must serve.
const leastHits = 96

// table counts outcomes by weight: how often a line was seen.
type table struct {
	runs, differ int
	plain, hit   int
	reasons      map[string]*reason
}

// reason is why calls were no hit.
type reason struct {
	why           string
	n, plain      int
	example, held string
}

var inBrackets = regexp.MustCompile(`\(([^()]*(?:\([^()]*\)[^()]*)*)\)$`)

// add counts a call that was made while all was held.
func (b *table) add(c command, direct, shim result) {
	plain := direct.plain() && !c.left
	hit := strings.Contains(shim.said, "hit: ") && !strings.Contains(shim.said, "miss: ") && !strings.Contains(shim.said, "pass: ")
	if plain {
		b.plain += c.n
	}
	if hit && plain {
		b.hit += c.n
	}
	if hit {
		return
	}
	why := whyNot(shim.said)
	if b.reasons == nil {
		b.reasons = map[string]*reason{}
	}
	s := b.reasons[why]
	if s == nil {
		s = &reason{why: why}
		b.reasons[why] = s
	}
	s.n += c.n
	if plain {
		s.plain += c.n
	}
	if s.example == "" || plain && s.held == "" {
		s.example = c.String()
	}
	if plain {
		s.held = "yes"
	}
}

// whyNot is the reason in the shim's line, of several URLs that of the first which is no hit.
func whyNot(said string) string {
	_, verdicts, _ := strings.Cut(strings.TrimPrefix(said, "fromcache: "), ": ")
	for _, v := range strings.Split(verdicts, "; ") {
		if strings.HasPrefix(v, "hit: ") {
			continue
		}
		if m := inBrackets.FindStringSubmatch(v); m != nil {
			outcome, _, _ := strings.Cut(v, ": ")
			return outcome + ": " + m[1]
		}
		return v
	}
	return verdicts
}

// report prints the table.
func (b *table) report(t *testing.T) {
	var rows []*reason
	for _, s := range b.reasons {
		rows = append(rows, s)
	}
	slices.SortFunc(rows, func(x, y *reason) int { return (y.plain-x.plain)*1e6 + y.n - x.n })
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "plain\tall\twhy no hit\tfor example")
	for _, s := range rows {
		fmt.Fprintf(w, "%d\t%d\t%.70s\t%.110s\n", s.plain, s.n, s.why, s.example)
	}
	w.Flush()
	share := 100 * float64(b.hit) / float64(max(1, b.plain))
	t.Logf("%d comparisons, %d differ; of %d plain downloads of large artifacts %.1f %% hit\n%s", b.runs, b.differ, b.plain, share, text.String())
	if share < leastHits {
		t.Errorf("%.1f %% hit, at least %d %% should", share, leastHits)
	}
}
