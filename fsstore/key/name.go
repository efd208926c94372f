package key

import (
	"encoding/hex"
	"strings"
)

// The parts of a key: 80 bytes of host and 160 of host and basename together leave a key of at most 180, far below the 255
// that file systems allow, so that "@<worker>.job" and a ".2" fit behind it.
const (
	maxName  = 180
	maxHost  = 80
	maxParts = 160
	keepTail = 20 // of a cut basename: the extension, and mostly the version
	hashLen  = 16
)

// Key returns <host>--<basename>--<hash16>: at most 180 bytes of [A-Za-z0-9._+-], beginning with neither "." nor "-".
// It is "" for the zero URL.
func (u URL) Key() string {
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
	return string(hex.AppendEncode(b, u.sum[:hashLen/2]))
}

// shownBase is a basename as everybody may see it: a key is in every list and log. What tells two URLs apart is the hash.
func shownBase(base string) string {
	if strings.IndexByte(base, '=') < 0 && !strings.Contains(base, "eyJ") {
		return base
	}
	return string(redactSegments(nil, base, 0))
}

// Valid reports whether name has the shape of a key. It promises nothing about where name came from.
func Valid(name string) bool {
	cut := len(name) - hashLen
	if cut < len("x--") || len(name) > maxName || name[0] == '.' || name[0] == '-' || name[cut-2:cut] != "--" {
		return false
	}
	for i := 0; i < cut; i++ {
		if !safe(name[i]) {
			return false
		}
	}
	for i := cut; i < len(name); i++ {
		if c := name[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
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
