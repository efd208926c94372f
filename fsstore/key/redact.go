package key

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	redacted  = "REDACTED"
	maxNested = 4 // URLs within URLs; deeper ones are redacted whole
)

// Redact returns the URL raw for people to see: without user-info, and with REDACTED in place of
// what looks like a credential. raw may be any bytes. The result is printable ASCII (other bytes as
// %XX), and is cut to MaxURL bytes and "...". It is still hostile: escape it.
func Redact(raw string) string {
	return printable(redactor{}.word(nil, raw, 0), false)
}

// RedactDistinct is Redact for a list in which URLs may differ only in what it hides: behind each
// REDACTED it writes four digits of the value's hash. They tell two values apart, and no more: a
// wrong guess of a password fits with a chance of 1 in 65,536, and the key already tells as much of
// the URL.
func RedactDistinct(raw string) string {
	return printable(redactor{distinct: true}.word(nil, raw, 0), false)
}

// SameButSignature reports whether two URLs differ in their signature only, so that an origin's
// 304, and the rest of a part, hold for both. It uses no host rules, and neither URL may be
// redacted.
func SameButSignature(a, b string) bool {
	x, err := Parse(a, Auto)
	if err != nil {
		return false
	}
	y, err := Parse(b, Auto)
	return err == nil && x.full == y.full
}

// IsRedacted reports whether Redact may have returned s for another URL, so that s names no
// artifact. A URL within s counts as well, because its user-info may have been removed.
func IsRedacted(s string) bool {
	return strings.Contains(s, redacted) || strings.HasSuffix(s, "...") || strings.Count(s, "://") > 1
}

// RedactText redacts text that holds URLs, such as an error, and the values of header lines such as
// "Authorization: …". Line ends and tabs become spaces.
func RedactText(s string) string {
	b := make([]byte, 0, min(len(s), MaxURL)+len(redacted))
	for s != "" && len(b) <= MaxURL {
		n := strings.IndexAny(s, " \t\r\n\"<>`")
		if n < 0 {
			n = len(s)
		}
		b = redactor{}.word(b, s[:n], 0)
		secret := isSecretField(s[:n])
		if n < len(s) {
			b = append(b, s[n])
			n++
		}
		s = s[n:]
		if secret && s != "" { //guard:cmd/fromcache.TestCanaries
			b = append(b, redacted...)
			s = s[lineLen(s):]
		}
	}
	return printable(b, true)
}

// isSecretField reports whether word begins a header line whose value is a credential.
func isSecretField(word string) bool {
	name, ok := strings.CutSuffix(word, ":")
	return ok && isOneOf(strings.ToLower(name), secretFields[:])
}

// lineLen is the length of the first line of s, without its end.
func lineLen(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}

// printable returns b as printable ASCII, cut to MaxURL bytes.
func printable(b []byte, text bool) string {
	const hexDigits = "0123456789ABCDEF"
	out := make([]byte, 0, min(len(b), MaxURL)+len("..."))
	for _, c := range b {
		var one [3]byte
		next := append(one[:0], c)
		switch {
		case text && (c == '\n' || c == '\r' || c == '\t'):
			next[0] = ' '
		case c < 0x20 || c >= 0x7f:
			next = append(one[:0], '%', hexDigits[c>>4], hexDigits[c&15])
		}
		if len(out)+len(next) > MaxURL {
			return string(append(out, "..."...))
		}
		out = append(out, next...)
	}
	return string(out)
}

// redactor replaces what looks like a credential.
type redactor struct {
	distinct bool // values that differ get different marks
}

// hide appends REDACTED in place of a value, and the mark of RedactDistinct.
func (r redactor) hide(b []byte, value string) []byte {
	b = append(b, redacted...)
	mark, is := strings.CutPrefix(value, redacted)
	switch {
	case !r.distinct, value == redacted:
		return b
	case is && len(mark) == len("-0123") && mark[0] == '-' && only(mark[1:], hexDigit):
		return append(b, mark...) // hidden before
	}
	sum := sha256.Sum256([]byte(value))
	return hex.AppendEncode(append(b, '-'), sum[:2])
}

// word appends w, a URL or a part of one, redacted.
func (r redactor) word(b []byte, w string, depth int) []byte {
	if depth > maxNested {
		return append(b, redacted...)
	}
	n := strings.Index(w, "://")
	if q := strings.IndexAny(w, "?#"); n < 0 || 0 <= q && q < n {
		return r.tail(b, withoutUser(w, false), depth)
	}
	n += len("://")
	b = r.segments(b, w[:n], depth)
	return r.tail(b, withoutUser(w[n:], true), depth)
}

