package shim

import (
	"strings"

	"fromcache/shim/options"
)

// header judges a request header that the call adds. Only a few tell the server nothing that could change its answer; any
// other may be a credential or choose the content, so the cache is not even asked. Range: is a request for a part.
func (g *group) header(shown, value string, tool Tool) {
	name, v, ok := strings.Cut(value, ":")
	if tool == Curl && !ok {
		name, ok = strings.CutSuffix(value, ";") // curl(1): sends the header empty
	}
	if !ok || strings.HasPrefix(value, "@") || hasControl(value) {
		g.pass(shown + " adds a header that may count")
		return
	}
	switch lower(name) {
	case "user-agent":
		g.agent = shown
	case "referer", "accept-language", "connection", "dnt", "origin":
	case "range":
		set, plain := strings.CutPrefix(strings.Trim(v, " \t"), "bytes=")
		if g.ranged || !plain || !onePlainRange(set) {
			g.pass(shown + " is not one plain range")
		}
		g.ranges, g.ranged = true, true
	case "accept":
		if strings.Trim(v, " \t") != "*/*" {
			g.pass(shown + " adds an Accept that may count")
		}
	default:
		g.pass(shown + " adds a header that may count")
	}
}

// onePlainRange reports whether a set of ranges (RFC 9110 section 14.1.2) is one range, N-, N-M or -N, that a server takes. Of
// several the answer has a boundary of the server's own, and of what is no range each server makes something else.
func onePlainRange(set string) bool {
	first, last, ok := strings.Cut(set, "-")
	from, ok1 := offset(first)
	to, ok2 := offset(last)
	switch {
	case !ok || first == "" && last == "":
		return false
	case first == "":
		return ok2 && to > 0
	case last == "":
		return ok1
	}
	return ok1 && ok2 && from <= to
}

// offset reads digits, as few as any server can count.
func offset(s string) (n uint64, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' || i == 18 {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, s != ""
}

// judgeWriteOut judges the format of curl's -w. Times, speeds, the sizes of the bodies, the file's name, the exit code and its text are
// the same from a cache or nobody's business, and so is the response code, for where the origin redirects and the call does not
// follow a cache has no hit. All else shows facts of the URL or of the connection, or takes its format from a file. sizes reports
// the size of the body, which is that of its compressed form where there is one.
func judgeWriteOut(format string) (reason string, sizes bool) {
	if strings.HasPrefix(format, "@") {
		return because(options.I), false
	}
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 || i+1 == len(format) {
			return "", sizes
		}
		format = format[i+1:]
		switch c := format[0]; {
		case c == '%':
			format = format[1:]
		case c == '{':
			end := strings.IndexByte(format, '}')
			if end < 0 || !neutralVariable(format[1:end]) {
				return because(options.E), sizes
			}
			sizes = sizes || format[1:end] == "size_download"
			format = format[end+1:]
		case c|0x20 >= 'a' && c|0x20 <= 'z': // %header{…}, %output{…} and what is yet to come
			return because(options.E), sizes
		}
	}
}

// neutralVariable reports whether a variable of -w says the same of a hit.
func neutralVariable(name string) bool {
	switch name { // the sizes of request and header depend on the URL's length and on who answers
	case "filename_effective", "exitcode", "errormsg", "response_code", "http_code", "size_download", "size_upload":
		return true
	}
	return strings.HasPrefix(name, "time_") || strings.HasPrefix(name, "speed_")
}
