package allowed

import (
	"errors"
	"path"
	"strings"

	"fromcache/fsstore/key"
)

func (r *Rule) addPath(pattern string) error {
	if !strings.HasPrefix(pattern, "/") {
		return errors.New("a path begins with /, as in /compute/cuda/*")
	}
	if strings.ContainsAny(pattern, "?[]\\") {
		return errors.New("in a path only * has a meaning, and the query is no part of it")
	}
	r.Paths = append(r.Paths, pattern)
	return nil
}

// allowsPath compares the path as a server will read it. A path in which an escape hides a slash or
// a dot is none of a pattern's, because servers differ in what they make of it.
func (r *Rule) allowsPath(u key.URL) bool {
	if len(r.Paths) == 0 {
		return true
	}
	p := u.Path()
	if isAmbiguous(p) {
		return false
	}
	for _, pattern := range r.Paths {
		if match(pattern, p) {
			return true
		}
	}
	return false
}

// isAmbiguous reports whether servers may differ in which file a path names.
func isAmbiguous(p string) bool {
	lower := strings.ToLower(p)
	for _, hidden := range []string{"%2f", "%2e", "%5c", "%25", "%00", `\`, ";"} {
		if strings.Contains(lower, hidden) {
			return true
		}
	}
	return p != "/" && path.Clean(p) != strings.TrimSuffix(p, "/")
}

// match reports whether s is what pattern says, in which * is any number of bytes. It takes time in
// proportion to the product of their lengths at most.
func match(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	for {
		part, after, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], after
	}
}
