package call

import (
	"strings"

	"fromcache/shim/options"
)

// curlCall reads a command line of curl(1).
type curlCall struct {
	Call
	args []string
	g    *Group // the group that options and URLs join

	// of all groups, like the other options of curl(1) that are global
	verbose   bool // -v, or a trace to standard error
	stderrOut bool // --stderr -
	cookies   bool // -b with nothing to send: the cookies of one URL go to the next
}

// parseCurl reads curl's arguments as its getparameter does: words that begin with a dash are
// options until "--", all others are URLs, and what follows a URL still belongs to its group. rc
// holds the lines of the first curlrc, which join the first group.
func parseCurl(args []string, rc []rcLine) *Call {
	p := &curlCall{args: args, g: &Group{}}
	p.Groups = []*Group{p.g}
	for _, l := range rc {
		p.configLine(l)
	}
	plain := false
	for i := 0; i < len(args) && p.Whole == ""; i++ {
		switch a := args[i]; {
		case plain || !strings.HasPrefix(a, "-"):
			p.url(Word{i, 0, a})
		case a == "--":
			plain = true
		case a == "-":
			p.passWhole("- is not known")
		case strings.HasPrefix(a, "--"):
			i = p.long(i, a[2:])
		default:
			i = p.cluster(options.Curl, args, i, p.option)
		}
	}
	p.together()
	return &p.Call
}

// together judges what options, URLs and groups mean beside one another.
func (p *curlCall) together() {
	if p.stderrOut && p.verbose {
		p.passWhole("-v with --stderr - " + options.E.Reason())
	}
	urls := 0
	for _, g := range p.Groups {
		urls += len(g.URLs)
		if g.Resume != "" && len(p.Groups) > 1 {
			g.Pass(g.Resume + " goes on with a file that another group may write")
		}
		if g.showsSize && g.compressed {
			g.Pass("-w shows the size of a compressed answer")
		}
		if g.showsSize && g.Resume != "" { // for a complete file, of the server's own error page
			g.Pass("-w shows the size of an answer that may be an error's")
		}
	}
	if p.cookies && urls > 1 { //guard:shim/plan.TestPlanLines
		p.passWhole("-b carries cookies from one URL to the next")
	}
}

// url takes a URL. Since 8.13 one that begins with @ is a file of URLs, also as a plain word.
func (p *curlCall) url(w Word) {
	if strings.HasPrefix(w.Text, "@") {
		p.passWhole("@ " + options.I.Reason())
	}
	p.g.URLs = append(p.g.URLs, w)
}

// long reads --name and its value, returning the index of the last word taken.
func (p *curlCall) long(i int, name string) int {
	value, skip := "", 0
	o, no := findCurl(name)
	if eq := strings.IndexByte(name, '='); o == nil && eq > 0 {
		// since 8.16; an older curl refuses the word and transfers nothing
		if o = options.Long(options.Curl, name[:eq]); o != nil && o.TakesValue() {
			skip, value = 2+eq+1, name[eq+1:]
			p.option(given{o, "--" + o.Name, value, false, i, skip})
			return i
		}
		o = nil
	}
	if o == nil {
		p.passWhole("--" + name + " is not known")
		return i
	}
	g := given{Option: o, shown: "--" + o.Name, no: no}
	if no {
		g.shown = "--no-" + o.Name
	}
	if o.TakesValue() {
		if i++; i == len(p.args) {
			p.passWhole(g.shown + " lacks its value")
			return i
		}
		g.value, g.Arg = p.args[i], i
	}
	p.option(g)
	return i
}

// findCurl finds a long option by its name in any letter case, by the --no- form of a switch, or,
// as curl did up to 8.5, by a prefix that fits one option only.
func findCurl(name string) (o *options.Option, no bool) {
	name = strings.ToLower(name)
	if o := options.Long(options.Curl, name); o != nil {
		return o, false
	}
	if bare, ok := strings.CutPrefix(name, "no-"); ok {
		if o := options.Long(options.Curl, bare); o != nil && o.Kind == options.Bool {
			return o, true
		}
		return nil, false
	}
	if fit := options.Prefix(options.Curl, name); len(fit) == 1 && name != "" {
		return &fit[0], false
	}
	return nil, false
}

