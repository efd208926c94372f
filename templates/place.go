package templates

import "strings"

// Place is a URL as a row shows it: the file's name first, the host and the path below it, cut in
// their middle where they are long.
type Place struct {
	File, Query string // Query with its ?
	Scheme      string // with ://
	Head, Tail  string // host and path before the file; Tail is never cut
	Long        bool   // it is cut on most screens
}

// maxTail is how long Place.Tail may be; fromcache.css has room for it.
const maxTail = 24

// PlaceOf takes a URL apart. What is none is the name of a file.
func PlaceOf(url string) (p Place) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return Place{File: url}
	}
	p.Scheme = scheme + "://"
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest, p.Query = rest[:i], rest[i:]
	}
	i := strings.LastIndexByte(strings.TrimSuffix(rest, "/"), '/')
	if i < 0 {
		p.File = rest
		return p
	}
	dir := rest[:i+1]
	p.File, p.Head = rest[i+1:], dir
	if len(dir) <= maxTail {
		return p
	}
	cut := len(dir) - maxTail
	if n := strings.IndexByte(dir[cut:], '/'); n >= 0 && cut+n+1 < len(dir) {
		cut += n
	}
	p.Head, p.Tail, p.Long = dir[:cut], dir[cut:], len(dir) > 2*maxTail || p.Query != ""
	return p
}
