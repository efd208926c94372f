package shim

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// defaultPath is searched where PATH is unset, and where it has no real tool.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// fileID is what makes two names the same file: device and inode.
type fileID struct{ dev, ino uint64 }

// statID returns the identity of a file, links followed, and whether it is a regular file that somebody may execute.
func statID(path string) (id fileID, executable bool) {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return id, false
	}
	mode := uint32(st.Mode)
	id = fileID{uint64(st.Dev), uint64(st.Ino)}
	return id, mode&syscall.S_IFMT == syscall.S_IFREG && mode&0o111 != 0
}

// finder finds the real tool: the first of that name on PATH that is neither this binary nor a file that a shim has already
// been or become on the way here. What was tried is handed on in one environment variable, so each step of a chain of copies
// and wrapper scripts has one file less to choose from, and every chain ends.
type finder struct {
	env   Env
	tool  Tool
	tried []fileID
}

// newFinder starts from what the environment says was tried, and this binary.
func newFinder(env Env, tool Tool, argv0 string) *finder {
	f := &finder{env: env, tool: tool}
	for _, w := range strings.Fields(env.Get(EnvTried)) {
		dev, ino, _ := strings.Cut(w, ":")
		d, err1 := strconv.ParseUint(dev, 16, 64)
		i, err2 := strconv.ParseUint(ino, 16, 64)
		if err1 == nil && err2 == nil {
			f.tried = append(f.tried, fileID{d, i})
		}
	}
	f.tried = append(f.tried, selfID(env, argv0))
	return f
}

// judged reports whether a shim ran before this one in the same chain, and so has seen the arguments.
func (f *finder) judged() bool { return f.env.Get(EnvTried) != "" }

// selfID returns the identity of this binary.
func selfID(env Env, argv0 string) fileID {
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
	_, id := onPath(env, argv0)
	return id
}

// onPath returns the first file of a name on PATH, as a shell would find it, and its identity; an empty path if there is none.
func onPath(env Env, name string) (string, fileID) {
	for _, path := range allOnPath(env, name) {
		if id, ok := statID(path); ok {
			return path, id
		}
	}
	return "", fileID{}
}

// allOnPath returns the paths at which PATH has a name; an empty element is the working directory, as in execvp(3).
func allOnPath(env Env, name string) []string {
	list, ok := env.Lookup("PATH")
	if !ok {
		list = defaultPath
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

// next returns the next candidate that was not tried, and counts it as tried. REAL_CURL or REAL_WGET, a path or a name to look
// up on PATH, comes before the tool's own name.
func (f *finder) next() (path string, ok bool) {
	for _, path := range f.candidates() {
		if id, executable := statID(path); executable && !slices.Contains(f.tried, id) {
			f.tried = append(f.tried, id)
			return path, true
		}
	}
	return "", false
}

func (f *finder) candidates() []string {
	var paths []string
	own := f.env.Get("REAL_CURL")
	if f.tool == Wget {
		own = f.env.Get("REAL_WGET")
	}
	switch {
	case strings.Contains(own, "/"):
		paths = append(paths, own)
	case own != "":
		paths = append(paths, allOnPath(f.env, own)...)
	}
	paths = append(paths, allOnPath(f.env, f.tool.String())...)
	// a sandbox whose PATH is a directory of links has the shim there, and what the links resolve to elsewhere
	return append(paths, allOnPath(nil, f.tool.String())...)
}

// mark returns the environment with what was tried.
func (f *finder) mark(env Env) Env {
	words := make([]string, len(f.tried))
	for i, id := range f.tried {
		words[i] = strconv.FormatUint(id.dev, 16) + ":" + strconv.FormatUint(id.ino, 16)
	}
	return env.With(EnvTried, strings.Join(words, " "))
}