// withoutUser returns s without its user-info. After "://" that is all up to an "@". A password
// with a "/", "?" or "#" in it looks like a port that is no number: then all up to the last "@" is
// removed. Elsewhere user-info needs a ":" too, because bob@example.com is an address of mail.
func withoutUser(s string, authority bool) string {
	end := strings.IndexAny(s, "/?#")
	if end < 0 {
		end = len(s)
	}
	host, port, colon := strings.Cut(s[:end], ":")
	if at := strings.LastIndexByte(s[:end], '@'); at >= 0 && (authority || colon && !strings.Contains(host, "@")) {
		return s[at+1:]
	}
	if !authority || !colon || s[0] == '[' || strings.Trim(port, "0123456789") == "" {
		return s
	}
	return s[strings.LastIndexByte(s, '@')+1:]
}

// tail appends what follows an authority: a path, and from the first "?" or "#" on parameters.
func (r redactor) tail(b []byte, s string, depth int) []byte {
	n := strings.IndexAny(s, "?#")
	if n < 0 {
		n = len(s)
	}
	b = r.path(b, s[:n], depth)
	return r.params(b, s[n:], depth)
}

// path appends a path, and redacts a URL in it as one.
func (r redactor) path(b []byte, path string, depth int) []byte {
	n := strings.Index(path, "://")
	if n < 0 {
		return r.segments(b, path, depth)
	}
	for n > 0 && alnum(path[n-1]) {
		n--
	}
	b = r.segments(b, path[:n], depth)
	return r.word(b, path[n:], depth+1)
}

// segments appends a path, and redacts in it the secret values of name=value segments and JWTs.
// Other segments are shown whatever they look like, because paths are full of digests.
func (r redactor) segments(b []byte, path string, depth int) []byte {
	for path != "" {
		n := strings.IndexAny(path, "/;&,~")
		if n < 0 {
			n = len(path)
		}
		b = r.param(b, path[:n], false, true, depth)
		if n < len(path) {
			b = append(b, path[n])
			n++
		}
		path = path[n:]
	}
	return b
}

// params appends s, which is empty or begins with "?" or "#", and redacts the values of parameters.
func (r redactor) params(b []byte, s string, depth int) []byte {
	sas := hasSig(s)
	for s != "" {
		b = append(b, s[0])
		s = s[1:]
		n := strings.IndexAny(s, "&#?")
		if n < 0 {
			n = len(s)
		}
		b = r.param(b, s[:n], sas, false, depth)
		s = s[n:]
	}
	return b
}

// hasSig reports whether a parameter of s is named sig.
func hasSig(s string) bool {
	for s != "" {
		n := strings.IndexAny(s[1:], "&#?")
		if n < 0 {
			n = len(s) - 1
		}
		if name, _, _ := strings.Cut(s[1:1+n], "="); strings.EqualFold(name, "sig") {
			return true
		}
		s = s[1+n:]
	}
	return false
}

// param appends one name=value.
func (r redactor) param(b []byte, param string, sas, inPath bool, depth int) []byte {
	name, value, named := strings.Cut(param, "=")
	if !named {
		name, value = "", param
	} else {
		b = append(append(b, name...), '=')
	}
	switch {
	case value == "":
		return b
	case named && (secretName(name) || sas && isOneOf(strings.ToLower(name), sasNames[:])):
		return r.hide(b, value)
	case looksJWT(value), !inPath && !isContentParam(name) && looksRandom(value):
		return r.hide(b, value)
	case inPath:
		return append(b, value...)
	}
	return r.value(b, value, depth)
}

// value appends the value of a parameter that is not secret itself, and may hold a URL or
// parameters.
func (r redactor) value(b []byte, value string, depth int) []byte {
	if strings.Contains(value, "://") {
		return r.word(b, value, depth+1)
	}
	if plain := unescape(value); plain != value {
		if string(r.word(nil, plain, depth+1)) != plain {
			return r.hide(b, value)
		}
		return append(b, value...)
	}
	if !strings.ContainsAny(value, ";=,~") {
		return append(b, value...)
	}
	return r.path(b, value, depth+1)
}

// unescape decodes percent-encoding, and leaves malformed encoding as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 16 && lo < 16 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
