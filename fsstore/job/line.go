package job

import (
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore/key"
)

// maxLine is the longest line in bytes: a URL of key.MaxURL and all that may stand before it.
const maxLine = key.MaxURL + 1<<10

// The longest fields in bytes. No honest client or host has longer ones.
const (
	maxKind = 64
	maxTool = 40
	maxAddr = 64 // an IPv6 address with a zone
	maxVia  = 16
	maxRule = 255 // name of a file in allowed/
	maxHost = 64
	maxETag = 512
)

// Line returns the line of the log, with its line end. Whatever the fields hold, it is one line of
// printable ASCII, at most 9 KiB, that Parse reads as an event of this kind. Bytes that a field
// can't hold become "_", and in text "?". A URL that has no key and an ETag that is weak are left
// out.
func (e Event) Line() string {
	b := make([]byte, 0, 128)
	b = appendTime(b, e.Time)
	b = append(b, ' ')
	switch e.Kind {
	case Miss:
		b = appendMiss(append(b, Miss...), &e)
	case Approve, Retry, Cancelled, Evicted, Restored:
		b = appendVia(append(b, e.Kind...), &e)
	case Start:
		b = appendStart(append(b, Start...), &e)
	case Done:
		b = appendDone(append(b, Done...), &e)
	case Kept:
		b = strconv.AppendInt(append(b, "kept "...), max(e.Size, 0), 10)
	case Error, Wait:
		b = appendDelay(append(b, e.Kind...), &e)
	default:
		b = append(b, field(string(e.Kind), maxKind, inKind)...)
		b = appendText(b, " ", e.Text, 0)
	}
	return string(append(b, '\n'))
}

// appendTime appends t in the form of RFC 3339; a year that it can't write becomes the zero time.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		t = time.Time{}
	}
	return t.AppendFormat(b, time.RFC3339)
}

func appendMiss(b []byte, e *Event) []byte {
	if e.Count > 1 {
		b = strconv.AppendInt(append(b, " x"...), int64(min(e.Count, maxCount)), 10)
	}
	addr := field(e.Addr, maxAddr, inAddr)
	if _, ok := parseCount(addr); ok {
		addr = "_" + addr // else it would be read as a count
	}
	b = append(append(b, ' '), addr...)
	b = append(append(b, ' '), field(e.Tool, maxTool, inTool)...)
	return appendURL(b, e.URL)
}

func appendVia(b []byte, e *Event) []byte {
	b = append(append(b, ' '), via(e.Via)...)
	if e.Addr != "" && e.Addr != "-" {
		b = append(append(b, ' '), field(e.Addr, maxAddr, inAddr)...)
	}
	return appendText(appendURL(b, e.URL), ", ", e.Text, 0)
}

func appendStart(b []byte, e *Event) []byte {
	b = appendSize(append(b, ' '), e.Size)
	etag := e.ETag
	if !StrongETag(etag) {
		etag = "-"
	}
	b = append(append(b, ' '), etag...)
	b = append(append(b, ' '), field(e.Host, maxHost, inField)...)
	b = strconv.AppendInt(append(b, ' '), int64(max(e.PID, 0)), 10)
	if e.From > 0 {
		b = strconv.AppendInt(append(b, " from "...), e.From, 10)
	}
	if !e.Modified.IsZero() {
		b = appendTime(append(append(b, ", "...), modifiedMark...), e.Modified)
	}
	text := e.Text
	if t, rest := cutModified(text); !t.IsZero() { // it would be read as the time
		text = rest
	}
	return appendText(b, ", ", text, 0)
}

func appendDone(b []byte, e *Event) []byte {
	if e.Unchanged {
		b = append(b, " unchanged"...)
	}
	b = appendSize(append(b, ' '), e.Size)
	sum := "-"
	if s, ok := parseSum(e.Sha256); ok {
		sum = s
	}
	b = append(append(b, ' '), sum...)
	return appendText(b, ", ", e.Text, 0)
}

