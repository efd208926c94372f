package plan

import (
	"strconv"
	"strings"

	"fromcache/shim/call"
)

// Input is all that a Decision depends on.
type Input struct {
	Tool call.Tool
	Args []string // without the name of the tool
	Env  call.Env
	UID  int    // whose home the tools look up where HOME is unset
	Path string // of the real tool
	Real string // its file name, links followed: wget2 and busybox differ from wget
	// Read returns a configuration file's contents. Errors are those of os.ReadFile, or
	// ErrNotPlain.
	Read func(path string) ([]byte, error)
	// Size returns the size of a file in the working directory or elsewhere; errors are those of
	// os.Stat.
	Size func(path string) (int64, error)
	// Ask asks the caches about all questions at once, returning as many answers in their order.
	Ask func([]Question) []Answer
}

// Verdict is the outcome for one URL and why. URL is fit to be shown to people.
type Verdict struct {
	URL     string
	Outcome Outcome
	Reason  string
	Base    string // of the cache that holds it
	Vain    string // why it was waited for in vain; empty if it was not
}

// Decision is what the real tool is to be given.
type Decision struct {
	Args     []string
	Env      call.Env
	Whole    string // why the whole call passed unasked; empty if it did not
	Wrong    string // which addresses of caches can't be used, where others can
	Verdicts []Verdict
}

// Decide decides about one call. It reads the command line as the tool would, asks about the URLs
// whose answer would be the same from a cache, and re-points those that are held. Whatever it is
// not sure about it leaves alone: Args and Env are then those of the call, byte for byte.
func Decide(in Input) Decision {
	p := planner{Input: in, settings: readSettings(in)}
	out := Decision{Args: in.Args, Env: in.Env}
	if len(p.caches) == 0 {
		if out.Whole = p.wrong; out.Whole == "" {
			out.Whole = "no cache is set"
		}
		return out
	}
	out.Wrong = p.wrong
	var c *call.Call
	c, p.netrc = call.Read(call.Source{
		Tool: in.Tool, Args: in.Args, Env: in.Env, UID: in.UID,
		Path: in.Path, Real: in.Real, Read: in.Read,
	})
	if out.Whole = c.Whole; c.Whole != "" {
		return out
	}
	p.groups = c.Groups
	for _, g := range c.Groups {
		p.group(g)
	}
	p.ask()
	p.keepCAFromOrigins()
	out.Verdicts = p.verdicts
	out.Args, out.Env = p.result()
	return out
}

// planner makes one Decision.
type planner struct {
	Input
	settings
	netrc    string // contents, of wget's
	groups   []*call.Group
	saved    map[string]bool // the files that wget -N finds absent, and makes
	verdicts []Verdict
	asked    []candidate
	waited   float64 // seconds
}

// candidate is a URL that is asked about.
type candidate struct {
	q       Question
	w       call.Word
	verdict int
	suffix  string // what follows the name in the cache URL
	answer  Answer
}

// group judges each URL of a group.
func (p *planner) group(g *call.Group) {
	if g.Resume != "" && sharesFile(g) {
		g.Pass(g.Resume + " goes on with one file for several URLs")
	}
	for i, w := range g.URLs {
		t, reason := p.target(g, i, w)
		p.verdicts = append(p.verdicts, Verdict{URL: Redacted(w.Text), Reason: reason})
		if reason != "" {
			continue
		}
		c := candidate{w: w, verdict: len(p.verdicts) - 1}
		c.suffix = p.suffix(g, i, t)
		c.q = Question{
			URL: t, Family: g.Family, NeedsRanges: g.Resume != "",
			MayRedirect: p.followsAll(g, t.Scheme), TLS: g.TLSVersion,
			Limit: waitLimit(g),
		}
		if c.q.Caches, reason = p.usable(g); reason == "" && g.Resume != "" {
			c.q.Resumes, reason = p.resumed(g, i, t)
		}
		if reason != "" {
			p.verdicts[c.verdict].Reason = reason
			continue
		}
		p.asked = append(p.asked, c)
	}
}

// suffix returns what follows the name in the cache's URL for the file to be called as it is at the
// origin: wget keeps the query in the name, and so does curl -O up to 7.85, with the fragment.
// Later ones leave out either.
func (p *planner) suffix(g *call.Group, i int, t URL) string {
	switch at := strings.IndexAny(g.URLs[i].Text, "?#"); {
	case p.Tool == call.Wget && !g.OutFile:
		return t.Query
	case p.Tool == call.Curl && at >= 0 && g.SavesByName(i):
		return g.URLs[i].Text[at:]
	}
	return ""
}

// target returns the URL that a word of the command line means, or why the cache is not asked about
// it.
func (p *planner) target(g *call.Group, i int, w call.Word) (t URL, reason string) {
	if g.Reason != "" {
		return t, g.Reason
	}
	url := w.Text
	switch {
	case p.Real == "wget2" && (g.VolumeByE || !g.Quiet && !g.NonVerbose && !g.LogFile):
		return t, "wget2 shows the URL where it is not quiet"
	case p.Real == "busybox" && strings.Contains(url, "#"):
		return t, "busybox sends the fragment"
	case p.Real == "busybox" && encodeStrayPercent(url) != url:
		return t, "busybox sends a % that encodes nothing"
	}
	if p.Tool == call.Wget {
		url = wgetURL(url)
	} else if url = curlURL(url, g.ProtoDefault); !g.GlobOff && isPattern(url) {
		return t, "the URL is a pattern"
	}
	if t, reason = parseURL(url); reason != "" {
		return t, reason
	}
	if p.Tool == call.Wget { // as wget asks for it
		t.Path, t.Query = encodeStrayPercent(t.Path), encodeStrayPercent(t.Query)
	}
	if reason = p.hostReason(t); reason != "" {
		return t, reason
	}
	return t, p.fileReason(g, i, t)
}

