package setup

import (
	"strings"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/probe"
	"fromcache/shim/realtool"
)

// input returns what a call of a tool is judged by on this machine.
func (m *program) input(t call.Tool, args []string) plan.Input {
	real := m.lookUp(t, m.env).real
	if real == "" {
		real = t.String()
	}
	return probe.Input(t, args, m.env, real, m.tls)
}

// plan prints the decision about a command line, and the command that would be run, quoted for a
// shell.
func (m *program) plan(args []string) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return m.fail(2, "plan needs a command: plan -- curl ARGS...")
	}
	t, ok := realtool.Named(args[0])
	if !ok {
		return m.fail(2, "plan knows curl and wget")
	}
	in := m.input(t, args[1:])
	d := plan.Decide(in)
	m.out(strings.TrimPrefix(d.Line(t), "fromcache: "))
	m.out(commandLine(in, d))
	return 0
}

// commandLine returns the command of a decision, with what changes in the environment before it.
func commandLine(in plan.Input, d plan.Decision) string {
	var words []string
	for _, name := range []string{"no_proxy", "CURL_CA_BUNDLE"} {
		if now := d.Env.Get(name); now != in.Env.Get(name) {
			words = append(words, name+"="+shellQuote(now))
		}
	}
	words = append(words, shellQuote(in.Path))
	for _, a := range d.Args {
		words = append(words, shellQuote(a))
	}
	return strings.Join(words, " ")
}
