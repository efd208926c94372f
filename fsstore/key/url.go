// Package key turns URLs into the names that the data directory uses.
//
// A URL is a lookup key here, not a connection target: two requests mean the same artifact when their normalised URLs are
// the same bytes. So the normalisation is small and stands still: scheme and host in lower case; default port, user-info
// and fragment dropped; an empty path is "/"; literal "." and ".." segments removed (RFC 3986, 5.2.4); percent-encoding
// left as it is, for "%2e" may well be another file than "." to an origin. net/url is not used, because it decodes and
// encodes again, and refuses "%zz", which origins serve.
//
// The query is kept, save for what is proven to be a signature, which is new with each request: whole schemes, recognised by
// their set of parameters (see signatures). What is not known is kept, for it may choose the content: that costs a miss
// more, and never brings the bytes of another version.
//
// A key, <host>--<basename>--<hash32>, is generated and compared, never parsed. It is a name and no identity: its hash is 32
// hex digits of the SHA-256 of the normalised URL, and 16 of them in the names that earlier servers gave (see OldKey);
// whoever takes two URLs for one compares the whole sum.
//
// The package is pure: it touches no disk and reads no clock. A URL is hostile input and may carry a signature: show none
// to a person but through Redact.
package key

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
)

// MaxURL is the length in bytes of the longest URL that has a key: the longest request line that common servers take.
const MaxURL = 8 << 10

// Rule says what becomes of the query.
type Rule uint8

const (
	Auto Rule = iota // kept, save for what is proven to be a signature
	Keep             // always kept
	Drop             // always dropped
	Old              // as servers before this one did, to find what they made: dropped where the path names a file, save for some names
)

// ErrBadURL is wrapped by every error of Parse and FetchURL.
var ErrBadURL = errors.New("bad URL")

// Error says why a URL has no key. It never holds the URL itself, which may carry a secret.
type Error struct {
	Why string // in plain words, with what to do
}

func (e *Error) Error() string { return "bad URL: " + e.Why }

// Unwrap returns ErrBadURL.
func (e *Error) Unwrap() error { return ErrBadURL }

// URL is a normalised origin URL. The zero URL has no key and no host.
//
// It is comparable, but two that name the same artifact may differ in QueryDropped: compare String to ask about the artifact.
type URL struct {
	full  string
	host  string // hostname, and port unless it is the default
	base  string // last path segment
	sum   [sha256.Size]byte
	whole string // full with all of its query
}

// Parse normalises raw. Its error is an *Error, which wraps ErrBadURL.
func Parse(raw string, rule Rule) (URL, error) { return parse(raw, reading{rule: rule}) }

// ParseWith is Parse by Auto and by what an operator says of the URL's host.
func ParseWith(raw string, own *HostRules) (URL, error) { return parse(raw, reading{own: own}) }

// ParseRedacted is Parse of what Redact has made of a URL: a signature is told by the names of its set alone, where it has
// more than one. Its sum is that of the artifact only where IsRedacted says no.
func ParseRedacted(raw string, rule Rule, own *HostRules) (URL, error) {
	return parse(raw, reading{rule, own, true})
}

func parse(raw string, r reading) (URL, error) {
	var room [512]byte // most URLs fit, and then cost no allocation, or one
	b, m, err := normalise(room[:0], raw, r)
	if err != nil {
		return URL{}, err
	}
	full := raw
	if string(b) != raw {
		full = string(b)
	}
	return named(full, b, m), nil
}

// named makes the URL of its normal form, which b is as well.
func named(full string, b []byte, m marks) URL {
	u := URL{full: full, host: full[m.host:m.path], base: full[m.base:m.query], sum: sha256.Sum256(b), whole: full}
	if m.dropped {
		u.whole = full[:m.query] + "?" + m.whole
	}
	return u
}

// FetchURL returns raw as it is to be requested: normalised, with its query whole. It fails where Parse does.
//
// Dot segments are removed here as well: were they not, "/x/../cuda.run" could bring other bytes than "/cuda.run" under
// the key of "/cuda.run".
func FetchURL(raw string) (string, error) {
	var room [512]byte
	b, _, err := normalise(room[:0], raw, reading{rule: Keep})
	if err != nil {
		return "", err
	}
	if string(b) == raw {
		return raw, nil
	}
	return string(b), nil
}

// Whole returns what FetchURL returns: the normalised URL with all of its query.
func (u URL) Whole() string { return u.whole }

// String returns the normalised URL. It may carry a signature.
func (u URL) String() string { return u.full }

// Sum returns the SHA-256 of the normalised URL in 64 hex digits.
func (u URL) Sum() string {
	if u.full == "" {
		return ""
	}
	var room [2 * sha256.Size]byte
	return string(hex.AppendEncode(room[:0], u.sum[:]))
}

// QueryDropped reports whether something of the query was dropped, so that other URLs may share this key.
func (u URL) QueryDropped() bool { return len(u.whole) != len(u.full) }

// Basename returns the last path segment byte for byte, percent-encoding included; "" when the path ends in a slash.
// It holds any bytes of 0x21–0x7E but a slash and is neither "." nor "..", yet "%2f" and "\" occur: no name for a file.
func (u URL) Basename() string { return u.base }

// Host returns the hostname as denied/<host> spells it: lower case, no port, no dots at its ends, an IPv6 literal without
// brackets and in its canonical form (RFC 5952; an IPv4 address in IPv6 as IPv4). So no other spelling of a host escapes a
// denial. It is "" for the zero URL only, holds no slash, and is no longer than a file name can be.
func (u URL) Host() string { return hostOf(u.host) }

// hostOf is the Host of a normalised authority.
func hostOf(authority string) string {
	if strings.HasPrefix(authority, "[") {
		a, err := netip.ParseAddr(authority[1:strings.IndexByte(authority, ']')])
		if err != nil {
			return "" // normalise has refused it
		}
		return a.Unmap().String()
	}
	h, _, _ := strings.Cut(authority, ":")
	return strings.Trim(h, ".")
}

// HasUserInfo reports whether raw is an http or https URL that holds user-info, as in https://user:password@host/.
func HasUserInfo(raw string) bool {
	https, rest := cutScheme(raw)
	if https == notWeb {
		return false
	}
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest = rest[:i]
	}
	return strings.IndexByte(rest[:authorityLen(rest)], '@') >= 0
}
