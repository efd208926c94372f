package job

import (
	"bytes"
	"slices"
	"time"
)

// keptClaims is how many claims after the newest start are kept: one of them owns the part.
const keptClaims = 10

// Compact returns the text of a job of one URL without the lines that later ones have made idle, so that a job may wait, be
// put back and resume any number of times: waits, requeues and kept lines but the newest; claims but the newest ten, the one that
// wrote the newest start and the first under the approval that stands, which says what was held; starts but the newest and the one that came furthest; errors that count as attempts no more. What
// the job says stays: URL, options, what is due, approved, counted and resumed. Where it would not, b is returned.
func Compact(b []byte) []byte {
	lines := bytes.SplitAfter(b, []byte("\n"))
	events := make([]Event, len(lines))
	for i, line := range lines {
		events[i], _ = eventOf(line)
	}
	idle := idleOf(events)
	kept := slices.Clone(b[:0])
	for i, line := range lines {
		if !idle[i] {
			kept = append(kept, line...)
		}
	}
	if !saysTheSame(b, kept) {
		return b
	}
	return kept
}

// eventOf reads one line of a log.
func eventOf(line []byte) (Event, bool) {
	var t time.Time
	word, rest := cutWord(string(bytes.TrimSpace(line)))
	t, ok := parseTime(word)
	if !ok {
		return Event{}, false
	}
	e, why := parseEvent(rest)
	e.Time = t
	return e, why == ""
}

func idleOf(events []Event) []bool {
	idle := make([]bool, len(events))
	newest := map[Kind]int{}
	counting, furthest := -1, int64(0)
	first := -1 // claim under the approval that stands
	for i, e := range events {
		newest[e.Kind] = i
		if e.Kind == Approve || e.Kind == Retry {
			first = -1
		} else if e.Kind == Claim && first < 0 {
			first = i
		}
		if e.Kind == Failed || e.Kind == Retry {
			counting, furthest = i, 0
		}
		if e.Kind == Start && e.From > furthest {
			counting, furthest = i, e.From
		}
	}
	claims := 0
	for i, e := range slices.Backward(events) {
		switch e.Kind {
		case Wait, Requeue, Kept:
			idle[i] = i != newest[e.Kind]
		case Start:
			idle[i] = i != newest[Start] && i != counting
		case Error:
			idle[i] = i != newest[Error] && i < counting
		case Claim:
			claims++
			idle[i] = claims > keptClaims && i != first && !startsNext(events[i+1:], newest[Start]-i-1)
		}
	}
	return idle
}

// startsNext reports whether the start at n comes before any further claim.
func startsNext(later []Event, n int) bool {
	if n < 0 || n >= len(later) {
		return false
	}
	return !slices.ContainsFunc(later[:n], func(e Event) bool { return e.Kind == Claim })
}

func saysTheSame(a, b []byte) bool {
	x, y := Parse(a), Parse(b)
	if len(x.Jobs) != 1 || len(y.Jobs) != 1 || len(x.Bad) != len(y.Bad) {
		return false
	}
	j, k := &x.Jobs[0], &y.Jobs[0]
	s, _ := j.Newest(Start)
	t, _ := k.Newest(Start)
	return j.URL == k.URL && j.Sha256 == k.Sha256 && j.FetchURL() == k.FetchURL() && j.Due().Equal(k.Due()) && j.DueWritten().Equal(k.DueWritten()) &&
		j.Attempts() == k.Attempts() && j.Approved() == k.Approved() && j.Ended() == k.Ended() && j.Reason() == k.Reason() &&
		j.Approval() == k.Approval() && j.Kept() == k.Kept() && s == t
}