// appendDelay appends text and "after". The text may be an origin's own words, and must not be read
// as an "after" where it ends like one.
func appendDelay(b []byte, e *Event) []byte {
	if e.After.IsZero() {
		text := fitText(e.Text, maxLine-len(b)-len(" \n"))
		if before, _, ok := cutAfter(text); ok {
			text = before + "; " + text[len(before)+len(", "):]
		}
		return appendText(b, " ", text, 0)
	}
	const tail = len(afterMark) + len("2006-01-02T15:04:05Z")
	n := len(b)
	if b = appendText(b, " ", e.Text, tail); len(b) == n {
		b = append(b, " -"...)
	}
	return appendTime(append(b, afterMark...), e.After)
}

func appendSize(b []byte, n int64) []byte {
	if n < 0 {
		return append(b, '-')
	}
	return strconv.AppendInt(b, n, 10)
}

func appendURL(b []byte, url string) []byte {
	if !isURL(url) {
		return b
	}
	return append(append(b, ' '), url...)
}

// appendText appends sep and text, cut so that reserve bytes and the line end still fit.
func appendText(b []byte, sep, text string, reserve int) []byte {
	text = fitText(text, maxLine-len(b)-len(sep)-reserve-len("\n"))
	if text == "" {
		return b
	}
	return append(append(b, sep...), text...)
}

// fitText returns text as a line can end with it, in at most room bytes; "" for "-", which means
// none.
func fitText(text string, room int) string {
	text = strings.TrimSpace(text)
	return dash(strings.TrimSpace(clean(text[:max(min(len(text), room), 0)])))
}

// clean replaces bytes that are not printable ASCII by "?", because a terminal may obey them.
func clean(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] < 0x20 || b[i] >= 0x7f {
					b[i] = '?'
				}
			}
			return string(b)
		}
	}
	return s
}

// field returns s in at most n bytes, with "_" for bytes that are not allowed; "-" when it is
// empty.
func field(s string, n int, allowed func(byte) bool) string {
	if s == "" {
		return "-"
	}
	s = s[:min(len(s), n)]
	for i := 0; i < len(s); i++ {
		if !allowed(s[i]) {
			b := []byte(s)
			for ; i < len(b); i++ {
				if !allowed(b[i]) {
					b[i] = '_'
				}
			}
			return string(b)
		}
	}
	return s
}

func inTool(c byte) bool {
	return alnum(c) || c == '.' || c == '_' || c == '/' || c == '+' || c == '-'
}

func inAddr(c byte) bool {
	return alnum(c) || c == '.' || c == ':' || c == '%' || c == '_' || c == '-'
}

func inKind(c byte) bool { return c > 0x20 && c < 0x7f }

// byRule begins the Via of an approval by a file in allowed/, whose name follows.
const byRule = "allowed/"

// via is e.Via as a line holds it.
func via(s string) string {
	if rule, ok := strings.CutPrefix(s, byRule); ok {
		return byRule + field(rule, maxRule, inRule)
	}
	return field(s, maxVia, inField)
}

// inRule is what a file in allowed/ can be called: a key, a host, or *.domain.
func inRule(c byte) bool { return inField(c) || c == '*' || c == '+' || c == ':' }

// inField allows no comma, because a comma ends the fields.
func inField(c byte) bool { return alnum(c) || c == '.' || c == '_' || c == '-' }

func alnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// StrongETag reports whether s is a strong entity tag (RFC 9110, 8.8.3) that a job's line can hold:
// of printable ASCII, and at most 512 bytes.
func StrongETag(s string) bool {
	if len(s) < 2 || len(s) > maxETag || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		if s[i] <= 0x20 || s[i] >= 0x7f || s[i] == '"' {
			return false
		}
	}
	return true
}

// Tool returns the first product token of a User-Agent, [A-Za-z0-9._/+-]{1,40}, or "-".
func Tool(userAgent string) string {
	s := strings.TrimLeft(userAgent, " \t")
	n := 0
	for n < len(s) && n < maxTool && inTool(s[n]) {
		n++
	}
	if n == 0 {
		return "-"
	}
	return s[:n]
}
