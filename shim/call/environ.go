package call

import "strings"

// Env is an environment as execve(2) takes it: "name=value" strings, of which the first of a name
// counts.
type Env []string

// Get returns the value of name, empty if it is not set.
func (e Env) Get(name string) string {
	v, _ := e.Lookup(name)
	return v
}

// Lookup returns the value of name and whether it is set.
func (e Env) Lookup(name string) (string, bool) {
	for _, kv := range e {
		if len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name {
			return kv[len(name)+1:], true
		}
	}
	return "", false
}

// With returns the environment with name set to value; e is not changed.
func (e Env) With(name, value string) Env {
	out := make(Env, 0, len(e)+1)
	for _, kv := range e {
		if !strings.HasPrefix(kv, name+"=") {
			out = append(out, kv)
		}
	}
	return append(out, name+"="+value)
}

// Tool is one of the two programs that the shim stands in for.
type Tool int

// The tools.
const (
	Curl Tool = iota
	Wget
)

// String returns the tool's name, by which it is looked for on PATH.
func (t Tool) String() string {
	if t == Wget {
		return "wget"
	}
	return "curl"
}

// Trust returns arguments and an environment with which the tool trusts the certificates in a file;
// an empty name changes nothing. curl then trusts these instead of its own (curl(1),
// CURL_CA_BUNDLE), in some builds beside them; wget trusts them beside the system's (wget(1),
// --ca-certificate).
func (t Tool) Trust(args []string, env Env, file string) ([]string, Env) {
	switch {
	case file == "":
		return args, env
	case t == Wget:
		return append([]string{"--ca-certificate=" + file}, args...), env
	}
	return args, env.With("CURL_CA_BUNDLE", file)
}
