package setup

import (
	"strings"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/realtool"
)

// lookup says what PATH gives for a tool: the first file of that name, and whether it is this
// program.
type lookup struct {
	path string
	shim bool
	real string // what the shim would become
}

// lookUp finds a tool as a shell would, and what the shim would become.
func (m *program) lookUp(tool call.Tool, env call.Env) lookup {
	var w lookup
	self := realtool.Self(m.env, m.argv0)
	if path, id := realtool.OnPath(env, tool.String()); path != "" {
		w.path, w.shim = path, id == self || isCopy(path)
	}
	f := realtool.New(env.With(plan.EnvTried, ""), tool, m.argv0)
	for path, ok := f.Next(); ok; path, ok = f.Next() {
		if !isCopy(path) {
			w.real = path
			break
		}
	}
	return w
}

// isCopy reports whether a file is a build of this program.
func isCopy(path string) bool {
	data, err := readBinary(path)
	return err == nil && strings.Contains(data, marker)
}

// status prints what is set up and what wins on PATH.
func (m *program) status() int {
	m.out("fromcache-shim " + m.version)
	for _, t := range []call.Tool{call.Curl, call.Wget} {
		m.out(m.lookUp(t, m.env).line(t))
	}
	for _, dir := range []string{m.home() + "/.fromcache/bin", "/usr/local/bin"} {
		if len(ourTools(dir)) > 0 {
			m.out("installed in " + dir)
		}
	}
	for _, t := range []call.Tool{call.Curl, call.Wget} {
		caches, wrong := plan.Caches(m.env, t)
		for _, w := range wrong {
			m.out(t.String() + " cache: " + w)
		}
		if len(caches) == 0 {
			m.out(t.String() + " cache: none, so the shim does nothing")
			continue
		}
		for _, c := range caches {
			m.out(t.String() + " cache: " + c.Base)
		}
	}
	for _, name := range []string{
		plan.EnvOnly, plan.EnvSkip, plan.EnvCAFile, plan.EnvConnectTimeout, plan.EnvTimeout,
		plan.EnvVerbose, plan.EnvLoopback,
		"REAL_CURL", "REAL_WGET",
	} {
		if v := m.env.Get(name); v != "" {
			m.out(name + "=" + plan.Printable(v))
		}
	}
	return 0
}

// line says in words what a lookup found.
func (w lookup) line(t call.Tool) string {
	name := t.String() + ": "
	switch {
	case w.path == "":
		return name + "none on PATH"
	case !w.shim:
		return name + w.path + " (not the shim)"
	case w.real == "":
		return name + w.path + " (the shim, and no real " + t.String() + " behind it)"
	}
	return name + w.path + " (the shim) becomes " + w.real
}
