package call

import (
	"strings"

	"fromcache/shim/options"
)

// wgetCall reads a command line of wget(1), and the lines of its configuration files.
type wgetCall struct {
	Call
	args     []string
	g        *Group
	noConfig bool
	rc       bool // reading configuration files, which the command line overrides
}

// parseWget reads wget's arguments as getopt_long(3) does: options anywhere until "--", or with
// posix until the first plain word; unique prefixes of long names; a switch takes a value only
// after "=".
func parseWget(args []string, posix bool) *wgetCall {
	p := &wgetCall{args: args, g: &Group{}}
	p.Groups = []*Group{p.g}
	plain := false
	for i := 0; i < len(args) && p.Whole == ""; i++ {
		switch a := args[i]; {
		case plain || !strings.HasPrefix(a, "-") || a == "-":
			p.g.URLs = append(p.g.URLs, Word{i, 0, a})
			plain = plain || posix
		case a == "--":
			plain = true
		case strings.HasPrefix(a, "--"):
			i = p.long(i, a[2:])
		default:
			i = p.cluster(options.Wget, args, i, p.option)
		}
	}
	return p
}

// long reads --name, --name=value or --name value, returning the index of the last word taken.
func (p *wgetCall) long(i int, text string) int {
	name, value, attached := strings.Cut(text, "=")
	o, no := findWget(name)
	if o == nil || attached && (no || o.Kind == options.None) {
		p.passWhole("--" + name + " is not known")
		return i
	}
	g := given{Option: o, shown: "--" + o.Name, value: value, no: no}
	if no {
		g.shown = "--no-" + o.Name
	}
	if !no && !attached && disagrees(o) {
		p.passWhole(g.shown + " without = is read differently by wget2")
		return i
	}
	if o.TakesValue() && !attached {
		if i++; i == len(p.args) {
			p.passWhole(g.shown + " lacks its value")
			return i
		}
		g.value = p.args[i]
	}
	if o.Kind == options.Bool && attached {
		g.no = isOff(value)
	}
	p.option(g)
	return i
}

// disagrees reports whether wget and wget2 differ on whether the next word belongs to an option.
func disagrees(o *options.Option) bool {
	switch o.Name {
	case "backups", "report-speed", "restrict-file-names", "compression", "waitretry":
		return true
	}
	return false
}

// findWget finds a long option by its name, by that of its --no- form, or by a prefix that fits one
// of either only.
func findWget(name string) (o *options.Option, no bool) {
	if o := options.Long(options.Wget, name); o != nil {
		return o, false
	}
	bare, isNo := strings.CutPrefix(name, "no-")
	if o := options.Long(options.Wget, bare); isNo && o != nil && o.Kind == options.Bool {
		return o, true
	}
	n := 0
	for i := range options.Wget {
		f := &options.Wget[i]
		if strings.HasPrefix(f.Name, name) {
			o, no = f, false
			n++
		}
		if f.Kind == options.Bool && strings.HasPrefix("no-"+f.Name, name) {
			o, no = f, true
			n++
		}
	}
	if n != 1 {
		return nil, false
	}
	return o, no
}

// option applies one option to the call.
func (p *wgetCall) option(o given) {
	switch o.Name {
	case "execute":
		p.command(o.value)
		return
	case "header":
		p.g.header(o.shown, o.value, Wget)
		return
	case "no":
		if strings.Trim(o.value, "vHdcp") != "" || o.value == "" {
			p.passWhole("-n" + o.value + " is not known")
		}
		p.g.NonVerbose = p.g.NonVerbose || strings.Contains(o.value, "v")
		return
	case "secure-protocol":
		p.g.secureProtocol(o)
		return
	case "method":
		if o.value == "GET" {
			return
		}
	case "timestamping":
		if p.g.Timestamping = p.g.Timestamping || !o.no; !o.no {
			return
		}
	case "content-disposition":
		if p.g.ContentDisposition = o.shown; !o.no {
			return
		}
	case "no-config":
		p.noConfig = true
	}
	if o.Class == options.N {
		p.neutral(o)
	}
	p.judge(p.g, o)
}

