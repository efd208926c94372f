package setup

import (
	"os"
	"path/filepath"
	"strings"

	"fromcache/shim/plan"
)

// printEnv prints what a shell should eval: the shim's directory first on PATH, and the address of
// the cache where one is known. With --off it prints what takes the directory off PATH.
func (m *program) printEnv(o flags) int {
	dir, err := m.envDir(o)
	if err != nil {
		return m.fail(1, err.Error())
	}
	shell := o.shell
	if shell == "" {
		shell = filepath.Base(m.env.Get("SHELL"))
	}
	server := o.server
	if server == "" {
		server = serverOf(m.env)
	}
	switch {
	case shell == "fish" && o.off:
		m.out("set -gx PATH (string match -v -- " + fishQuote(dir) + " $PATH); set -e FROMCACHE_SERVER;")
	case shell == "fish":
		m.out(fishOn(dir, server))
	case o.off:
		m.out(posixOff(dir))
	default:
		m.out(strings.TrimSuffix(posixOn(dir, server), "\n"))
	}
	return 0
}

// serverOf returns the address of the cache in the environment.
func serverOf(env plan.Env) string { return strings.TrimSpace(env.Get(plan.EnvServer)) }

// envDir returns the directory of --dir, or that of this program where tools lie beside it, or the
// usual one.
func (m *program) envDir(o flags) (string, error) {
	if o.dir == "" && !o.system {
		if self, err := os.Executable(); err == nil && len(ourTools(filepath.Dir(self))) > 0 {
			return filepath.Dir(self), nil
		}
	}
	return m.installDir(o)
}

// posixOn puts dir first on PATH, for sh, bash, zsh and dash. Evaluated twice it changes nothing
// more.
func posixOn(dir, server string) string {
	q := shellQuote(dir)
	return "case \"$PATH\" in " + q + "|" + q + ":*) ;;" +
		" *) PATH=" + q + ":\"$PATH\"; export PATH ;; esac\n" + posixServer(server)
}

// posixServer sets the cache's address, if there is one.
func posixServer(server string) string {
	if server == "" {
		return ""
	}
	return "export FROMCACHE_SERVER=" + shellQuote(server) + "\n"
}

// posixOff takes the directory out of PATH wherever it stands.
func posixOff(dir string) string {
	q := shellQuote(dir)
	return "PATH=\":$PATH:\"; while case \"$PATH\" in *:" + q + ":*) ;; *) false ;; esac; do" +
		" PATH=\"${PATH%%:" + q + ":*}:${PATH#*:" + q + ":}\"; done;" +
		" PATH=\"${PATH#:}\"; PATH=\"${PATH%:}\"; export PATH;" +
		" unset FROMCACHE_SERVER; hash -r 2>/dev/null || true"
}

// fishOn is posixOn for fish.
func fishOn(dir, server string) string {
	q := fishQuote(dir)
	s := "test \"$PATH[1]\" = " + q + "; or set -gx PATH " + q + " $PATH;"
	if server != "" {
		s += "\nset -gx FROMCACHE_SERVER " + fishQuote(server) + ";"
	}
	return s
}

// profile returns the text of the file in /etc/profile.d: /usr/local/bin before /usr/bin, as it
// mostly is already, and the cache's address.
func (m *program) profile(o flags) string {
	server := o.server
	if server == "" {
		server = serverOf(m.env)
	}
	text := profileHead + "\n"
	if server == "" {
		text += "# export FROMCACHE_SERVER=http://cache-host:3000\n"
	}
	return text + "case \":$PATH:\" in *:/usr/local/bin:*/usr/bin:*) ;;" +
		" *) PATH=/usr/local/bin:\"$PATH\"; export PATH ;; esac\n" + posixServer(server)
}

// shellQuote returns s as one word for a POSIX shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// fishQuote returns s as one word for fish, where only \ and ' are special between quotes.
func fishQuote(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", `\'`) + "'"
}
