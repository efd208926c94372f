package key

import (
	"bytes"
	"strings"
)

// The rule of earlier servers, by which artifacts, misses and denials may still be named: where the
// path named a file the query was dropped, but for contentParams. The rule dropped parameters that
// choose the content at some origins (cgit's h, GitLab's job). So it is used to find what is there,
// and never to name anything.

// contentParams are the parameters that the old rule kept, in lower case.
var contentParams = [...]string{
	"path", "ref", "version", "versionid", "rev", "branch", "commit", "tag", "id", "file", "filename", "name", "os", "arch",
	"platform", "lang", "product", "build", "format", "variant",
}

// scriptExts are the extensions of programs that answer a query, of which the old rule kept all.
var scriptExts = [...]string{"php", "cgi", "asp", "aspx", "jsp", "do", "action"}

// appendOld appends "?" and what the old rule keeps of query, and reports whether it dropped
// something.
func appendOld(b []byte, query string, m offsets) ([]byte, bool) {
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

// namesFile reports whether base, the last segment of a path, has an extension that is not one of
// scriptExts: after the last literal dot, which is not the first byte, and before a ";" 1–10
// letters and digits, of which the first is a letter.
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
