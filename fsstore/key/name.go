package key

import (
	"encoding/hex"
	"strings"
)

// The longest parts of a key in bytes. A key has at most 196, so that "@<worker>.job" and ".2" fit
// behind it into the 255 that file systems allow.
const (
	maxHost  = 80
	maxParts = 160 // host and basename together
	keepTail = 20  // of a basename that is cut: the extension, and mostly the version
	hashLen  = 32
	oldLen   = 16 // in the names that earlier servers gave
	maxName  = maxParts + 2*len("--") + hashLen
)

// Key returns <host>--<basename>--<hash32>: at most 196 bytes of [A-Za-z0-9._+-], of which the
// first is neither "." nor "-". It is "" for the zero URL.
func (u URL) Key() string { return u.name(hashLen) }

// OldKey returns the name that earlier servers gave the same normalised URL, with 16 digits, to
// find what they made.
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
	switch base := redactedBase(u.base); {
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

// redactedBase returns a basename without credentials, because a key is in every list and log. Two
// URLs that become alike so differ in the hash.
func redactedBase(base string) string {
	if strings.IndexByte(base, '=') < 0 && !strings.Contains(base, "eyJ") {
		return base
	}
	return string(redactor{}.segments(nil, base, 0))
}

// Valid reports whether name has the form of a key, of 32 or of 16 digits. A person may have
// written it.
func Valid(name string) bool { return valid(name, hashLen) || IsOld(name) }

// IsOld reports whether name has the form of a key that an earlier server gave, of 16 digits.
func IsOld(name string) bool { return valid(name, oldLen) }

// HasSum reports whether the hash of a valid name is that of sum, the 64 hex digits of a URL's Sum.
func HasSum(name, sum string) bool {
	return strings.HasSuffix(name, "--"+sum[:hashLen]) || strings.HasSuffix(name, "--"+sum[:oldLen])
}

// OldName returns a key of 32 digits with 16, as an earlier server gave it, and another name as it
// is.
func OldName(name string) string {
	if !valid(name, hashLen) {
		return name
	}
	return name[:len(name)-hashLen+oldLen]
}

// CurrentName returns a key of 16 digits with 32, given the Sum of its URL, and another name as it
// is.
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
