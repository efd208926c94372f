package torture

import (
	"maps"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// flows are all of them, those that wait for a person's file to settle only in
// the long run.
func (p *program) flows() []flow {
	all := slices.Concat(verbFlows, serveFlows, []flow{scrubFlow})
	if !long {
		all = slices.DeleteFunc(all, func(f flow) bool { return f.name == "batch" })
	}
	return all
}

// each runs jobs beside one another: most of their time is waiting.
func each[T any](jobs []T, do func(T)) {
	var wg sync.WaitGroup
	next := make(chan T)
	for range 4 * runtime.NumCPU() {
		wg.Go(func() {
			for j := range next {
				do(j)
			}
		})
	}
	for _, j := range jobs {
		next <- j
	}
	close(next)
	wg.Wait()
}

// series is one call of one flow, shot at its first, second … occurrence until
// the flow has no more of them.
type series struct {
	flow       flow
	call, what string
	numbers    []int // which occurrences
}

// TestKill: threat 1.
func TestKill(t *testing.T) {
	p, row := begin(t, "1 kill at every step")
	turns := size(2, 60)
	var all []series
	for _, f := range p.flows() {
		for _, call := range traced {
			all = append(all, series{flow: f, call: call, what: "signal=KILL", numbers: p.turns(call, turns)})
		}
	}
	p.shoot(all, row, "kills")
	row.AtLeast(size(100, 1000), "kills")
}

// TestErrno: threat 3.
func TestErrno(t *testing.T) {
	p, row := begin(t, "3 any call fails")
	turns := size(2, 60)
	var all []series
	for _, f := range p.flows() {
		for _, call := range slices.Sorted(maps.Keys(failing)) {
			for _, errno := range failing[call] {
				all = append(all, series{flow: f, call: call, what: "error=" + errno, numbers: p.turns(call, turns)})
			}
		}
	}
	p.shoot(all, row, "errors")
	row.AtLeast(size(250, 2000), "errors")
}

// turns: in the long run the first n of each call; in a slice those of the
// calls that commit, and one of others.
func (p *program) turns(call string, n int) []int {
	if long {
		return upTo(n)
	}
	switch call {
	case "renameat", "renameat2", "fsync", "unlinkat":
		return upTo(n)
	case "write":
		return []int{6} // the first are lines of the server's log
	case "flock", "fchmod":
		return []int{2}
	}
	return nil
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i+1)
	}
	return list
}

func (p *program) shoot(all []series, row *Row, kind string) {
	if _, err := exec.LookPath("strace"); err != nil {
		row.Fatal("strace is not installed: nothing could be tried")
	}
	at := &sites{}
	each(all, func(s series) {
		missed := 0
		for _, n := range s.numbers {
			if p.fire(shot{s.flow, s.call, s.what, n}, row, at) {
				row.Tried(kind, 1)
				missed = 0
			} else if missed++; missed == 2 {
				return // threads count for themselves, so that a gap of one means little
			}
		}
	})
	row.Tried("places", at.len())
}