// hostReason says why the cache is never asked about a host.
func (p *planner) hostReason(t URL) string {
	switch {
	case p.isCache(t):
		return "the URL is the cache's own"
	case isLoopback(t.Host) && !p.loopback:
		return "the host is this machine"
	case isMetadata(t.Host):
		return "the host is link-local or a metadata service"
	case matchHost(p.skip, t.Host, t.EffectivePort()):
		return "the host is in " + EnvSkip
	case p.only != "" && !matchHost(p.only, t.Host, t.EffectivePort()):
		return "the host is not in " + EnvOnly
	case p.netrc != "" && call.NetrcNames(p.netrc, strings.Trim(t.Host, "[]")):
		return "a .netrc names the host"
	}
	return ""
}

// fileReason says why a file could not be named as it would be, or why the tool would refuse the
// origin.
func (p *planner) fileReason(g *call.Group, i int, t URL) string {
	if p.Tool == call.Curl && g.SavesByName(i) {
		if t.Name() == "" {
			return "-O needs a file name in the URL"
		}
		if encodeStrayPercent(t.Name()) != t.Name() {
			return "-O needs a file name that a cache can be asked for" // no server takes a stray %
		}
	}
	if g.UserAgent != "" && !namesFile(t.Name()) { //guard:TestPlanLines
		return g.UserAgent + " may choose the answer where the URL names no file"
	}
	if hasDots(t.Name()) || p.Tool == call.Wget && hasDots(t.Path) {
		// wget decodes them in some locales, and so do newer curls
		return "the URL has encoded dot segments"
	}
	if p.Tool == call.Wget {
		if reason := p.wgetFileReason(g, t); reason != "" {
			return reason
		}
	}
	if !g.Proto.Allow(t.Scheme) {
		return "--proto refuses the URL"
	}
	return ""
}

// usable returns the caches to which the group's options allow a connection.
func (p *planner) usable(g *call.Group) (caches []Cache, reason string) {
	for _, c := range p.caches {
		switch {
		case !g.Proto.Allow(c.URL.Scheme):
			reason = "--proto refuses the cache's scheme"
		case g.HTTPSOnly && c.URL.Scheme != "https":
			reason = "--https-only refuses the cache's scheme"
		case p.Real == "busybox" && c.URL.Scheme == "https":
			reason = "busybox does not check certificates"
		case p.Real == "busybox" && proxyIsSet(p.Env, call.Wget, c.URL.Scheme):
			reason = "busybox has no no_proxy"
		default:
			caches = append(caches, c)
		}
	}
	if len(caches) > 0 {
		reason = ""
	}
	return caches, reason
}

// maxRedirects is how many redirects a cache-host follows for an artifact.
const maxRedirects = 10

// followsAll reports whether the tool would have followed every redirect that the cache-host may
// have followed.
func (p *planner) followsAll(g *call.Group, scheme string) bool {
	if p.Tool == call.Curl && !g.Follow {
		return false
	}
	n, err := strconv.Atoi(g.MaxRedirs)
	if g.MaxRedirs != "" && (err != nil || n >= 0 && n < maxRedirects) {
		return false
	}
	return g.RedirProto.Allow("https") && (scheme == "https" || g.RedirProto.Allow("http"))
}

// ask puts all questions at once and notes the outcomes.
func (p *planner) ask() {
	if len(p.asked) == 0 {
		return
	}
	questions := make([]Question, len(p.asked))
	for i := range p.asked {
		questions[i] = p.asked[i].q
	}
	for i, a := range p.Ask(questions) {
		v := &p.verdicts[p.asked[i].verdict]
		p.asked[i].answer = a
		v.Outcome, v.Reason, v.Vain = a.Outcome, a.Reason, a.Vain
		p.waited = max(p.waited, a.Waited)
		if a.Outcome == Hit {
			v.Base = p.asked[i].q.Caches[a.Cache].Base
		}
	}
}

// result returns the arguments and the environment for the real tool.
func (p *planner) result() ([]string, call.Env) {
	args, changed := p.leftOver()
	env, caFile := p.Env, ""
	for _, c := range p.asked {
		if c.answer.Outcome != Hit {
			continue
		}
		if !changed {
			args, changed = append([]string(nil), args...), true
		}
		cache := c.q.Caches[c.answer.Cache]
		args[c.w.Arg] = args[c.w.Arg][:c.w.Skip] + cache.Address(c.q.URL, c.answer.Pin) + c.suffix
		env = PastProxy(env, p.Tool, cache)
		if p.needsCA(cache) {
			caFile = p.caFile
		}
	}
	return p.Tool.Trust(args, env, caFile)
}
