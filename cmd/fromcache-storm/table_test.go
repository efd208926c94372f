package storm

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// row is a line of the table: one crowd, and what it did to the cache-host and the origin.
type row struct {
	name           string
	calls          int
	p50, p99       time.Duration
	slow           int // answers over the shim's 2 s
	late           int // nodes whose answers took longer than that together: they go to the origin
	refused        int
	lost           int // SYNs, and connections that did not fit in the queue
	memory         int // KiB, at its greatest
	descriptors    int
	cpu            time.Duration // of the server, for a call
	requests, sent int64         // at the origin
}

var (
	table   []row
	notes   []string
	writing sync.Mutex
)

func (r row) print() {
	writing.Lock()
	defer writing.Unlock()
	table = append(table, r)
}

// note puts a line below the table.
func note(format string, args ...any) {
	writing.Lock()
	defer writing.Unlock()
	notes = append(notes, fmt.Sprintf(format, args...))
}

func printTable(w io.Writer) {
	if len(table) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STORM\tCALLS\tP50\tP99\tOVER 2s\tLATE\tREFUSED\tLOST\tMEMORY\tFDS\tCPU/CALL\tORIGIN\tBYTES")
	for _, r := range table {
		fmt.Fprintf(t, "%s\t%d\t%v\t%v\t%d\t%d\t%d\t%d\t%d MiB\t%d\t%v\t%d\t%d\n", r.name, r.calls, ms(r.p50), ms(r.p99), r.slow, r.late, r.refused,
			r.lost, r.memory>>10, r.descriptors, r.cpu.Round(time.Microsecond), r.requests, r.sent)
	}
	t.Flush()
	for _, n := range notes {
		fmt.Fprintln(w, "note:", n)
	}
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
