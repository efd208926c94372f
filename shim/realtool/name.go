package realtool

import (
	"os"
	"path/filepath"
	"strings"

	"fromcache/shim/call"
)

// Shim is the name under which install puts this program; the tools are hard links to it, or
// copies.
const Shim = "fromcache-shim"

// TLSShim is the name of the build that speaks TLS. It lies beside the other one, which becomes it.
const TLSShim = "fromcache-shim-tls"

// CalledAs returns the tool that a call is for: by the name it was called by, else, for a link of
// another name and for exec -a, by that of a file which the link leads to, or of this program's.
func CalledAs(argv0 string, env call.Env) (call.Tool, bool) {
	tool, ok := Named(argv0)
	if ok || filepath.Base(argv0) == Shim {
		return tool, ok
	}
	path := argv0
	if !strings.Contains(argv0, "/") {
		path, _ = OnPath(env, argv0)
	}
	for _, path := range links(path) {
		if tool, ok := Named(path); ok {
			return tool, true
		}
	}
	if self, err := os.Executable(); err == nil {
		return Named(self)
	}
	return 0, false
}

// Named returns the tool that a name, or the last element of a path, stands for.
func Named(path string) (call.Tool, bool) {
	switch filepath.Base(path) {
	case "curl", "curlfromcache":
		return call.Curl, true
	case "wget", "wgetfromcache":
		return call.Wget, true
	}
	return 0, false
}

// FileName returns the name of the file that a path leads to, links followed.
func FileName(path string) string {
	chain := links(path)
	return filepath.Base(chain[len(chain)-1])
}

// links returns a path, and the paths to which it leads as a symbolic link, at most eight.
func links(path string) []string {
	chain := []string{path}
	for range 8 {
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = path[:strings.LastIndexByte(path, '/')+1] + to
		}
		path = to
		chain = append(chain, path)
	}
	return chain
}
