package shim

import (
	"os"
	"strings"
	"syscall"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/probe"
	"fromcache/shim/realtool"
	"fromcache/shim/setup"
	"fromcache/shim/wait"
)

// version is set by the linker.
var version = "unversioned"

// Main is the program; argv and env are as execve(2) passed them, and tls is that of package
// secure, or nil in the build without it. Called curl, wget, curlfromcache or wgetfromcache it
// becomes the real tool and does not return, or returns 127 where there is none; called otherwise
// it is package setup. The result is the exit status.
func Main(argv, env []string, tls probe.TLS) int {
	if len(argv) == 0 {
		return 2
	}
	env = shown(env)
	if tls == nil {
		becomeTLS(argv, env)
	}
	if tool, ok := realtool.CalledAs(argv[0], env); ok {
		return run(tool, argv, env, tls)
	}
	return setup.Run(argv, env, version, tls)
}

// shown returns the environment as the program got it: with the variables of Go's runtime that were
// hidden before it began, and without those that were added at its end, see early.c.
func shown(env call.Env) call.Env {
	if n := len(env) - 2; n >= 0 && env[n+1] == "\x01" {
		env = env[:n]
	}
	for i, kv := range env {
		if strings.HasPrefix(kv, "\x01O") {
			env[i] = "G" + kv[1:]
		}
	}
	return env
}

// run becomes the real tool, with the arguments that were decided. Where no cache is set, or a
// shim has judged the call before, nothing is parsed, read or asked.
func run(tool call.Tool, argv []string, env call.Env, tls probe.TLS) int {
	f := realtool.New(env, tool, argv[0])
	path, ok := f.Next()
	args, given := argv[1:], env
	if ok && !f.Judged() {
		d := plan.Decision{Args: args, Env: env, Whole: "no cache is set"}
		if plan.ServerList(env, tool) != "" {
			leaveSignals(tool)
			status := 0
			if d, status = decide(probe.Input(tool, args, env, path, tls)); status != 0 {
				return status
			}
		} else if plan.IsOn(env.Get(plan.EnvVerbose)) {
			complain(d.Line(tool))
		}
		args, env = d.Args, d.Env
	}
	for ; ok; path, ok = f.Next() {
		if become(path, args, f.Mark(env)) == syscall.E2BIG {
			become(path, argv[1:], given) // there was room for the call as it came
		}
	}
	complain("fromcache: no real " + tool.String() + " on PATH, nor in " + realtool.DefaultPath +
		"; set REAL_" + strings.ToUpper(tool.String()) + " to its path")
	return 127
}

// decide decides about a call, and waits before that where it is told to. The status is not 0 where
// the call is to end because it waited in vain.
func decide(in plan.Input) (d plan.Decision, status int) {
	tool := in.Tool.String()
	verbose := plan.IsOn(in.Env.Get(plan.EnvVerbose))
	settings, wrong := wait.Read(in.Env)
	if settings.For > 0 {
		w := wait.Waiter{Ask: in.Ask, Settings: settings}
		if verbose {
			w.Say = func(what string) { complain("fromcache: " + tool + ": " + what) }
		}
		in.Ask = w.Answers
	}
	d = plan.Decide(in)
	if verbose {
		if d.Wrong != "" {
			wrong = append([]string{d.Wrong}, wrong...)
		}
		d.Wrong = strings.Join(wrong, "; ")
		complain(d.Line(in.Tool))
	}
	for _, v := range d.Verdicts {
		if v.Vain != "" && settings.Fail {
			complain("fromcache: " + tool + ": " + v.URL + ": " + v.Reason + ", and " + v.Vain + ": " +
				plan.EnvWait + "=" + plan.Printable(in.Env.Get(plan.EnvWait)) + " " + plan.EnvOnTimeout + "=fail")
			status = vainStatus(in.Tool)
		}
	}
	return d, status
}

// vainStatus is the exit status of a tool that waited in vain: curl's 28, its time is over (curl(1)),
// and wget's 4, a failure of the network (wget(1)). Scripts that try again do so for these.
func vainStatus(tool call.Tool) int {
	if tool == call.Wget {
		return 4
	}
	return 28
}

// become replaces this process; it returns only if that did not work. A script without a first line
// that names its interpreter is run by sh, as execvp(3) has it.
func become(path string, args []string, env call.Env) error {
	argv := append([]string{path}, args...)
	err := syscall.Exec(path, argv, env)
	if err == syscall.ENOEXEC {
		err = syscall.Exec("/bin/sh", append([]string{"/bin/sh"}, argv...), env)
	}
	return err
}

// complain writes a line to standard error.
func complain(line string) {
	os.Stderr.WriteString(line + "\n")
}
