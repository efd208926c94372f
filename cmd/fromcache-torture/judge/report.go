// Package judge judges a data directory by what a harness did to it.
//
// Fsck sees what a tree alone can show. Check knows more: which bytes an origin
// served under a URL, what was acknowledged, what was approved. It reads the
// files itself, and none of them through the store, so that a mistake of the
// store can't hide itself. The invariants are
//
//	I1  every meta has its blob; size and SHA-256 agree
//	I2  no job file has two names, no key two locked jobs in active/, none vanished
//	I3  what was acknowledged is held
//	I4  held bytes are the true bytes, whole
//	I5  nothing half-written is older than its rule
//	I6  nothing outside the data directory changed
//	I7  one done for each approval
package judge

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// Row is what one part of a harness tried, and what went wrong.
type Row struct {
	Threat string    // its number and a word
	Part   string    // by which it can be run alone
	Commit string    // of what was judged; "": not kept
	Date   time.Time // when it ended

	mu         sync.Mutex
	cases      map[string]int
	kinds      []string
	violations []string
	notes      []string
	took       time.Duration
}

// NewRow begins a row.
func NewRow(threat, part string) *Row {
	return &Row{Threat: threat, Part: part, cases: map[string]int{}}
}

// Tried counts n cases of a kind. It may be called from any goroutine, as all
// methods may.
func (r *Row) Tried(kind string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.cases[kind]; !ok {
		r.kinds = append(r.kinds, kind)
	}
	r.cases[kind] += n
}

// Cases is how many of a kind were tried.
func (r *Row) Cases(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cases[kind]
}

// Violated notes that the promise was broken.
func (r *Row) Violated(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, fmt.Sprintf(format, args...))
}

// Note says what this machine can't do, or what a reader of the table must know.
func (r *Row) Note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// Violations lists what was broken.
func (r *Row) Violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.violations...)
}

// Notes lists the notes.
func (r *Row) Notes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.notes...)
}

// Took sets how long the part ran, up to now.
func (r *Row) Took(d time.Duration) {
	r.took = d
	r.Date = time.Now().UTC().Truncate(time.Second)
}

// mostLines: one fault of the program may be seen a thousand times.
const mostLines = 20

// Print writes the table, and below it violations and notes, a line each.
func Print(w io.Writer, rows []*Row) (violations int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "THREAT\tPART\tCASES\tVIOLATIONS\tTIME\tCOMMIT")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n", r.Threat, r.Part, r.tried(), len(r.violations), r.took.Round(time.Second/10), r.Commit)
		violations += len(r.violations)
	}
	t.Flush()
	for _, r := range rows {
		for i, v := range r.violations {
			if i == mostLines {
				fmt.Fprintf(w, "violated: %s: and %d more\n", r.Part, len(r.violations)-i)
				break
			}
			fmt.Fprintf(w, "violated: %s: %.2000s\n", r.Part, v)
		}
		for _, n := range r.notes {
			fmt.Fprintf(w, "note: %s: %s\n", r.Part, n)
		}
	}
	return violations
}

func (r *Row) tried() string {
	s := ""
	for i, k := range r.kinds {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%d %s", r.cases[k], k)
	}
	return s
}
