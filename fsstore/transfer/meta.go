package transfer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// The most of each that is taken of a meta. Those that a fetch writes have less.
const (
	maxFields  = 32
	maxField   = 1 << 10
	maxStrings = 32
	maxVia     = 16
	maxAddr    = 64
)

// clean returns what a meta from elsewhere may say here: redacted and printable, as one that a
// fetch writes, with no time that lies in the future and no version that is none.
func clean(m held.Meta) held.Meta {
	m.URL, m.Asked, m.FinalURL = key.Redact(m.URL), redactSome(m.Asked), redactSome(m.FinalURL)
	m.Fetched = past(m.Fetched)
	m.Header = cleanFields(m.Header)
	m.Redirects = cleanAll(m.Redirects, key.Redact)
	m.Notes = cleanAll(m.Notes, key.RedactText)
	m.OriginDigest = printable(m.OriginDigest, maxField)
	if m.Misses > counts.MostCarried {
		m.Misses, m.AtLeast = counts.MostCarried, true
	}
	m.Misses = max(m.Misses, 0)
	m.Via = cleanAll(m.Via, key.Redact)
	m.Approved, m.UpstreamApproved = cleanApproval(m.Approved), cleanApproval(m.UpstreamApproved)
	var versions []held.Version
	for _, v := range m.History {
		if held.IsDigest(v.SHA256) && v.Size >= 0 {
			v.Header, v.Fetched = cleanFields(v.Header), past(v.Fetched)
			versions = append(versions, v)
		}
	}
	m.History = versions
	return m
}

func cleanApproval(by *held.Approval) *held.Approval {
	if by == nil {
		return nil
	}
	return &held.Approval{
		Via: printable(by.Via, maxVia), Addr: printable(by.Addr, maxAddr), Time: past(by.Time),
	}
}

func redactSome(rawURL string) string {
	if rawURL == "" {
		return ""
	}
	return key.Redact(rawURL)
}

// past returns t in the form of a meta, and now for a time that lies in the future, because what
// seems to be fetched then would stand above every later version.
func past(t time.Time) time.Time {
	if now := tree.Now(); t.After(now) {
		return now
	}
	return t.UTC().Truncate(time.Second)
}

func cleanFields(fields map[string]string) map[string]string {
	var cleaned map[string]string
	for name, v := range fields {
		if len(v) > maxField || printable(name, maxAddr) != name || name == "" || len(cleaned) == maxFields {
			continue
		}
		if cleaned == nil {
			cleaned = map[string]string{}
		}
		cleaned[name] = key.RedactText(v)
	}
	return cleaned
}

func cleanAll(list []string, cleanOne func(string) string) []string {
	list = slices.Clone(list[:min(len(list), maxStrings)])
	for i := range list {
		list[i] = cleanOne(list[i])
	}
	return list
}

// printable returns the first n bytes of s, with "_" for what is no printable ASCII.
func printable(s string, n int) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '_'
		}
		return r
	}, s[:min(len(s), n)])
}

// checkName returns why a meta of which the whole URL is not known can't have this key.
func checkName(k string, m *held.Meta) error {
	if !key.Valid(k) || !key.HasSum(k, m.URLSum) {
		return fmt.Errorf("meta/%.200q is not named by the URL that it is about", k+".json")
	}
	u, err := key.ParseRedacted(m.URL, key.Keep, nil)
	if err != nil {
		return err
	}
	if host := u.Host(); isSafeHost(host) && !strings.HasPrefix(k, host) {
		return fmt.Errorf("meta/%s.json says that it is of another host, %s", k, host)
	}
	return nil
}

// isSafeHost reports whether a key begins with this host as it is.
func isSafeHost(host string) bool {
	return len(host) <= 80 && !strings.HasPrefix(host, "-") &&
		strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}
