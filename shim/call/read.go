package call

import (
	"strings"

	"fromcache/shim/options"
)

// Source is what a call is read from.
type Source struct {
	Tool Tool
	Args []string // without the name of the tool
	Env  Env
	UID  int    // whose home the tools look up where HOME is unset
	Path string // of the real tool
	Real string // its file name, links followed: wget2 and busybox differ from wget
	// Read returns a configuration file's contents. Errors are those of os.ReadFile, or
	// ErrNotPlain.
	Read func(path string) ([]byte, error)
}

// Read reads the command line and the configuration files that belong to it, as the tool does.
// netrc is the text of wget's .netrc, which counts by the host of a URL.
func Read(s Source) (c *Call, netrc string) {
	files := &configs{env: s.Env, uid: s.UID, read: s.Read}
	if s.Tool == Curl {
		c = s.curl(files)
	} else {
		c, netrc = s.wget(files)
	}
	if files.undecided != "" {
		c.passWhole(files.undecided)
	}
	return c, netrc
}

func (s Source) curl(files *configs) *Call {
	var lines []rcLine
	if len(s.Args) > 0 && !strings.HasPrefix(s.Args[0], "-q") && s.Args[0] != "--disable" {
		lines = files.curlrc()
	}
	c := parseCurl(s.Args, lines)
	for _, g := range c.Groups {
		if g.netrc && files.curlNetrc() {
			g.Pass("--netrc-optional " + options.A.Reason())
		}
	}
	return c
}

func (s Source) wget(files *configs) (c *Call, netrc string) {
	_, posix := s.Env.Lookup("POSIXLY_CORRECT")
	w := parseWget(s.Args, posix)
	if w.Whole == "" && !w.noConfig {
		w.config(files.wgetrcs(s.Path, s.Real == "wget2"))
	}
	netrc, _ = files.file(files.wgetHome() + "/.netrc")
	return &w.Call, netrc
}
