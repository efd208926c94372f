package plan

import (
	"strings"

	"fromcache/shim/call"
)

// proxyIsSet reports whether the tool would use a proxy of the environment for a scheme: curl reads
// http_proxy in lower case alone, https_proxy and all_proxy in both (curl(1), ENVIRONMENT); wget
// reads lower case alone and no all_proxy.
func proxyIsSet(env call.Env, tool call.Tool, scheme string) bool {
	names := []string{scheme + "_proxy"}
	if tool == call.Curl {
		names = append(names, "all_proxy", "ALL_PROXY")
		if scheme == "https" {
			names = append(names, "HTTPS_PROXY")
		}
	}
	for _, n := range names {
		if env.Get(n) != "" {
			return true
		}
	}
	return false
}

// PastProxy returns the environment in which the tool reaches the cache directly: where a proxy is
// set, the cache's host without its port joins no_proxy. Where no_proxy is unset or empty, curl's
// new one begins with the value of NO_PROXY, because curl reads that only without the other.
func PastProxy(env call.Env, tool call.Tool, c Cache) call.Env {
	if !proxyIsSet(env, tool, c.URL.Scheme) {
		return env
	}
	list := env.Get("no_proxy")
	if list == "" && tool == call.Curl {
		list = env.Get("NO_PROXY")
	}
	host := strings.Trim(c.URL.Host, "[]")
	if tool == call.Curl && strings.TrimSpace(list) == "*" {
		return env
	}
	for _, f := range Fields(list) {
		if strings.ToLower(f) == host {
			return env
		}
	}
	if list = strings.TrimRight(list, ", "); list != "" {
		host = list + "," + host
	}
	return env.With("no_proxy", host)
}
