package plan

import (
	"strings"

	"fromcache/shim/call"
)

// Redacted returns a URL as it may be shown: without user-info, query and fragment, which may carry
// credentials, and without bytes that could act on a terminal.
func Redacted(u string) string {
	if i := strings.IndexAny(u, "?#"); i >= 0 {
		u = u[:i] + u[i:i+1] + "..."
	}
	start := 0
	if i := strings.Index(u, "://"); i >= 0 {
		start = i + 3
	}
	end := len(u)
	if i := strings.IndexByte(u[start:], '/'); i >= 0 {
		end = start + i
	}
	if at := strings.LastIndexByte(u[start:end], '@'); at >= 0 {
		u = u[:start] + "...@" + u[start+at+1:]
	}
	if len(u) > 300 {
		u = u[:300] + "..."
	}
	return Printable(u)
}

// Printable returns s with a question mark for each byte that is no printable ASCII.
func Printable(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c >= 0x7f {
			b[i] = '?'
		}
	}
	return string(b)
}

// Line returns the one line that FROMCACHE_VERBOSE=1 prints, without its end.
func (d Decision) Line(tool call.Tool) string {
	if d.Wrong != "" {
		return d.line(tool) + "; " + Printable(d.Wrong)
	}
	return d.line(tool)
}

func (d Decision) line(tool call.Tool) string {
	line := "fromcache: " + tool.String() + ": "
	if d.Whole != "" {
		return line + "pass: " + Printable(d.Whole)
	}
	if len(d.Verdicts) == 0 {
		return line + "pass: no URL"
	}
	parts := make([]string, len(d.Verdicts))
	for i, v := range d.Verdicts {
		parts[i] = v.String()
	}
	return line + strings.Join(parts, "; ")
}

// String returns the verdict in words.
func (v Verdict) String() string {
	switch v.Outcome {
	case Hit:
		if v.Reason != "" {
			return "hit: " + v.URL + " from " + v.Base + " (" + Printable(v.Reason) + ")"
		}
		return "hit: " + v.URL + " from " + v.Base
	case Miss:
		return "miss: " + v.URL + " (" + Printable(v.Reason) + ")"
	}
	return "pass: " + v.URL + " (" + Printable(v.Reason) + ")"
}
