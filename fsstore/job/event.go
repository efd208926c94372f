package job

import (
	"strconv"
	"strings"
	"time"
)

const (
	afterMark = ", after "
	maxCount  = 999_999_999 // so that no sum of counts overflows
)

// parseEvent reads what follows the time of a line, or returns why it can't.
func parseEvent(s string) (Event, string) {
	word, rest := cutWord(s)
	e := Event{Kind: Kind(word), Count: 1}
	switch e.Kind {
	case "":
		return e, "a time alone: what happened belongs after it"
	case Miss:
		return e.miss(rest)
	case Approve, Retry, Cancelled, Evicted, Restored:
		return e.via(rest)
	case Start:
		return e.start(rest)
	case Done:
		return e.done(rest)
	case Kept:
		var ok bool
		if e.Size, ok = parseSize(rest); !ok {
			return e, "a kept line is: time kept bytes"
		}
		return e, ""
	case Error, Wait:
		rest, e.After, _ = cutAfter(rest)
	}
	if len(word) > maxKind || !all(word, inKind) {
		return e, "what follows the time is no word: take the line out"
	}
	e.Text = dash(clean(strings.TrimSpace(rest)))
	return e, ""
}

// miss reads [xN] addr tool [URL].
func (e Event) miss(s string) (Event, string) {
	const want = "a miss is: time miss [xN] address tool [URL]"
	f := fields(make([]string, 0, maxFields), s)
	if len(f) >= 3 {
		if n, ok := parseCount(f[0]); ok {
			e.Count, f = n, f[1:]
		}
	}
	if len(f) < 2 || len(f) > 3 || !all(f[0], inAddr) || !all(f[1], inTool) || len(f[1]) > maxTool {
		return e, want
	}
	e.Addr, e.Tool = dash(f[0]), f[1]
	if len(f) == 3 {
		if !isURL(f[2]) {
			return e, want
		}
		e.URL = f[2]
	}
	return e, ""
}

// via reads [via [addr] [URL]][, text].
func (e Event) via(s string) (Event, string) {
	want := "a line of this kind is: time " + string(e.Kind) + " via [address] [URL]"
	s, e.Text = cutText(s)
	f := fields(make([]string, 0, maxFields), s)
	if n := len(f); n > 0 && hasScheme(f[n-1]) {
		if !isURL(f[n-1]) {
			return e, want
		}
		e.URL, f = f[n-1], f[:n-1]
	}
	if len(f) > 2 || len(f) > 0 && via(f[0]) != f[0] || len(f) > 1 && !all(f[1], inAddr) {
		return e, want
	}
	if len(f) > 0 {
		e.Via = dash(f[0])
	}
	if len(f) > 1 {
		e.Addr = dash(f[1])
	}
	return e, ""
}

// start reads size etag host pid [from N][, modified time][, text].
func (e Event) start(s string) (Event, string) {
	const want = "a start is: time start size etag host pid [from N]"
	etag := ""
	size, rest := cutWord(s)
	etag, rest = cutWord(rest) // before the text is cut off, for it may hold a comma
	rest, e.Text = cutText(rest)
	e.Modified, e.Text = cutModified(e.Text)
	f := fields(make([]string, 0, maxFields), rest)
	if len(f) != 2 && (len(f) != 4 || f[2] != "from") {
		return e, want
	}
	pid, ok := parseSize(f[1])
	e.Size = -1
	if size != "-" {
		var sized bool
		e.Size, sized = parseSize(size)
		ok = ok && sized
	}
	if len(f) == 4 {
		var from bool
		e.From, from = parseSize(f[3])
		ok = ok && from
	}
	if !ok || pid > maxCount || etag != "-" && !StrongETag(etag) || !all(f[0], inField) {
		return e, want
	}
	e.ETag, e.Host, e.PID = dash(etag), dash(f[0]), int(pid)
	return e, ""
}

const modifiedMark = "modified "

// cutModified cuts "modified <time>" off the beginning of a text. It stands in the text because an
// earlier version, which resumes by an ETag alone, then ignores it.
func cutModified(s string) (time.Time, string) {
	rest, ok := strings.CutPrefix(s, modifiedMark)
	word, text := cutText(rest)
	t, isTime := parseTime(word)
	if !ok || !isTime {
		return time.Time{}, s
	}
	return t, text
}

// done reads [unchanged] size sha256[, text].
func (e Event) done(s string) (Event, string) {
	const want = "a done is: time done [unchanged] size sha256"
	s, e.Text = cutText(s)
	f := fields(make([]string, 0, maxFields), s)
	if len(f) == 3 && f[0] == "unchanged" {
		e.Unchanged, f = true, f[1:]
	}
	if len(f) != 2 {
		return e, want
	}
	ok := true
	e.Size = -1
	if f[0] != "-" {
		e.Size, ok = parseSize(f[0])
	}
	if f[1] != "-" {
		var sum bool
		e.Sha256, sum = parseSum(f[1])
		ok = ok && sum
	}
	if !ok {
		return e, want
	}
	return e, ""
}

// cutAfter cuts ", after <time>" off the end of s.
func cutAfter(s string) (before string, t time.Time, ok bool) {
	i := strings.LastIndex(s, afterMark)
	if i < 0 {
		return s, t, false
	}
	if t, ok = parseTime(s[i+len(afterMark):]); !ok {
		return s, time.Time{}, false
	}
	return s[:i], t, true
}

// cutText cuts the text off the fields, none of which holds a comma and a space.
func cutText(s string) (fields, text string) {
	fields, text, _ = strings.Cut(s, ", ")
	return fields, dash(clean(strings.TrimSpace(text)))
}

// maxFields is one more than any kind has.
const maxFields = 5

// fields appends the words of s, but no more than maxFields, to f.
func fields(f []string, s string) []string {
	for s != "" && len(f) < maxFields {
		var word string
		word, s = cutWord(s)
		f = append(f, word)
	}
	return f
}

// parseCount reads xN.
func parseCount(s string) (int, bool) {
	if len(s) < 2 || s[0] != 'x' {
		return 0, false
	}
	n, ok := parseSize(s[1:])
	if !ok || n < 1 || n > maxCount {
		return 0, false
	}
	return int(n), true
}

// parseSize reads a number of decimal digits.
func parseSize(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func all(s string, allowed func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

// dash returns "" for "-", which stands for an empty field, and any other s as it is.
func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}