// option applies one option to the group or the call.
func (p *curlCall) option(o given) {
	switch o.Class {
	case options.V:
		p.valued(o)
		return
	case options.S:
		if o.Name == "proto" {
			p.g.Proto = append(p.g.Proto, o.value)
			return
		}
	case options.G:
		if o.Name == "next" {
			p.next()
			return
		}
		if o.Name == "proto-default" {
			p.g.ProtoDefault = o.value
			return
		}
	case options.P:
		if o.Name == "proxy" && o.value == "" || o.Name == "noproxy" && o.value == "*" {
			return // straight to the server, as the cache is reached in any case
		}
	case options.A:
		if p.harmless(o) {
			return
		}
	case options.U:
		p.url(Word{o.Arg, o.Skip, o.value})
	case options.N:
		p.global(o)
		p.g.neutralCurl(o)
	}
	if isShared(o) {
		p.passWhole(o.shown + " " + o.Class.Reason())
	}
	p.judge(p.g, o)
}

// isShared reports whether an option has its effect on all groups. A literal cookie is its group's
// own.
func isShared(o given) bool {
	switch o.Name {
	case "hsts", "alt-svc", "cookie-jar", "libcurl":
		return true
	case "cookie":
		return !strings.Contains(o.value, "=")
	}
	return false
}

// harmless reports whether an option that may carry credentials carries none: an empty cookie file
// switches cookies on, and --netrc-optional counts only where there is a .netrc.
func (p *curlCall) harmless(o given) bool {
	switch {
	case o.Name == "cookie" && (o.value == "" || o.value == "/dev/null"):
		p.cookies = true
	case o.Name == "netrc-optional":
		p.g.netrc = !o.no
	default:
		return false
	}
	return true
}

// next begins a group, unless the last one has no URL: releases differ between an error and no
// effect.
func (p *curlCall) next() {
	if len(p.g.URLs) > 0 {
		p.g = &Group{}
		p.Groups = append(p.Groups, p.g)
	}
}

// valued judges the options of class V, whose value decides.
func (p *curlCall) valued(o given) {
	switch o.Name {
	case "header":
		p.g.header(o.shown, o.value, Curl)
	case "request", "http-request":
		if o.value != "GET" {
			p.g.Pass(o.shown + " " + options.M.Reason())
		}
	case "write-out":
		reason, sizes := judgeWriteOut(o.value)
		if reason != "" {
			p.g.Pass(o.shown + " " + reason)
		}
		p.g.showsSize = p.g.showsSize || sizes
	case "tls-max":
		if o.value == "1.0" || o.value == "1.1" { // which the cache-host would not speak with the origin
			p.g.Pass(o.shown + " " + options.S.Reason())
		}
		p.g.TLSVersion = append(p.g.TLSVersion, "--"+o.Name, o.value)
	default:
		p.g.Pass(o.shown + " " + o.Class.Reason())
	}
}

// global records what options say about the whole call: messages of any group on standard output,
// for instance.
func (p *curlCall) global(o given) {
	switch o.Name {
	case "verbose":
		p.verbose = p.verbose || !o.no
	case "remote-name":
		if o.no && !p.g.remoteAll {
			p.passWhole(o.shown + " without --remote-name-all has no URL of its own")
		}
	case "stderr":
		p.stderrOut = isStdout(o.value)
	case "trace", "trace-ascii":
		if isStdout(o.value) {
			p.passWhole(o.shown + " - " + options.E.Reason())
		}
		p.verbose = p.verbose || o.value == "%" // standard error
	}
}

// neutralCurl records the neutral options that change how the rest is read.
func (g *Group) neutralCurl(o given) {
	switch o.Name {
	case "output", "out-null":
		g.Outputs = append(g.Outputs, Output{File: o.value})
	case "output-dir":
		g.OutputDir = o.value
	case "remote-name":
		g.Outputs = append(g.Outputs, Output{Remote: !o.no})
	case "user-agent":
		g.UserAgent = o.shown
	case "compressed", "tr-encoding":
		g.compressed = g.compressed || !o.no
	case "remote-name-all":
		g.remoteAll = !o.no
	case "globoff":
		g.GlobOff = !o.no
	case "location", "follow":
		g.Follow = !o.no
	case "proto-redir":
		g.RedirProto = append(g.RedirProto, o.value)
	case "max-time":
		g.MaxTime = Word{o.Arg, o.Skip, o.value}
	case "max-redirs":
		g.MaxRedirs = o.value
	case "ipv4":
		g.Family = 4
	case "ipv6":
		g.Family = 6
	case "tlsv1", "tlsv1.0", "tlsv1.1", "tlsv1.2":
		g.TLSVersion = append(g.TLSVersion, "--"+o.Name)
	}
}

// SavesByName reports whether curl names the file of URL i after its path, as -O does.
func (g *Group) SavesByName(i int) bool {
	if i < len(g.Outputs) {
		return g.Outputs[i].Remote
	}
	return g.remoteAll
}
