package realtool

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"fromcache/shim/call"
	"fromcache/shim/plan"
)

// DefaultPath is searched where PATH is unset, and where it has no real tool.
const DefaultPath = "/usr/local/bin:/usr/bin:/bin"

// FileID is what makes two names the same file: device and inode.
type FileID struct{ dev, ino uint64 }

// statID returns the identity of a file, links followed, and whether it is a regular file that
// somebody may execute.
func statID(path string) (id FileID, executable bool) {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return id, false
	}
	mode := uint32(st.Mode)
	id = FileID{uint64(st.Dev), uint64(st.Ino)}
	return id, mode&syscall.S_IFMT == syscall.S_IFREG && mode&0o111 != 0
}

// Finder finds the real tool: the first of its name on PATH that is neither this binary nor a file
// that a shim has already been or become on the way here. FROMCACHE_TRIED hands on what was tried,
// so each step of a chain of copies and wrapper scripts has one file less to choose from, and every
// chain ends.
type Finder struct {
	env   call.Env
	tool  call.Tool
	tried []FileID
}

// New returns a Finder that leaves out this binary and what the environment says was tried.
func New(env call.Env, tool call.Tool, argv0 string) *Finder {
	f := &Finder{env: env, tool: tool}
	for _, w := range strings.Fields(env.Get(plan.EnvTried)) {
		dev, ino, _ := strings.Cut(w, ":")
		d, err1 := strconv.ParseUint(dev, 16, 64)
		i, err2 := strconv.ParseUint(ino, 16, 64)
		if err1 == nil && err2 == nil {
			f.tried = append(f.tried, FileID{d, i})
		}
	}
	f.tried = append(f.tried, Self(env, argv0))
	if self, err := os.Executable(); err == nil && filepath.Base(self) == TLSShim {
		if id, ok := statID(filepath.Dir(self) + "/" + Shim); ok { // the build that became this one
			f.tried = append(f.tried, id)
		}
	}
	return f
}

// Judged reports whether another shim has judged this call already.
func (f *Finder) Judged() bool { return f.env.Get(plan.EnvTried) != "" }

// Self returns the identity of this binary.
func Self(env call.Env, argv0 string) FileID {
	if id, ok := statID("/proc/self/exe"); ok {
		return id
	}
	if path, err := os.Executable(); err == nil {
		if id, ok := statID(path); ok {
			return id
		}
	}
	if strings.Contains(argv0, "/") {
		id, _ := statID(argv0)
		return id
	}
	_, id := OnPath(env, argv0)
	return id
}

// OnPath returns the first file of a name on PATH, as a shell would find it, and its identity; an
// empty path if there is none.
func OnPath(env call.Env, name string) (string, FileID) {
	for _, path := range allOnPath(env, name) {
		if id, ok := statID(path); ok {
			return path, id
		}
	}
	return "", FileID{}
}

// allOnPath returns the paths at which PATH has a name; an empty element is the working directory,
// as in execvp(3).
func allOnPath(env call.Env, name string) []string {
	list, ok := env.Lookup("PATH")
	if !ok {
		list = DefaultPath
	}
	var paths []string
	for _, dir := range strings.Split(list, ":") {
		if dir == "" {
			dir = "."
		}
		paths = append(paths, strings.TrimSuffix(dir, "/")+"/"+name)
	}
	return paths
}

// Next returns the next candidate that was not tried, and counts it as tried. REAL_CURL or
// REAL_WGET, a path or a name to look up on PATH, comes before the tool's own name.
func (f *Finder) Next() (path string, ok bool) {
	for _, path := range f.candidates() {
		if id, executable := statID(path); executable && !slices.Contains(f.tried, id) {
			f.tried = append(f.tried, id)
			return path, true
		}
	}
	return "", false
}

// candidates returns the paths to try, in order.
func (f *Finder) candidates() []string {
	var paths []string
	own := f.env.Get("REAL_CURL")
	if f.tool == call.Wget {
		own = f.env.Get("REAL_WGET")
	}
	switch {
	case strings.Contains(own, "/"):
		paths = append(paths, own)
	case own != "":
		paths = append(paths, allOnPath(f.env, own)...)
	}
	paths = append(paths, allOnPath(f.env, f.tool.String())...)
	// In a sandbox whose PATH is a directory of links to the shim, the tools are elsewhere.
	return append(paths, allOnPath(nil, f.tool.String())...) //guard:shim.TestDefaultPath
}

// Mark returns the environment with what was tried.
func (f *Finder) Mark(env call.Env) call.Env {
	words := make([]string, len(f.tried))
	for i, id := range f.tried {
		words[i] = strconv.FormatUint(id.dev, 16) + ":" + strconv.FormatUint(id.ino, 16)
	}
	return env.With(plan.EnvTried, strings.Join(words, " "))
}
