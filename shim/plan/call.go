package plan

import (
	"fromcache/shim/options"
)

// call is a command line as the tool reads it: its groups, or the reason why it passes whole.
type call struct {
	tool   Tool
	groups []*group
	whole  string // why nothing of the call is asked about; empty if there is no such reason
}

// passWhole notes the first reason for leaving the whole call alone.
func (c *call) passWhole(reason string) {
	if c.whole == "" {
		c.whole = reason
	}
}

// group is what one set of options says about its URLs: between two --next of curl's, or all of a
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
	placedByRC         bool   // a wgetrc says where files go, and which of several counts is not worth a guess
	quiet              bool   // wget -q, the last of them
	nonVerbose         bool   // wget -nv without a later -v
	logFile            bool   // wget -o FILE, which is not standard output
	volumeByE          bool   // wget -e quiet or -e verbose, of which wget2 makes what it likes
}

// pass notes the first reason for leaving the group alone.
func (g *group) pass(reason string) {
	if g.reason == "" {
		g.reason = reason
	}
}

// word is a URL on the command line: arguments[arg] from byte skip on. arg is -1 for one from a
// configuration file.
type word struct {
	arg, skip int
	text      string
}

// output is where one URL of curl's goes: to the name in its path, or to a file, "-" or "" for
// none.
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

// classReason is what a class says about a call that it stops.
func classReason(c options.Class) string {
	switch c {
	case options.X:
		return "prints information"
	case options.M:
		return "sends a body or another method"
	case options.H:
		return "shows the header"
	case options.E:
		return "shows facts of the URL"
	case options.A:
		return "carries credentials"
	case options.V:
		return "has a value that counts"
	case options.C:
		return "depends on what the origin holds now"
	case options.F:
		return "lets the server choose names"
	case options.D:
		return "fetches more than the URL"
	case options.I:
		return "takes URLs or options from elsewhere"
	case options.P:
		return "chooses the way to the server"
	case options.R:
		return "asks for a part"
	case options.S:
		return "constrains the connection"
	case options.T:
		return "depends on how the origin frames its answer"
	case options.G:
		return "changes how the URL is read"
	}
	return "is not neutral"
}

// judge applies what both tools share: the classes that stop a call whatever the value.
func (c *call) judge(g *group, o given) {
	switch o.Class {
	case options.N, options.U:
	case options.X, options.I:
		c.passWhole(o.shown + " " + classReason(o.Class))
	case options.R:
		c.part(g, o)
	default:
		g.pass(o.shown + " " + classReason(o.Class))
	}
	if hasControl(o.value) {
		g.pass(o.shown + " has control bytes in its value")
	}
}

// part judges an option that asks for a part of a file. A part may be joined to one that came from
// the origin, or that was of another version; what goes on with a file can be compared with it, see
// resume.go.
func (c *call) part(g *group, o given) {
	switch {
	case o.Name == "continue" && o.no:
		g.resume = ""
	case o.Name == "continue", o.Name == "continue-at" && o.value == "-":
		g.resume = o.shown
	default:
		g.pass(o.shown + " " + classReason(options.R))
	}
}

// hasControl reports bytes that could end a header line.
func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '\r' || s[i] == '\n' || s[i] == 0 {
			return true
		}
	}
	return false
}
