package call

import (
	"errors"
	"strconv"
	"strings"

	"fromcache/shim/options"
)

// ErrNotPlain says that a configuration file is no plain file, a pipe for instance, so that reading
// it would have an effect, or that it is huge.
var ErrNotPlain = errors.New("not a plain file")

// rcLine is one line of a configuration file that is neither blank nor a comment.
type rcLine struct {
	name  string // as written; curl's may have dashes
	value string
	set   bool // has a value
}

// configs reads the configuration files that belong to a call.
type configs struct {
	env       Env
	uid       int
	read      func(path string) ([]byte, error)
	undecided string // why a file can't be judged
}

// file returns the contents of path and whether it is there. A file that can't be judged sets
// undecided.
func (c *configs) file(path string) (string, bool) {
	data, err := c.read(path)
	if errors.Is(err, ErrNotPlain) {
		c.undecided = path + " is no plain file"
	}
	return string(data), err == nil
}

// home returns the user's home directory from the password file, in which both tools look. Of a
// user who is not there, only the C library can say where the configuration is.
func (c *configs) home() string {
	data, _ := c.file("/etc/passwd")
	id := strconv.Itoa(c.uid)
	for line := range strings.Lines(data) {
		f := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(f) > 5 && f[2] == id {
			return f[5]
		}
	}
	return ""
}

// curlrc returns the lines of the curlrc that curl reads by itself: the first that exists of
// .curlrc in $CURL_HOME, $XDG_CONFIG_HOME and $HOME, curlrc in $CURL_HOME/.config and ~/.config,
// and .curlrc in the password file's home. Releases differ on $XDG_CONFIG_HOME/curlrc and the two
// in .config, so their lines are judged too where they exist.
func (c *configs) curlrc() (lines []rcLine) {
	xdg, home := c.env.Get("XDG_CONFIG_HOME"), c.env.Get("HOME")
	try := func(dir, name string) bool {
		if dir == "" {
			return false
		}
		text, ok := c.file(dir + name)
		if ok {
			lines = append(lines, parseCurlrc(text)...)
		}
		if isAmbiguousCurlrc(text) { //guard:shim/plan.TestConfigFiles
			c.undecided = dir + name + " has lines that releases of curl read differently"
		}
		return ok || c.undecided != ""
	}
	if try(c.env.Get("CURL_HOME"), "/.curlrc") {
		return lines
	}
	try(xdg, "/curlrc")
	if try(xdg, "/.curlrc") || try(home, "/.curlrc") {
		return lines
	}
	if xdg == "" {
		try(c.env.Get("CURL_HOME"), "/.config/curlrc")
		try(home, "/.config/curlrc")
	}
	switch own := c.home(); {
	case own == "" && home == "":
		c.undecided = noHome //guard:shim/plan.TestNoHome
	case own != home:
		try(own, "/.curlrc")
	}
	return lines
}

// noHome says why a call passes whose configuration files can't be found.
const noHome = "HOME is unset, and /etc/passwd does not have the user"

// isAmbiguousCurlrc reports lines that begin with a blank, a slash or an asterisk, and carriage
// returns and form feeds: up to 8.12 curl skips them, since then it stops reading there.
func isAmbiguousCurlrc(text string) bool {
	for line := range strings.Lines(text) {
		if strings.IndexByte(" \t/*", line[0]) >= 0 {
			return true
		}
	}
	return strings.ContainsAny(text, "\r\f\v")
}

// curlNetrc reports whether there is a file that curl reads for credentials by itself.
func (c *configs) curlNetrc() bool {
	if c.env.Get("NETRC") != "" { // since 8.16
		return true
	}
	home, set := c.env.Lookup("HOME")
	if !set {
		home = c.home()
	}
	_, ok := c.file(home + "/.netrc")
	return ok || !set && home == ""
}

// parseCurlrc reads a curlrc as curl's parseconfig does: a name, with dashes or without, then its
// value after blanks, = or :, in double quotes with backslash escapes or up to the next blank.
func parseCurlrc(text string) []rcLine {
	var lines []rcLine
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(line, blanks)
		if line == "" || strings.IndexByte("#/*", line[0]) >= 0 {
			continue
		}
		separators := blanks
		if line[0] != '-' {
			separators += "=:"
		}
		end := strings.IndexAny(line, separators)
		if end < 0 {
			end = len(line)
		}
		rest := strings.TrimLeft(line[end:], separators)
		l := rcLine{name: line[:end]}
		if strings.HasPrefix(rest, `"`) {
			l.value, l.set = unquote(rest[1:])
		} else if i := strings.IndexAny(rest+" ", blanks); i > 0 {
			l.value, l.set = rest[:i], true
		}
		lines = append(lines, l)
	}
	return lines
}

// blanks is what isspace(3) calls white space.
const blanks = " \t\r\n\v\f"

// unquote reads up to the closing quote, without which there is no value; \t \n \r \v are what they
// are in C, any other escaped byte stands for itself.
func unquote(s string) (value string, ok bool) {
	var out []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			return string(out), true
		}
		if c == '\\' && i+1 < len(s) {
			i++
			c = s[i]
			if at := strings.IndexByte("tnrv", c); at >= 0 {
				c = "\t\n\r\v"[at]
			}
		}
		out = append(out, c)
	}
	return "", false
}

// configLine judges one line of a curlrc. A URL or a new group lets the whole call pass, because it
// would shift what the command line means; so does a line that is not quite right, because curl
// warned about it up to 8.12 and stops reading there since.
func (p *curlCall) configLine(l rcLine) {
	name := strings.TrimPrefix(l.name, "--")
	if len(name) == len(l.name) && strings.HasPrefix(name, "-") {
		p.configCluster(l)
		return
	}
	o, no := findCurl(name)
	// The no- form of a switch is still there where the switch itself is gone.
	gone := o != nil && o.Until != "" && !strings.HasPrefix(name, "no-")
	if o == nil || gone || name != o.Name && name != "no-"+o.Name {
		p.passWhole("curlrc: " + l.name + " is not known to each release")
		return
	}
	p.configOption(given{Option: o, shown: "curlrc: " + l.name, value: l.value, no: no}, l.set)
}

// configCluster judges "-fsS" or "-o name" in a curlrc.
func (p *curlCall) configCluster(l rcLine) {
	for at := 1; at < len(l.name); at++ {
		o := options.Letter(options.Curl, l.name[at])
		if o == nil {
			p.passWhole("curlrc: " + l.name + " is not known")
			return
		}
		g := given{Option: o, shown: "curlrc: -" + l.name[at:at+1], value: l.value}
		if o.TakesValue() && at+1 < len(l.name) {
			g.value = l.name[at+1:]
			p.configOption(g, true)
			return
		}
		p.configOption(g, l.set)
	}
}

func (p *curlCall) configOption(o given, set bool) {
	switch {
	case o.Class == options.U || o.Name == "next":
		p.passWhole(o.shown + " takes URLs from elsewhere")
	case o.TakesValue() && !set:
		p.passWhole(o.shown + " lacks its value")
	case !o.TakesValue() && set:
		p.passWhole(o.shown + " takes no value")
	default:
		o.Arg = -1
		p.option(o)
	}
}
