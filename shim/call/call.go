package call

import (
	"path"
	"strings"

	"fromcache/shim/options"
)

// Call is a command line as the tool reads it: its groups, or the reason why it passes whole.
type Call struct {
	Groups []*Group
	Whole  string // why nothing of the call is asked about; empty if there is no such reason
}

// passWhole notes the first reason for leaving the whole call alone.
func (c *Call) passWhole(reason string) {
	if c.Whole == "" {
		c.Whole = reason
	}
}

// Group is what one set of options says about its URLs: those of curl up to a --next, or all of a
// wget call.
type Group struct {
	URLs    []Word
	Outputs []Output // curl: -o and -O, which pair with the URLs in order
	Reason  string   // why no URL of this group is asked about

	remoteAll    bool       // curl --remote-name-all
	GlobOff      bool       // curl -g
	Follow       bool       // curl -L, --follow
	ProtoDefault string     // curl --proto-default
	Proto        ProtoLists // curl --proto
	RedirProto   ProtoLists // curl --proto-redir
	MaxRedirs    string     // curl --max-redirs, wget --max-redirect
	MaxTime      Word       // curl --max-time, the last of them
	UserAgent    string     // the option that names a User-Agent
	showsSize    bool       // curl -w with the size of the download
	compressed   bool       // curl asks for a compressed answer
	netrc        bool       // curl --netrc-optional
	TLSVersion   []string   // the options that say which TLS, for a probe to say the same
	Family       int        // 4, 6, or 0 for either
	OutputDir    string     // curl --output-dir
	Resume       string     // curl -C -, wget -c: as it was written

	OutFile            bool   // wget -O
	Document           string // its value
	Dirs               bool   // wget --directories
	HTTPSOnly          bool   // wget --https-only
	Timestamping       bool   // wget -N
	ContentDisposition string // wget --content-disposition, as it was written
	Prefix             string // wget -P
	Renamed            bool   // wget --restrict-file-names
	PlacedByRC         bool   // a wgetrc says where files go, by which is not certain
	Quiet              bool   // wget -q, the last of them
	NonVerbose         bool   // wget -nv without a later -v
	LogFile            bool   // wget -o FILE, which is not standard output
	Background         bool   // wget -b
	VolumeByE          bool   // wget -e quiet or -e verbose, which wget2 reads in its own way
}

// Pass notes the first reason for leaving the group alone.
func (g *Group) Pass(reason string) {
	if g.Reason == "" {
		g.Reason = reason
	}
}

// Word is a URL or a value on the command line: arguments[Arg] from byte Skip on. One of a
// configuration file has an Arg of -1.
type Word struct {
	Arg, Skip int
	Text      string
}

// Output is where curl saves one URL: under the name in its path, or in a file; "-" and "" are
// standard output.
type Output struct {
	Remote bool
	File   string
}

// given is one option as it stands in a call.
type given struct {
	*options.Option
	shown string // as it was written, for the reason
	value string
	no    bool // the --no- form
	Arg   int  // where the value stands
	Skip  int
}

// judge applies the classes that let a call pass whatever the value, for both tools.
func (c *Call) judge(g *Group, o given) {
	switch o.Class {
	case options.N, options.U:
	case options.X, options.I:
		c.passWhole(o.shown + " " + o.Class.Reason())
	case options.R:
		c.part(g, o)
	default:
		g.Pass(o.shown + " " + o.Class.Reason())
	}
	if hasControl(o.value) {
		g.Pass(o.shown + " has control bytes in its value")
	}
}

// part judges an option that asks for a part of a file. A part passes, because it may be joined to
// one of another version; a call that goes on with a file is asked about, because the file can be
// compared with what is held.
func (c *Call) part(g *Group, o given) {
	switch {
	case o.Name == "continue" && o.no:
		g.Resume = ""
	case o.Name == "continue", o.Name == "continue-at" && o.value == "-":
		g.Resume = o.shown
	default:
		g.Pass(o.shown + " " + options.R.Reason())
	}
}

// hasControl reports bytes that could end a header line.
func hasControl(s string) bool { return strings.ContainsAny(s, "\r\n\x00") }

// cluster reads letters after a dash, of which the first that takes a value eats the rest of the
// word or else the next one. It returns the index of the last word taken.
func (c *Call) cluster(table []options.Option, args []string, i int, option func(given)) int {
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
		if g.Arg, g.Skip = i, at+1; at+1 == len(a) {
			if i++; i == len(args) {
				c.passWhole(g.shown + " lacks its value")
				return i
			}
			g.Arg, g.Skip = i, 0
		}
		g.value = args[g.Arg][g.Skip:]
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
