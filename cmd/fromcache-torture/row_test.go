package torture

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// Row is one part: a test whose cases are counted for the table. Its methods may
// be called from any goroutine.
type Row struct {
	testing.TB
	threat string // its number in the table of threats, and a word

	mu         sync.Mutex
	cases      map[string]int
	kinds      []string // of cases, in the order in which they came
	notes      []string
	violations int
	took       time.Duration
}

// long reports whether each case is tried as often as the promise says, instead of a slice.
var long = os.Getenv("FROMCACHE_LONG") != ""

// size is how many cases are tried.
func size(slice, whole int) int {
	if long {
		return whole
	}
	return slice
}

// begin makes a test a row of the table.
func begin(t *testing.T, threat string) (*program, *Row) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short")
	}
	row := &Row{TB: t, threat: threat, cases: map[string]int{}}
	shared.rows = append(shared.rows, row)
	began := time.Now()
	t.Cleanup(func() {
		row.took = time.Since(began)
		t.Log(row.tried())
	})
	return shared, row
}

// onlyLong skips a part that has no slice.
func onlyLong(t *testing.T) {
	t.Helper()
	if !long {
		t.Skip("only with FROMCACHE_LONG=1")
	}
}

// Tried counts n cases of a kind.
func (r *Row) Tried(kind string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.cases[kind]; !ok {
		r.kinds = append(r.kinds, kind)
	}
	r.cases[kind] += n
}

// AtLeast fails a part that tried less than n cases of a kind: what tried nothing
// found nothing, and looks as if all were well.
func (r *Row) AtLeast(n int, kind string) {
	r.Helper()
	r.mu.Lock()
	tried := r.cases[kind]
	r.mu.Unlock()
	if tried < n {
		r.Errorf("only %d %s: at least %d are to be tried", tried, kind, n)
	}
}

// mostLines: one fault of the program may be seen a thousand times.
const mostLines = 20

// Errorf counts a violation of the promise, and shows the first of them.
func (r *Row) Errorf(format string, args ...any) {
	r.Helper()
	r.mu.Lock()
	r.violations++
	shown := r.violations <= mostLines
	r.mu.Unlock()
	if shown {
		r.TB.Errorf("%.2000s", fmt.Sprintf(format, args...))
	} else {
		r.Fail()
	}
}

// Note puts a line below the table: a figure, or what this machine can't do.
func (r *Row) Note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// Skipf ends a part that this machine can't run, and says why below the table.
func (r *Row) Skipf(format string, args ...any) {
	r.Helper()
	r.Note("not run: "+format, args...)
	r.TB.Skipf(format, args...)
}

func (r *Row) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *Row) tried() string {
	var all []string
	for _, kind := range r.kinds {
		all = append(all, fmt.Sprint(r.cases[kind], " ", kind))
	}
	return strings.Join(all, ", ")
}

// number is the first threat's.
func (r *Row) number() int {
	first, _, _ := strings.Cut(r.threat, " ")
	n, _ := strconv.Atoi(first)
	return n
}

// printTable shows what was tried, in the order of the threats, and below it the notes, a line each.
func printTable(w io.Writer, rows []*Row) {
	if len(rows) == 0 {
		return
	}
	slices.SortStableFunc(rows, func(a, b *Row) int { return cmp.Compare(a.number(), b.number()) })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "THREAT\tTEST\tCASES\tVIOLATIONS\tTIME")
	for _, r := range rows {
		violations := r.violations
		if r.Failed() {
			violations = max(violations, 1)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%v\n", r.threat, r.Name(), r.tried(), violations, r.took.Round(time.Second/10))
	}
	t.Flush()
	for _, r := range rows {
		for _, note := range r.notes {
			fmt.Fprintf(w, "note: %s: %s\n", r.Name(), note)
		}
	}
}
