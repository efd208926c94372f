package shim

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Main is the program: argv as execve(2) passed it, env its environment. Called curl, wget, curlfromcache or wgetfromcache it
// becomes the real tool and does not return; otherwise it is the client's own tool. The result is the exit status.
func Main(argv, env []string) int {
	if len(argv) == 0 {
		return 2
	}
	env = shown(env)
	if tool, ok := calledAs(argv[0], env); ok {
		return run(tool, argv, env)
	}
	return client(argv, env)
}

// shown returns an environment with the variables of Go's runtime that were hidden from it before it began, see early.c.
func shown(env Env) Env {
	for i, kv := range env {
		if strings.HasPrefix(kv, "\x01O") {
			env[i] = "G" + kv[1:]
		}
	}
	return env
}

// calledAs returns the tool that a call is for: by the name it was called by, else, for a link of another name and for exec -a, by
// that of a file which the link leads to, or of this program's.
func calledAs(argv0 string, env Env) (Tool, bool) {
	tool, ok := toolNamed(argv0)
	if ok || base(argv0) == binary {
		return tool, ok
	}
	path := argv0
	if !strings.Contains(argv0, "/") {
		for _, path = range onPath(env, argv0) {
			if _, ok := statID(path); ok {
				break
			}
		}
	}
	for i := 0; i < maxLinks && !ok; i++ {
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		path = linked(path, to)
		tool, ok = toolNamed(path)
	}
	if self, err := os.Executable(); err == nil && !ok {
		tool, ok = toolNamed(self)
	}
	return tool, ok
}

// toolNamed returns the tool that a path or a name says.
func toolNamed(path string) (Tool, bool) {
	switch base(path) {
	case "curl", "curlfromcache":
		return Curl, true
	case "wget", "wgetfromcache":
		return Wget, true
	}
	return 0, false
}

// base returns what follows the last slash.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// maxLinks bounds a chain of symbolic links.
const maxLinks = 8

// linked returns the path to which a symbolic link leads.
func linked(path, to string) string {
	if strings.HasPrefix(to, "/") {
		return to
	}
	return path[:strings.LastIndexByte(path, '/')+1] + to
}

// run becomes the real tool, with what a Plan made of the arguments. Where no cache is set, or a shim has judged the call
// before, nothing is parsed, read or asked.
func run(tool Tool, argv []string, env Env) int {
	f := newFinder(env, tool, argv[0])
	path, ok := f.next()
	args, given := argv[1:], env
	if ok && !f.judged() {
		d := Decision{Args: args, Env: env, Whole: "no cache is set"}
		if serverList(env, tool) != "" {
			d = Plan(liveInput(tool, args, env, path))
		}
		if isOn(env.Get(envVerbose)) {
			complain(d.Line(tool))
		}
		args, env = d.Args, d.Env
	}
	for ; ok; path, ok = f.next() {
		if become(path, args, f.mark(env)) == syscall.E2BIG {
			become(path, argv[1:], given) // there was room for the call as it came
		}
	}
	complain("fromcache: no real " + tool.String() + " on PATH, nor in " + defaultPath + "; set REAL_" + strings.ToUpper(tool.String()) + " to its path")
	return 127
}

// become replaces this process; it returns only if that did not work. A script without a first line that names its
// interpreter is run by sh, as execvp(3) has it.
func become(path string, args []string, env Env) error {
	argv := append([]string{path}, args...)
	err := syscall.Exec(path, argv, env)
	if err == syscall.ENOEXEC {
		err = syscall.Exec("/bin/sh", append([]string{"/bin/sh"}, argv...), env)
	}
	return err
}

// liveInput is an Input on this machine; path is the real tool's.
func liveInput(tool Tool, args []string, env Env, path string) Input {
	p := liveProber(tool, env, path)
	return Input{Tool: tool, Args: args, Env: env, UID: os.Geteuid(), Path: path, Real: realName(tool, path), Read: readConfig, Size: fileSize, Ask: p.Ask}
}

// liveProber asks caches as the environment has it.
func liveProber(tool Tool, env Env, path string) *prober {
	return &prober{
		tool: tool, real: path, env: env,
		connectTimeout: timeout(env.Get(envConnectTimeout), defaultConnectTimeout),
		timeout:        timeout(env.Get(envTimeout), defaultTimeout),
		stamps:         openStamps(env, os.Geteuid()),
	}
}

// realName returns the name of the file that a path leads to. Only wget goes by one name on systems where it is another
// program.
func realName(tool Tool, path string) string {
	if tool == Wget {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
	}
	return base(path)
}

// complain writes a line to standard error.
func complain(line string) {
	os.Stderr.WriteString(line + "\n")
}
