package plan

import (
	"path"
	"strings"

	"fromcache/shim/options"
)

// call is a command line as the tool reads it: its groups, or the reason why it passes whole.
type call struct {
	groups []*group
	whole  string // why nothing of the call is asked about; empty if there is no such reason
}

// passWhole notes the first reason for leaving the whole call alone.
func (c *call) passWhole(reason string) {
	if c.whole == "" {
		c.whole = reason
	}
}

// group is what one set of options says about its URLs: those of curl up to a --next, or all of a
// wget call.
type group struct {
	urls    []word
	outputs []output // curl: -o and -O, which pair with the URLs in order
	reason  string   // why no URL of this group is asked about

	remoteAll    bool       // curl --remote-name-all
	globoff      bool       // curl -g
	follow       bool       // curl -L, --follow
	protoDefault string     // curl --proto-default
	proto        protoLists // curl --proto
	redirProto   protoLists // curl --proto-redir
	maxRedirs    string     // curl --max-redirs, wget --max-redirect
	userAgent    string     // the option that names a User-Agent
	showsSize    bool       // curl -w with the size of the download
	compressed   bool       // curl asks for a compressed answer
	netrc        bool       // curl --netrc-optional
	tlsVersion   []string   // the options that say which TLS, for a probe to say the same
	family       int        // 4, 6, or 0 for either
	outputDir    string     // curl --output-dir
	resume       string     // curl -C -, wget -c: as it was written

	outFile            bool   // wget -O
	document           string // its value
	dirs               bool   // wget --directories
	httpsOnly          bool   // wget --https-only
	timestamping       bool   // wget -N
	contentDisposition string // wget --content-disposition, as it was written
	prefix             string // wget -P
	renamed            bool   // wget --restrict-file-names
	placedByRC         bool   // a wgetrc says where files go, by which is not certain
	quiet              bool   // wget -q, the last of them
	nonVerbose         bool   // wget -nv without a later -v
	logFile            bool   // wget -o FILE, which is not standard output
	volumeByE          bool   // wget -e quiet or -e verbose, which wget2 reads in its own way
}

// pass notes the first reason for leaving the group alone.
func (g *group) pass(reason string) {
	if g.reason == "" {
		g.reason = reason
	}
}

// word is a URL on the command line: arguments[arg] from byte skip on.
type word struct {
	arg, skip int
	text      string
}

// output is where curl saves one URL: under the name in its path, or in a file; "-" and "" are
// standard output.
type output struct {
	remote bool
	file   string
}

// given is one option as it stands in a call.
type given struct {
	*options.Option
	shown string // as it was written, for the reason
	value string
	no    bool // the --no- form
	arg   int  // where the value stands, for --url
	skip  int
}

// judge applies the classes that let a call pass whatever the value, for both tools.
func (c *call) judge(g *group, o given) {
	switch o.Class {
	case options.N, options.U:
	case options.X, options.I:
		c.passWhole(o.shown + " " + o.Class.Reason())
	case options.R:
		c.part(g, o)
	default:
		g.pass(o.shown + " " + o.Class.Reason())
	}
	if hasControl(o.value) {
		g.pass(o.shown + " has control bytes in its value")
	}
}

// part judges an option that asks for a part of a file. A part passes, because it may be joined to
// one of another version; a call that goes on with a file is asked about, because the file can be
// compared with what is held.
func (c *call) part(g *group, o given) {
	switch {
	case o.Name == "continue" && o.no:
		g.resume = ""
	case o.Name == "continue", o.Name == "continue-at" && o.value == "-":
		g.resume = o.shown
	default:
		g.pass(o.shown + " " + options.R.Reason())
	}
}

// hasControl reports bytes that could end a header line.
func hasControl(s string) bool { return strings.ContainsAny(s, "\r\n\x00") }

// cluster reads letters after a dash, of which the first that takes a value eats the rest of the
// word or else the next one. It returns the index of the last word taken.
func (c *call) cluster(table []options.Option, args []string, i int, option func(given)) int {
	a := args[i]
	for at := 1; at < len(a); at++ {
		o := options.Letter(table, a[at])
		if o == nil || o.Name == "next" && at+1 < len(a) {
			c.passWhole("-" + a[at:] + " is not known")
			return i
		}
		g := given{Option: o, shown: "-" + a[at:at+1]}
		if !o.TakesValue() {
			option(g)
			continue
		}
		if g.arg, g.skip = i, at+1; at+1 == len(a) {
			if i++; i == len(args) {
				c.passWhole(g.shown + " lacks its value")
				return i
			}
			g.arg, g.skip = i, 0
		}
		g.value = args[g.arg][g.skip:]
		option(g)
		return i
	}
	return i
}

// isStdout reports whether a tool that is given this name for a file writes to standard output.
func isStdout(name string) bool {
	switch path.Clean(name) {
	case "-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1":
		return true
	}
	return false
}
