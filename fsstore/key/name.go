package key

import (
	"encoding/hex"
	"strings"
)

// The parts of a key: 80 bytes of host and 160 of host and basename together leave a key of at most 196, far below the 255
// that file systems allow, so that "@<worker>.job" and a ".2" fit behind it.
const (
	maxHost  = 80
	maxParts = 160
	keepTail = 20 // of a cut basename: the extension, and mostly the version
	hashLen  = 32
	oldLen   = 16 // of the names that servers gave before
	maxName  = maxParts + 2*len("--") + hashLen
)

// Key returns <host>--<basename>--<hash32>: at most 196 bytes of [A-Za-z0-9._+-], beginning with neither "." nor "-".
// It is "" for the zero URL.
func (u URL) Key() string { return u.name(hashLen) }

// OldKey returns the name that servers before this one gave the same normalised URL, to find what they made: with 16 digits.
func (u URL) OldKey() string { return u.name(oldLen) }

func (u URL) name(digits int) string {
	if u.full == "" {
		return ""
	}
	var room [maxName]byte
	b := appendSafe(room[:0], u.host[:min(len(u.host), maxHost)])
	if b[0] == '.' || b[0] == '-' {
		b[0] = '_'
	}
	left := maxParts - len(b)
	b = append(b, "--"...)
	switch base := shownBase(u.base); {
	case base == "":
		b = append(b, "index"...)
	case len(base) <= left:
		b = appendSafe(b, base)
	default:
		b = appendSafe(b, base[:left-keepTail])
		b = appendSafe(b, base[len(base)-keepTail:])
	}
	b = append(b, "--"...)
	return string(hex.AppendEncode(b, u.sum[:digits/2]))
}

// shownBase is a basename as everybody may see it: a key is in every list and log. What tells two URLs apart is the hash.
func shownBase(base string) string {
	if strings.IndexByte(base, '=') < 0 && !strings.Contains(base, "eyJ") {
		return base
	}
	return string(redactor{}.segments(nil, base, 0))
}

// Valid reports whether name has the shape of a key, of today's or of an earlier server's. It promises nothing about where
// name came from.
func Valid(name string) bool { return valid(name, hashLen) || IsOld(name) }

// IsOld reports whether name has the shape of a key that an earlier server gave.
func IsOld(name string) bool { return valid(name, oldLen) }

// HasSum reports whether a valid name's hash is that of a sum of 64 hex digits.
func HasSum(name, sum string) bool {
	return strings.HasSuffix(name, "--"+sum[:hashLen]) || strings.HasSuffix(name, "--"+sum[:oldLen])
}

// OldName returns the name that an earlier server gave to what has a name of today; another name as it is.
func OldName(name string) string {
	if !valid(name, hashLen) {
		return name
	}
	return name[:len(name)-hashLen+oldLen]
}

// CurrentName returns the name of today for what an earlier server named, given the sum of its URL; another name as it is.
func CurrentName(name, sum string) string {
	if !IsOld(name) {
		return name
	}
	return name[:len(name)-oldLen] + sum[:hashLen]
}

func valid(name string, digits int) bool {
	cut := len(name) - digits
	if cut < len("x--") || cut > maxName-hashLen || name[0] == '.' || name[0] == '-' || name[cut-2:cut] != "--" {
		return false
	}
	for i := 0; i < cut; i++ {
		if !safe(name[i]) {
			return false
		}
	}
	return only(name[cut:], func(c byte) bool { return hexDigit(c) && (c < 'A' || c > 'F') })
}

func appendSafe(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !safe(c) {
			c = '_'
		}
		b = append(b, c)
	}
	return b
}

func safe(c byte) bool {
	return alnum(c) || c == '.' || c == '_' || c == '+' || c == '-'
}
