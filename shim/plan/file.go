package plan

import (
	"errors"
	"io/fs"
	"strings"

	"fromcache/shim/call"
	"fromcache/shim/options"
)

// pages are the extensions of pages, and of programs that answer with pages.
const pages = " php php3 php4 php5 php7 php8 phtml cgi fcgi fpl asp aspx ashx asmx axd jsp jspx" +
	" jspa jsf do action cfm cfml nsf pl dll htm html shtml xhtml "

// namesFile reports whether the last segment of a path names a file: it has an extension, and not
// that of a page. A server that looks at the User-Agent may give a browser a page and curl a
// script, but gives everybody the file that was asked for.
func namesFile(name string) bool {
	ext := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	if len(ext) == len(name) || len(ext) > 10 || ext != "7z" && (ext == "" || ext[0] <= '9') {
		return false
	}
	for i := 0; i < len(ext); i++ {
		if !call.IsAlnum(ext[i]) {
			return false
		}
	}
	return !strings.Contains(pages, " "+ext+" ")
}

// wgetFileReason says why the file that wget saves could have another name, or none, were the URL
// the cache's.
func (p *planner) wgetFileReason(g *call.Group, t URL) string {
	gnu := p.Real != "wget2" && p.Real != "busybox"
	switch {
	case p.Real == "wget2" && reencoded(t):
		return "wget2 asks for the URL in another writing"
	case p.Real == "busybox" && t.Path == "/" && t.Query != "":
		return "busybox names the file in its own way"
	case g.Dirs && !g.OutFile:
		return "--directories names directories after the host"
	case g.ContentDisposition != "" && !(gnu && g.OutFile && g.Resume == ""): // which takes -O's name
		return g.ContentDisposition + " " + options.F.Reason()
	case g.Timestamping && !(gnu && (g.OutFile || p.isAbsent(g, t))): // which ignores -N beside -O
		return "-N " + options.C.Reason()
	}
	return ""
}

// reencoded reports whether wget2 asks for another URL by RFC 3986, because it decodes what it is
// given and encodes it anew: a reserved byte of the path encoded, a slash decoded, a plus of the
// query as a blank.
func reencoded(t URL) bool {
	return strings.ContainsAny(t.Path, "!$&'()*+,;=:@") || strings.Contains(t.Query, "+") ||
		strings.Contains(strings.ToLower(t.Path), "%2f")
}

// isAbsent reports whether wget -N finds no file of the name that it gives t, and so asks as it
// would without -N. A second URL for one file finds what the first has saved.
func (p *planner) isAbsent(g *call.Group, t URL) bool {
	names, sure := p.wgetOutputs(g, t)
	if !sure || p.saved[names[0]] {
		return false
	}
	if p.saved == nil {
		p.saved = map[string]bool{}
	}
	p.saved[names[0]] = true
	_, err := p.Size(names[0])
	return errors.Is(err, fs.ErrNotExist) //guard:TestPlanTimestamping
}

// encodeStrayPercent writes %25 for a percent sign before what are no two hexadecimal digits.
func encodeStrayPercent(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		out = append(out, s[i])
		if s[i] == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])) {
			out = append(out, "25"...)
		}
	}
	return string(out)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
