package setup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/probe"
	"fromcache/shim/realtool"
)

// usage is the help text of the program under its own name.
const usage = `fromcache-shim stands in for curl and wget: it asks a cache-host for the URL, then
becomes the tool.

usage:
  fromcache-shim install   [--dir DIR | --system] [--tools NAMES] [--server URL] [--ca-file FILE]
                           [--root DIR]
  fromcache-shim uninstall [--dir DIR | --system] [--tools NAMES] [--root DIR]
  fromcache-shim env       [--dir DIR] [--server URL] [--ca-file FILE] [--shell SHELL] [--off]
  fromcache-shim status
  fromcache-shim doctor    [URL...]
  fromcache-shim plan      [--] curl|wget ARGS...
  fromcache-shim version
  fromcache-shim help

verbs:
  install    put the shim into a directory as curl, wget, curlfromcache and wgetfromcache: by hard
             links, or copies; install again to bring all of them up to date
  uninstall  remove what install made
  env        print what a shell should eval to put the directory first on its PATH
  status     say what is set up, and what wins on PATH
  doctor     say what stands in the way, and whether a URL would hit, miss or pass, and why; it asks
             as the tools do, so a miss is recorded
  plan       print the decision about a command, and the command that would be run

flags, as --name VALUE or --name=VALUE:
  --dir DIR       the directory; without it ~/.fromcache/bin
  --system        for every user: /usr/local/bin and /etc/profile.d/fromcache.sh
  --tools NAMES   curl,wget; --tools curlfromcache gives that name alone
  --server URL    the cache-host's address, for the profile or the shell
  --ca-file FILE  the private CA of an https cache-host, for the profile or the shell
  --root DIR      goes before every path, for images
  --shell SHELL   bash, zsh or fish; without it $SHELL's
  --off           undo what env without it did

A file that is not the shim's own is never replaced or removed. A URL whose name moves (latest, an
install.sh without a version) stands still once it is held: a hit is the version that was fetched,
until it is fetched again.

environment:
  FROMCACHE_SERVER           the cache-host's address; several, by commas or blanks; unset: off
  CURLFROMCACHE_SERVER       instead, for curl alone ("off": none); FROMCACHE_CURL_SERVER too
  WGETFROMCACHE_SERVER       instead, for wget alone; FROMCACHE_WGET_SERVER too
  FROMCACHE_ONLY             hosts to ask about, all others pass (patterns as in no_proxy)
  FROMCACHE_SKIP             hosts never to ask about
  FROMCACHE_CA_FILE          certificates (PEM) of the private CA of an https cache-host
  FROMCACHE_CONNECT_TIMEOUT  seconds for the connection to the cache (0.5)
  FROMCACHE_TIMEOUT          seconds for its answer (2)
  FROMCACHE_WAIT             time to wait for what is approved and not held yet: 600 or 10m (none)
  FROMCACHE_ON_TIMEOUT       fail: end with an error when that is over; origin: go there
  FROMCACHE_VERBOSE=1        one line on standard error: hit, miss or pass, and why
  FROMCACHE_LOOPBACK=1       ask about URLs of this machine too, for tests
  REAL_CURL, REAL_WGET       the real tools, if PATH should not decide`

// program is a run under its own name: the environment and the two streams.
type program struct {
	env      call.Env
	argv0    string
	version  string
	tls      probe.TLS
	out, err func(line string)
}

// verbs are what the program knows, for the nearest to a mistyped one.
var verbs = []string{"install", "uninstall", "env", "status", "doctor", "plan", "version", "help"}

