package job

import (
	"bytes"
	"slices"
	"time"
)

// keptClaims is how many of the newest claims Compact keeps, because one of them owns the part.
const keptClaims = 10

// Compact returns the text of a job of one URL without the lines that later ones supersede, because
// a job that waits for a host, or resumes from one that breaks off, writes a few lines each time.
// It keeps:
//
//   - the newest wait, requeue and kept line
//   - the newest ten claims, the one that wrote the newest start, and the first under the newest
//     approval, which says what was held
//   - the newest start, and the one that came furthest
//   - the errors that count as attempts
//   - every other line
//
// The URL, the options, the due time, the approval, the attempts and the part that can be resumed
// stay the same. Where they would not, Compact returns b.
func Compact(b []byte) []byte {
	lines := bytes.SplitAfter(b, []byte("\n"))
	events := make([]Event, len(lines))
	for i, line := range lines {
		events[i], _ = eventOf(line)
	}
	superseded := supersededOf(events)
	kept := slices.Clone(b[:0])
	for i, line := range lines {
		if !superseded[i] {
			kept = append(kept, line...)
		}
	}
	if !sameState(b, kept) {
		return b
	}
	return kept
}

// eventOf reads one line of a log, and reports whether it is an event.
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

// supersededOf tells of each event whether Compact leaves its line out.
func supersededOf(events []Event) []bool {
	superseded := make([]bool, len(events))
	newest := map[Kind]int{}
	progress, furthest := -1, int64(0) // errors count from there on
	first := -1                        // claim under the newest approval
	for i, e := range events {
		newest[e.Kind] = i
		if e.Kind == Approve || e.Kind == Retry {
			first = -1
		} else if e.Kind == Claim && first < 0 {
			first = i
		}
		if e.Kind == Failed || e.Kind == Retry {
			progress, furthest = i, 0
		}
		if e.Kind == Start && e.From > furthest {
			progress, furthest = i, e.From
		}
	}
	claims := 0
	for i, e := range slices.Backward(events) {
		switch e.Kind {
		case Wait, Requeue, Kept:
			superseded[i] = i != newest[e.Kind]
		case Start:
			superseded[i] = i != newest[Start] && i != progress
		case Error:
			superseded[i] = i != newest[Error] && i < progress
		case Claim:
			claims++
			superseded[i] = claims > keptClaims && i != first && !startsNext(events[i+1:], newest[Start]-i-1)
		}
	}
	return superseded
}

// startsNext reports whether the start at n comes before any further claim.
func startsNext(later []Event, n int) bool {
	if n < 0 || n >= len(later) {
		return false
	}
	return !slices.ContainsFunc(later[:n], func(e Event) bool { return e.Kind == Claim })
}

// sameState reports whether two texts are of one job in one state.
func sameState(a, b []byte) bool {
	x, y := Parse(a), Parse(b)
	if len(x.Jobs) != 1 || len(y.Jobs) != 1 || len(x.Bad) != len(y.Bad) {
		return false
	}
	j, k := &x.Jobs[0], &y.Jobs[0]
	s, _ := j.Newest(Start)
	t, _ := k.Newest(Start)
	return j.URL == k.URL && j.Sha256 == k.Sha256 && j.FetchURL() == k.FetchURL() &&
		j.Due().Equal(k.Due()) && j.DueWritten().Equal(k.DueWritten()) &&
		j.Attempts() == k.Attempts() && j.Approved() == k.Approved() && j.Ended() == k.Ended() &&
		j.Reason() == k.Reason() &&
		j.Approval() == k.Approval() && j.Kept() == k.Kept() && s == t
}