// neutral records what a neutral option says about files and messages.
func (p *wgetCall) neutral(o given) {
	p.places(o)
	p.g.neutralWget(o)
	if !p.rc {
		p.g.volume(o)
	}
}

// places records where the command line says that files go. It overrides what a wgetrc says.
func (p *wgetCall) places(o given) {
	switch {
	case o.Name == "directory-prefix" && !p.rc:
		p.g.Prefix = o.value
	case o.Name == "output-document" && !p.rc:
		p.g.Document = o.value
	case o.Name == "directory-prefix" && p.g.Prefix == "",
		o.Name == "output-document" && p.g.Document == "":
		p.g.PlacedByRC = true
	}
}

// secureProtocol accepts the versions that ask for no more than a cache-host asks of an origin, TLS
// 1.2; wget takes them for the lowest that will do. Any other value lets the call pass: PFS, for
// instance, chooses ciphers.
func (g *Group) secureProtocol(o given) {
	switch strings.ToLower(o.value) {
	case "auto", "tlsv1", "tlsv1_1", "tlsv1_2":
		g.TLSVersion = append(g.TLSVersion, "--"+o.Name+"="+o.value)
	default:
		g.Pass(o.shown + " " + options.S.Reason())
	}
}

// volume records what the command line says about messages, because wget2 prints them, with the
// URL, on standard output.
func (g *Group) volume(o given) {
	switch o.Name {
	case "quiet":
		g.Quiet = !o.no
	case "verbose":
		g.NonVerbose = o.no
	case "output-file", "append-output":
		g.LogFile = o.value != "" && !isStdout(o.value)
	}
}

// neutralWget records the neutral options that change how the rest is read.
func (g *Group) neutralWget(o given) {
	switch o.Name {
	case "output-document":
		g.OutFile = true
	case "background":
		g.Background = !o.no
	case "directories":
		g.Dirs = !o.no
	case "inet4-only":
		g.Family = 4
	case "inet6-only":
		g.Family = 6
	case "max-redirect":
		if g.MaxRedirs = o.value; o.value == "0" {
			g.Pass(o.shown + "=0 shows whether the URL redirects")
		}
	case "https-only":
		g.HTTPSOnly = !o.no
	case "restrict-file-names":
		g.Renamed = true
	case "user-agent":
		g.UserAgent = o.shown
	case "output-file", "append-output":
		if isStdout(o.value) {
			g.Pass(o.shown + " - " + options.E.Reason())
		}
	}
	if (o.Name == "inet4-only" || o.Name == "inet6-only") && o.no {
		g.Family = 0
	}
}

// executable are the wgetrc commands that -e may carry without the call being left alone.
const executable = " robots timeout connecttimeout readtimeout dnstimeout tries wait waitretry" +
	" randomwait retryconnrefused quiet verbose progress showprogress dotstyle dotbytes dotsinline" +
	" dotspacing limitrate checkcertificate useragent referer useproxy cookies hsts dnscache" +
	" passiveftp httpkeepalive ignorelength useservertimestamps "

// command judges the value of -e.
func (p *wgetCall) command(line string) {
	name, value, ok := strings.Cut(line, "=")
	name = options.Bare(strings.Trim(name, blanks))
	if !ok || !strings.Contains(executable, " "+name+" ") || hasControl(value) {
		p.passWhole("-e " + options.I.Reason())
	}
	if name == "useragent" {
		p.g.UserAgent = "-e user_agent"
	}
	p.g.VolumeByE = p.g.VolumeByE || name == "quiet" || name == "verbose"
}

// isOff reports whether wget(1) reads v as false.
func isOff(v string) bool {
	switch strings.ToLower(strings.Trim(v, blanks)) {
	case "off", "no", "0":
		return true
	}
	return false
}