// Run is the program under its own name; argv and env are as execve(2) passed them. The result is
// the exit status: 0, 1 where what was asked did not succeed or doctor found a fault, or 2 for
// wrong usage.
func Run(argv []string, env call.Env, version string, tls probe.TLS) int {
	m := &program{
		env: env, argv0: argv[0], version: version, tls: tls,
		out: func(line string) { os.Stdout.WriteString(line + "\n") },
		err: func(line string) { os.Stderr.WriteString(line + "\n") },
	}
	if len(argv) < 2 {
		m.err(usage)
		return 2
	}
	verb, args := argv[1], argv[2:]
	if name := filepath.Base(argv[0]); name == realtool.TLSShim {
		return m.fail(2, name+" is run by "+realtool.Shim+" alone")
	}
	if verb != "plan" && (slices.Contains(args, "--help") || slices.Contains(args, "-h")) {
		verb = "help"
	}
	switch verb {
	case "install", "uninstall", "env":
		return m.setUp(verb, args)
	case "status":
		return m.status()
	case "doctor":
		return m.doctor(args)
	case "plan":
		return m.plan(args)
	case "version", "--version", "-V":
		m.out("fromcache-shim " + m.version)
		return 0
	case "help", "--help", "-h":
		m.out(usage)
		return 0
	}
	if name := filepath.Base(argv[0]); name != realtool.Shim {
		return m.fail(2, plan.Printable(name)+" is the name of no tool that the shim stands in for; see "+
			realtool.Shim+" help")
	}
	return m.fail(2, "unknown verb "+plan.Printable(verb)+nearest(verb)+"; see "+realtool.Shim+" help")
}

// nearest asks whether a verb was meant from which word differs by one or two letters.
func nearest(word string) string {
	for _, verb := range verbs {
		if within(2, word, verb) {
			return " (did you mean " + verb + "?)"
		}
	}
	return ""
}

// within reports whether so many letters inserted, removed or replaced make b of a.
func within(edits int, a, b string) bool {
	switch {
	case edits < 0:
		return false
	case a == "" || b == "":
		return len(a)+len(b) <= edits
	case a[0] == b[0]:
		return within(edits, a[1:], b[1:])
	}
	return within(edits-1, a[1:], b) || within(edits-1, a, b[1:]) || within(edits-1, a[1:], b[1:])
}

// fail says what is wrong and returns the status.
func (m *program) fail(status int, what string) int {
	m.err("fromcache-shim: " + what)
	return status
}

// setUp runs install, uninstall or env.
func (m *program) setUp(verb string, args []string) int {
	o, wrong := parseFlags(args)
	switch {
	case wrong != "":
		return m.fail(2, wrong)
	case verb == "install":
		return m.install(o)
	case verb == "uninstall":
		return m.uninstall(o)
	}
	return m.printEnv(o)
}

// home returns the user's home directory.
func (m *program) home() string {
	return call.Home(m.env, os.Geteuid(), probe.ReadFile)
}

// flags are those of install, uninstall and env.
type flags struct {
	dir, root, shell string
	server, caFile   string
	tools            []string
	system, off      bool
}

// parseFlags reads flags as --name VALUE or --name=VALUE; wrong says what can't be used, empty if
// all can.
func parseFlags(args []string) (o flags, wrong string) {
	tools := "curl,wget"
	values := map[string]*string{
		"--dir": &o.dir, "--root": &o.root, "--shell": &o.shell, "--server": &o.server,
		"--ca-file": &o.caFile, "--tools": &tools,
	}
	for i := 0; i < len(args); i++ {
		name, value, attached := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--system":
			o.system = true
			continue
		case args[i] == "--off":
			o.off = true
			continue
		case values[name] == nil:
			return o, "unknown argument " + plan.Printable(args[i])
		case !attached:
			if i++; i == len(args) {
				return o, name + " needs a value"
			}
			value = args[i]
		}
		*values[name] = value
	}
	o.tools = plan.Fields(tools)
	return o, o.check()
}

// check says which flag can't be used, and why.
func (o *flags) check() string {
	if o.dir != "" && o.system {
		return "--dir and --system exclude each other"
	}
	for _, t := range o.tools {
		if _, known := realtool.Named(t); !known || filepath.Base(t) != t {
			return "--tools knows curl, wget, curlfromcache and wgetfromcache"
		}
	}
	if o.caFile != "" && !filepath.IsAbs(o.caFile) {
		return "--ca-file needs an absolute path, because scripts change directories"
	}
	caches, wrong := plan.ParseCaches(o.server)
	if len(wrong) > 0 {
		return "--server: " + strings.Join(wrong, "; ")
	}
	if o.server != "" && len(caches) == 0 {
		return "--server is no address of a cache"
	}
	return ""
}
