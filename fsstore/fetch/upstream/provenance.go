package upstream

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/client"
)

// Digest returns the SHA-256 that the bytes of the whole artifact must have, or "".
func Digest(a *client.Answer) string { return digestOf(a.Header) }

func digestOf(h http.Header) string {
	if d := h.Get("X-Fromcache-Sha256"); fsstore.IsDigest(d) {
		return d
	}
	return ""
}

// IsRedirected reports whether the origin redirected whoever fetched the artifact.
func IsRedirected(a *client.Answer) bool { return a.Header.Get("X-Fromcache-Redirected") == "1" }

// The most of each that is taken of an answer. Those that a fromcache sends have less.
const (
	maxTiers = 8
	maxURL   = 1 << 10
	maxWord  = 64
)

// Via returns the servers through which an answer of s came, s first.
func (s *Server) Via(a *client.Answer) []string {
	list := []string{s.URL}
	for item := range strings.SplitSeq(a.Header.Get("X-Fromcache-Via"), ",") {
		u := strings.Trim(strings.TrimSpace(item), `"`)
		if u != "" && len(u) <= maxURL && isPlain(u) && len(list) < maxTiers {
			list = append(list, u)
		}
	}
	return list
}

// ApprovedBy returns who approved the artifact there, or nil where the answer doesn't say. It reads
// `web;by="10.0.0.7";at=@1795383086`.
func ApprovedBy(a *client.Answer) *fsstore.Approval {
	words := strings.Split(a.Header.Get("X-Fromcache-Approved"), ";")
	by := &fsstore.Approval{Via: words[0]}
	for _, w := range words[1:] {
		name, v, _ := strings.Cut(strings.TrimSpace(w), "=")
		switch name {
		case "by":
			by.Addr = strings.Trim(v, `"`)
		case "at":
			seconds, err := strconv.ParseInt(strings.TrimPrefix(v, "@"), 10, 64)
			if err != nil {
				return nil
			}
			by.Time = time.Unix(seconds, 0).UTC()
		}
	}
	if by.Via == "" || by.Time.IsZero() || by.Time.Year() > 9999 || len(by.Via) > maxWord ||
		len(by.Addr) > maxWord || !isPlain(by.Via) || !isPlain(by.Addr) {
		return nil
	}
	return by
}

// isPlain reports whether s is of visible ASCII characters.
func isPlain(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' })
}
