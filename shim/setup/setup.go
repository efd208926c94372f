package setup

import (
	"os"
	"path/filepath"
	"strings"

	"fromcache/shim/plan"
	"fromcache/shim/probe"
	"fromcache/shim/realtool"
)

// usage is the help text of the client's tool.
const usage = `fromcache-shim stands in for curl and wget and lets a cache-host serve what it holds.

usage:
  fromcache-shim install   [--dir DIR | --system] [--tools curl,wget] [--server plan.URL] [--root DIR]
  fromcache-shim uninstall [--dir DIR | --system] [--tools curl,wget] [--root DIR]
  fromcache-shim env       [--shell bash|zsh|fish] [--dir DIR] [--server plan.URL] [--off]
  fromcache-shim status
  fromcache-shim doctor    [plan.URL...]
  fromcache-shim plan      [--] curl|wget ARGS...
  fromcache-shim version | help

install puts the shim into DIR (~/.fromcache/bin; with --system /usr/local/bin and /etc/profile.d),
as curl, wget, curlfromcache and wgetfromcache; --tools curlfromcache gives that name alone.
They are hard links, or copies: install again to bring all of them up to date.
It never replaces a file that is not its own; uninstall takes away what install made.
env prints what a shell should eval to put DIR first on its PATH, and with --off to undo that.
A plan.URL whose name moves (latest, stable, current, an install.sh without a version) stands still once the
cache-host holds it: a hit is the version that was fetched, until somebody there fetches it again.
doctor says what stands in the way, and whether a plan.URL would hit, miss or pass, and why.
plan prints the decision and the resulting command without running it.

environment:
  FROMCACHE_SERVER           address of the cache-host; several, by commas or blanks; unset: off
  CURLFROMCACHE_SERVER       instead, for curl alone ("off": none); FROMCACHE_CURL_SERVER too
  WGETFROMCACHE_SERVER       instead, for wget alone; FROMCACHE_WGET_SERVER too
  FROMCACHE_ONLY             hosts to ask about, all others pass (patterns as in no_proxy)
  FROMCACHE_SKIP             hosts never to ask about
  FROMCACHE_CONNECT_TIMEOUT  seconds for the connection to the cache (0.5)
  FROMCACHE_TIMEOUT          seconds for its answer (2)
  FROMCACHE_VERBOSE=1        one line on standard error: hit, miss or pass, and why
  FROMCACHE_LOOPBACK=1       ask about URLs of this machine, too (for tests)
  REAL_CURL, REAL_WGET       the real tools, if PATH should not decide
`

// program is where the client's tool works: its environment and its two streams.
type program struct {
	env      plan.Env
	argv0    string
	version  string
	out, err func(string)
}

// Run is the tool under its own name. The exit status is 0, 1 when what was asked did not succeed, or 2 for a wrong usage.
func Run(argv []string, env plan.Env, version string) int {
	m := &program{env: env, argv0: argv[0], version: version, err: func(s string) { os.Stderr.WriteString(s + "\n") }, out: func(s string) { os.Stdout.WriteString(s + "\n") }}
	verb := ""
	if len(argv) > 1 {
		verb = argv[1]
	}
	switch verb {
	case "install", "uninstall", "env":
		o, bad := parseFlags(argv[2:])
		if bad != "" {
			return m.fail(2, bad)
		}
		return m.setUp(verb, o)
	case "status":
		return m.status()
	case "doctor":
		return m.doctor(argv[2:])
	case "plan":
		return m.plan(argv[2:])
	case "version", "--version", "-V":
		m.out("fromcache-shim " + m.version)
		return 0
	case "help", "--help", "-h":
		m.out(strings.TrimSuffix(usage, "\n"))
		return 0
	case "":
		m.err(strings.TrimSuffix(usage, "\n"))
		return 2
	}
	if name := filepath.Base(argv[0]); name != realtool.Shim {
		return m.fail(2, plan.Printable(name)+" names neither curl nor wget, by which the shim knows what to stand in for; see "+realtool.Shim+" help")
	}
	return m.fail(2, "unknown verb "+plan.Printable(verb)+"; see "+realtool.Shim+" help")
}

// fail says what is wrong and returns the status.
func (m *program) fail(status int, what string) int {
	m.err("fromcache-shim: " + what)
	return status
}

// setup are the flags of install, uninstall and env.
type flags struct {
	dir, root, shell, server string
	tools                    []string
	system, off              bool
}

// parseFlags reads flags as --name VALUE or --name=VALUE; bad says what is wrong with them.
func parseFlags(args []string) (o flags, bad string) {
	tools := "curl,wget"
	for i := 0; i < len(args); i++ {
		name, value, has := strings.Cut(args[i], "=")
		at := o.flag(name, &tools)
		if name == "--system" || name == "--off" {
			o.system, o.off = o.system || name == "--system", o.off || name == "--off"
			continue
		}
		if at == nil {
			return o, "unknown argument " + plan.Printable(args[i])
		}
		if !has {
			if i++; i == len(args) {
				return o, name + " needs a value"
			}
			value = args[i]
		}
		*at = value
	}
	if o.tools = plan.Fields(tools); o.dir != "" && o.system {
		return o, "--dir and --system exclude each other"
	}
	for _, t := range o.tools {
		switch t {
		case "curl", "wget", "curlfromcache", "wgetfromcache":
		default:
			return o, "--tools knows curl, wget, curlfromcache and wgetfromcache"
		}
	}
	if caches, wrong := plan.ParseCaches(o.server); len(wrong) > 0 {
		return o, "--server: " + strings.Join(wrong, "; ")
	} else if o.server != "" && len(caches) == 0 {
		return o, "--server is no address of a cache"
	}
	return o, ""
}

// flag returns where the value of a flag goes, nil for one that takes none.
func (o *flags) flag(name string, tools *string) *string {
	switch name {
	case "--dir":
		return &o.dir
	case "--root":
		return &o.root
	case "--shell":
		return &o.shell
	case "--server":
		return &o.server
	case "--tools":
		return tools
	}
	return nil
}

func (m *program) setUp(verb string, o flags) int {
	switch verb {
	case "install":
		return m.install(o)
	case "uninstall":
		return m.uninstall(o)
	}
	return m.printEnv(o)
}

// home returns the user's home directory.
func (m *program) home() string {
	return plan.Home(m.env, os.Geteuid(), probe.ReadFile)
}
