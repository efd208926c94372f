package key

import (
	"bytes"
	"strings"
)

// The rule of the servers before this one, under which artifacts, misses and denials may lie: where the path named a file
// the query was dropped, save for the parameters below. It dropped what chooses content at many an origin (cgit's h, GitLab's
// job), so it finds what is there, and nothing is given a name by it.

// contentParams stayed. Lower case, because names are compared so.
var contentParams = [...]string{
	"path", "ref", "version", "versionid", "rev", "branch", "commit", "tag", "id", "file", "filename", "name", "os", "arch",
	"platform", "lang", "product", "build", "format", "variant",
}

// scriptExts are the extensions of programs that answer a query: there all of it stayed.
var scriptExts = [...]string{"php", "cgi", "asp", "aspx", "jsp", "do", "action"}

// appendOld appends "?" and what the old rule left of query, and reports whether it left something out.
func appendOld(b []byte, query string, m marks) ([]byte, bool) {
	if !namesFile(b[m.base:m.query]) {
		return append(append(b, '?'), query...), false
	}
	sep, dropped := byte('?'), false
	for more := true; more; {
		var param string
		param, query, more = strings.Cut(query, "&")
		name, _, _ := strings.Cut(param, "=")
		if !isContentParam(name) {
			dropped = true
			continue
		}
		b = append(append(b, sep), param...)
		sep = '&'
	}
	return b, dropped
}

func isContentParam(name string) bool {
	for _, p := range contentParams {
		if len(p) == len(name) && strings.EqualFold(p, name) {
			return true
		}
	}
	return false
}

// namesFile reports whether base, the last segment of a path, has an extension that is no script's: what follows the last
// literal dot, cut at ";", 1–10 letters and digits, a letter first, with at least one byte before the dot.
func namesFile(base []byte) bool {
	dot := bytes.LastIndexByte(base, '.')
	if dot < 1 {
		return false
	}
	ext := base[dot+1:]
	n := 0
	for n < len(ext) && alnum(ext[n]) {
		n++
	}
	if n < len(ext) && ext[n] != ';' {
		return false
	}
	ext = ext[:n]
	if n < 1 || n > 10 || ext[0] <= '9' {
		return false
	}
	for _, s := range scriptExts {
		if len(s) == n && strings.EqualFold(s, string(ext)) {
			return false
		}
	}
	return true
}
