package key

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
)

// MaxURL is the length in bytes of the longest URL that has a key: the longest request line that
// common servers take.
const MaxURL = 8 << 10

// Rule says what a normalised URL keeps of the query.
type Rule uint8

const (
	Auto Rule = iota // kept, save for what is proven to be a signature
	Keep             // always kept
	Drop             // always dropped
	Old              // as earlier servers did, to find what they made: see appendOld
)

// ErrBadURL is wrapped by every error of Parse and FetchURL.
var ErrBadURL = errors.New("bad URL")

// Error says why a URL has no key. It never holds the URL itself, which may carry a secret.
type Error struct {
	Why string // in plain words, with what to do
}

// Error returns Why.
func (e *Error) Error() string { return "bad URL: " + e.Why }

// Unwrap returns ErrBadURL.
func (e *Error) Unwrap() error { return ErrBadURL }

// URL is a normalised URL of an origin. The zero URL has no key and no host. Compare Sum, and not
// URLs, to know whether two are of one artifact: they may differ in what was dropped of the query.
type URL struct {
	full  string
	host  string // hostname, and port unless it is the default
	base  string // last path segment
	sum   [sha256.Size]byte
	whole string // full with all of its query
}

// Parse returns the normalised URL of raw by a rule. Its error is an *Error, which wraps ErrBadURL.
func Parse(raw string, rule Rule) (URL, error) { return parse(raw, reading{rule: rule}) }

// ParseWith is Parse by Auto and by an operator's rules for the URL's host, which may be nil.
func ParseWith(raw string, rules *HostRules) (URL, error) { return parse(raw, reading{rules: rules}) }

// ParseRedacted is Parse of a URL that Redact has returned: it recognises a signature of several
// parameters by their names alone. The URL's Sum is that of the artifact only where IsRedacted is
// false.
func ParseRedacted(raw string, rule Rule, rules *HostRules) (URL, error) {
	return parse(raw, reading{rule, rules, true})
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
	return newURL(full, b, m), nil
}

// newURL returns the URL whose normal form is full, and b as well.
func newURL(full string, b []byte, m offsets) URL {
	u := URL{full: full, host: full[m.host:m.path], base: full[m.base:m.query], sum: sha256.Sum256(b), whole: full}
	if m.dropped {
		u.whole = full[:m.query] + "?" + m.whole
	}
	return u
}

// FetchURL returns the URL that is requested for raw: normalised, with all of its query. It fails
// where Parse does. It removes dot segments too, because "/x/../cuda.run" could else bring other
// bytes than "/cuda.run" under the key of "/cuda.run".
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

// Whole returns the normalised URL with all of its query, as FetchURL does.
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

// QueryDropped reports whether a part of the query was dropped, so that other URLs may have this
// key.
func (u URL) QueryDropped() bool { return len(u.whole) != len(u.full) }

// Path returns the path as it is written; "/" at least.
func (u URL) Path() string {
	path, _ := u.pathAndQuery()
	return path
}

func (u URL) pathAndQuery() (path, query string) {
	path, query, _ = strings.Cut(u.full[strings.Index(u.full, u.host)+len(u.host):], "?")
	return path, query
}

// Basename returns the last path segment as it is written, or "" where the path ends in a slash. It
// holds bytes of 0x21–0x7E but no slash, and is neither "." nor "..". It is no safe name for a
// file: "%2f" and "\" occur.
func (u URL) Basename() string { return u.base }

// Host returns the hostname as denied/<host> spells it: lower case, no port, no dots at its ends,
// an IPv6 literal without brackets and in its canonical form (RFC 5952; an IPv4 address in IPv6 as
// IPv4). There is one spelling for a host, because a second one would escape a denial. It is "" for
// the zero URL only, holds no slash, and is no longer than a file name can be.
func (u URL) Host() string { return hostOf(u.host) }

// hostOf returns the Host of a normalised authority.
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

// HasUserInfo reports whether raw is an http or https URL that holds user-info, as in
// https://user:password@host/.
func HasUserInfo(raw string) bool {
	https, rest := cutScheme(raw)
	if https == noScheme {
		return false
	}
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest = rest[:i]
	}
	return strings.IndexByte(rest[:authorityLen(rest)], '@') >= 0
}
