package call

import (
	"runtime"
	"strings"

	"fromcache/shim/options"
)

// wgetrcs returns the lines of the configuration files that wget reads by itself: $SYSTEM_WGETRC or
// the system's, then $WGETRC or ~/.wgetrc; of wget2 its own files. path is the tool's, because a
// tool that was built for a directory of its own has the system's file there.
func (c *configs) wgetrcs(path string, wget2 bool) (lines []rcLine) {
	add := func(path string) bool {
		text, ok := c.file(path)
		if ok {
			lines = append(lines, parseWgetrc(text)...)
		}
		return ok
	}
	if wget2 {
		c.wget2rcs(add)
		return lines
	}
	if own := c.env.Get("SYSTEM_WGETRC"); own == "" || !add(own) {
		for _, p := range systemWgetrcs(runtime.GOOS) {
			add(p)
		}
		if prefix, ok := strings.CutSuffix(path, "/bin/wget"); ok && prefix != "" {
			add(prefix + "/etc/wgetrc")
		}
	}
	if own := c.env.Get("WGETRC"); own != "" {
		add(own)
	} else {
		add(c.wgetHome() + "/.wgetrc")
	}
	return lines
}

func (c *configs) wget2rcs(add func(string) bool) {
	if own := c.env.Get("SYSTEM_WGET2RC"); own == "" || !add(own) {
		add("/etc/wget2rc")
	}
	home := c.wgetHome()
	xdg := c.env.Get("XDG_CONFIG_HOME")
	if xdg == "" {
		xdg = home + "/.config"
	}
	for _, p := range []string{c.env.Get("WGET2RC"), xdg + "/wget/wget2rc", home + "/.wget2rc"} {
		if p != "" {
			add(p)
		}
	}
}

// systemWgetrcs are the places where the wget of an operating system is built to look.
func systemWgetrcs(goos string) []string {
	paths := []string{"/etc/wgetrc"}
	switch goos {
	case "linux":
		return paths
	case "darwin":
		return append(paths, "/usr/local/etc/wgetrc", "/opt/homebrew/etc/wgetrc", "/opt/local/etc/wgetrc")
	}
	return append(paths, "/usr/local/etc/wgetrc")
}

// Home returns the user's home directory as wget finds it: $HOME, or else the password file's;
// empty if neither has one.
func Home(env Env, uid int, read func(path string) ([]byte, error)) string {
	return (&configs{env: env, uid: uid, read: read}).wgetHome()
}

// wgetHome returns $HOME, be it empty, or else the password file's.
func (c *configs) wgetHome() string {
	home, ok := c.env.Lookup("HOME")
	if !ok {
		home = c.home()
	}
	if !ok && home == "" {
		c.undecided = noHome
	}
	return home
}

// parseWgetrc reads lines of "name = value"; a line of another form has no value.
func parseWgetrc(text string) []rcLine {
	var lines []rcLine
	for line := range strings.Lines(text) {
		line = strings.Trim(line, blanks)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		lines = append(lines, rcLine{strings.Trim(name, blanks), strings.Trim(value, blanks), ok})
	}
	return lines
}

// config judges lines of wget's configuration files as the options that mean the same.
func (p *wgetCall) config(lines []rcLine) {
	p.rc = true
	for _, l := range lines {
		p.configLine(l)
	}
}

func (p *wgetCall) configLine(l rcLine) {
	name := options.Bare(l.name)
	if !l.set {
		p.passWhole("wgetrc: " + l.name + " has no value")
		return
	}
	switch name {
	case "robots", "dotbytes", "dotsinline", "dotspacing":
		return
	case "dirstruct": // the name of -nd and of -x
		if !isOff(l.value) {
			p.g.Pass("wgetrc: " + l.name + " " + options.F.Reason())
		}
		return
	}
	o := findRC(name)
	if o == nil {
		p.passWhole("wgetrc: " + l.name + " is not known")
		return
	}
	no := !o.TakesValue() && isOff(l.value)
	p.option(given{Option: o, shown: "wgetrc: " + l.name, value: l.value, no: no})
}

// findRC finds an option by its name in a wgetrc.
func findRC(name string) *options.Option {
	for i := range options.Wget {
		if o := &options.Wget[i]; name != "" && o.RCName() == name {
			return o
		}
	}
	return nil
}
