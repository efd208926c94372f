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
	case "user-agent", "referer", "accept-language", "connection", "dnt", "origin":
	case "range":
		g.ranges = true
	case "accept":
		if strings.Trim(v, " \t") != "*/*" {
			g.pass(shown + " adds an Accept that may count")
		}
	default:
		g.pass(shown + " adds a header that may count")
	}
}

// judgeWriteOut judges the format of curl's -w. Times, sizes, speeds, the file's name and the exit code are the same from a
// cache or nobody's business; code reports a response code, which is the same only where redirects are followed. All else
// shows facts of the URL or of the connection, or takes its format from a file.
func judgeWriteOut(format string) (reason string, code bool) {
	if strings.HasPrefix(format, "@") {
		return because(options.I), false
	}
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 || i+1 == len(format) {
			return "", code
		}
		format = format[i+1:]
		switch c := format[0]; {
		case c == '%':
			format = format[1:]
		case c == '{':
			end := strings.IndexByte(format, '}')
			if end < 0 {
				return because(options.E), code
			}
			name := format[1:end]
			if name == "response_code" || name == "http_code" {
				code = true
			} else if !neutralVariable(name) {
				return because(options.E), code
			}
			format = format[end+1:]
		case c|0x20 >= 'a' && c|0x20 <= 'z': // %header{…}, %output{…} and what is yet to come
			return because(options.E), code
		}
	}
}

// neutralVariable reports whether a variable of -w says nothing about the URL or the server.
func neutralVariable(name string) bool {
	for _, p := range []string{"time_", "size_", "speed_"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return name == "filename_effective" || name == "exitcode"
}
