package plan

import (
	"slices"
	"strings"

	"fromcache/shim/call"
)

// The variables of the shim. Each tool has two of its own, which replace FROMCACHE_SERVER for it
// alone. A blank value counts as unset, and "off" turns the shim off.
const (
	EnvServer     = "FROMCACHE_SERVER" // the cache-host; several, by commas or white space
	EnvCurlServer = "CURLFROMCACHE_SERVER"
	EnvWgetServer = "WGETFROMCACHE_SERVER"
	EnvCurlAlias  = "FROMCACHE_CURL_SERVER"
	EnvWgetAlias  = "FROMCACHE_WGET_SERVER"

	EnvOnly     = "FROMCACHE_ONLY"     // hosts to ask about, all others pass: patterns as in no_proxy
	EnvSkip     = "FROMCACHE_SKIP"     // hosts never to ask about
	EnvLoopback = "FROMCACHE_LOOPBACK" // 1: ask about URLs of this machine too, for tests
	EnvVerbose  = "FROMCACHE_VERBOSE"  // 1: say on standard error what was decided, and why

	EnvCAFile         = "FROMCACHE_CA_FILE"         // certificates of a private CA, for https caches
	EnvConnectTimeout = "FROMCACHE_CONNECT_TIMEOUT" // for a connection to the cache
	EnvTimeout        = "FROMCACHE_TIMEOUT"         // for its whole answer

	EnvWait      = "FROMCACHE_WAIT"       // for what is approved and not held yet
	EnvOnTimeout = "FROMCACHE_ON_TIMEOUT" // origin or fail: what to do where that time is over

	EnvTried = "FROMCACHE_TRIED" // set by the shim itself: the files that it has been or become
)

// settings are the shim's own part of the environment.
type settings struct {
	caches     []Cache
	wrong      string // what of the addresses can't be used, with the name of their variable
	skip, only string
	loopback   bool
	caFile     string
}

// readSettings takes the settings for a call from its environment.
func readSettings(in Input) settings {
	caches, wrong := Caches(in.Env, in.Tool)
	return settings{
		caches:   caches,
		wrong:    strings.Join(wrong, "; "),
		skip:     in.Env.Get(EnvSkip),
		only:     strings.Trim(in.Env.Get(EnvOnly), ", \t"),
		loopback: IsOn(in.Env.Get(EnvLoopback)),
		caFile:   CAFile(in.Env),
	}
}

// isCache reports whether a URL points at one of the caches.
func (s *settings) isCache(t URL) bool {
	return slices.ContainsFunc(s.caches, func(c Cache) bool { return c.is(t) })
}

// ServerList returns the addresses of caches that the environment names for a tool, as they were
// written; empty if there are none, or the shim is turned off.
func ServerList(env call.Env, tool call.Tool) string {
	_, list := serverVariable(env, tool)
	return list
}

// serverVariable returns them and the name of their variable.
func serverVariable(env call.Env, tool call.Tool) (name, list string) {
	names := []string{EnvCurlServer, EnvCurlAlias, EnvServer}
	if tool == call.Wget {
		names = []string{EnvWgetServer, EnvWgetAlias, EnvServer}
	}
	for _, name = range names {
		if list = strings.TrimSpace(env.Get(name)); list != "" {
			break
		}
	}
	if strings.ToLower(list) == "off" {
		list = ""
	}
	return name, list
}

// Caches returns the caches that the environment names for a tool, and for each address that can't
// be used what is wrong with it.
func Caches(env call.Env, tool call.Tool) (caches []Cache, wrong []string) {
	name, list := serverVariable(env, tool)
	caches, wrong = ParseCaches(list)
	for i := range wrong {
		wrong[i] = name + ": " + wrong[i]
	}
	return caches, wrong
}

// IsOn reports whether a switch of the environment is on: set, and not to 0, no, off or false.
func IsOn(v string) bool {
	switch strings.ToLower(v) {
	case "", "0", "no", "off", "false":
		return false
	}
	return true
}
