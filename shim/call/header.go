package call

import (
	"strings"

	"fromcache/shim/options"
)

// header judges a request header that the call adds. A few tell the server nothing that could
// change its answer. Any other lets the call pass, because it may be a credential or choose the
// content.
func (g *Group) header(shown, value string, tool Tool) {
	name, v, ok := strings.Cut(value, ":")
	if tool == Curl && !ok {
		name, ok = strings.CutSuffix(value, ";") // curl(1): sends the header empty
	}
	if !ok || strings.HasPrefix(value, "@") || hasControl(value) {
		g.Pass(shown + " adds a header that may count")
		return
	}
	switch strings.ToLower(name) {
	case "user-agent":
		g.UserAgent = shown
	case "referer", "accept-language", "connection", "dnt", "origin":
	case "range":
		g.Pass(shown + " " + options.R.Reason())
	case "accept":
		if strings.Trim(v, " \t") != "*/*" {
			g.Pass(shown + " adds an Accept that may count")
		}
	default:
		g.Pass(shown + " adds a header that may count")
	}
}

// judgeWriteOut judges the format of curl's -w. Times and speeds differ from call to call anyway;
// the sizes of bodies, the file's name, the exit code and its text are the same from a cache; so is
// the response code, because nothing hits where the origin redirects and the call does not follow.
// Anything else lets the call pass: it shows facts of the URL or of the connection, or takes its
// format from a file. sizes reports that the size of the body is shown, which is that of its
// compressed form where there is one.
func judgeWriteOut(format string) (reason string, sizes bool) {
	if strings.HasPrefix(format, "@") {
		return options.I.Reason(), false
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
				return options.E.Reason(), sizes
			}
			sizes = sizes || format[1:end] == "size_download"
			format = format[end+1:]
		case c|0x20 >= 'a' && c|0x20 <= 'z': // %header{…}, %output{…} and those of later releases
			return options.E.Reason(), sizes
		}
	}
}

// neutralVariable reports whether a variable of -w says of a hit what it says of the origin.
func neutralVariable(name string) bool {
	switch name { // the sizes of request and header depend on the URL's length and on who answers
	case "filename_effective", "exitcode", "errormsg", "response_code", "http_code",
		"size_download", "size_upload":
		return true
	}
	return strings.HasPrefix(name, "time_") || strings.HasPrefix(name, "speed_")
}
