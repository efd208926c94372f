package shim

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/realtool"
)

// minData is the least limit of data (setrlimit(2), RLIMIT_DATA) at which becomeTLS goes on: 32 MiB
// of crypto/tls that are never used count, too.
const minData = 256 << 20

// becomeTLS becomes the build of this program that speaks TLS, where a call or a verb may need it:
// an https cache is set, and the file of its CA. It is a program of its own because crypto/tls
// makes each start 0.25 ms longer, the program 2.2 MB larger, and a start impossible under limits
// that are enough for curl. It returns where there is no such file beside this one; then the real
// tool asks the cache.
func becomeTLS(argv []string, env call.Env) {
	if plan.CAFile(env) == "" || env.Get(plan.EnvTried) != "" {
		return
	}
	tool, isTool := realtool.CalledAs(argv[0], env)
	if isTool {
		argv = append([]string{tool.String()}, argv[1:]...)
	} else if len(argv) < 2 || argv[1] != "doctor" && argv[1] != "plan" {
		return
	}
	if !usesHTTPS(env, tool) && (isTool || !usesHTTPS(env, call.Wget)) {
		return
	}
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_DATA, &limit)
	if err != nil || uint64(limit.Cur) < minData { //guard:TestCAFileLimits
		return
	}
	if self, err := os.Executable(); err == nil {
		syscall.Exec(filepath.Dir(self)+"/"+realtool.TLSShim, argv, env)
	}
}

// usesHTTPS reports whether one of a tool's caches is an https one.
func usesHTTPS(env call.Env, tool call.Tool) bool {
	return strings.Contains(strings.ToLower(plan.ServerList(env, tool)), "https://")
}
