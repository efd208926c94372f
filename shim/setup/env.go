package setup

import (
	"os"
	"path/filepath"
	"strings"

	"fromcache/shim/call"
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
	o = m.withEnvironment(o)
	switch {
	case shell == "fish" && o.off:
		m.out("set -gx PATH (string match -v -- " + fishQuote(dir) + " $PATH);" +
			" set -e FROMCACHE_SERVER; set -e FROMCACHE_CA_FILE;")
	case shell == "fish":
		m.out(fishOn(dir, o))
	case o.off:
		m.out(posixOff(dir))
	default:
		m.out(strings.TrimSuffix(posixOn(dir, o), "\n"))
	}
	return 0
}

// withEnvironment fills in the cache's address and the file of its CA from the environment where no
// flag names them.
func (m *program) withEnvironment(o flags) flags {
	if o.server == "" {
		o.server = strings.TrimSpace(m.env.Get(plan.EnvServer))
	}
	if o.caFile == "" {
		o.caFile = plan.CAFile(m.env)
	}
	return o
}

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
func posixOn(dir string, o flags) string {
	q := shellQuote(dir)
	return "case \"$PATH\" in " + q + "|" + q + ":*) ;;" +
		" *) PATH=" + q + ":\"$PATH\"; export PATH ;; esac\n" + posixSettings(o)
}

// posixSettings sets the cache's address and the file of its CA, if there are such.
func posixSettings(o flags) (text string) {
	if o.server != "" {
		text = "export FROMCACHE_SERVER=" + shellQuote(o.server) + "\n"
	}
	if o.caFile != "" {
		text += "export FROMCACHE_CA_FILE=" + shellQuote(o.caFile) + "\n"
	}
	return text
}

// posixOff takes the directory out of PATH wherever it stands.
func posixOff(dir string) string {
	q := shellQuote(dir)
	return "PATH=\":$PATH:\"; while case \"$PATH\" in *:" + q + ":*) ;; *) false ;; esac; do" +
		" PATH=\"${PATH%%:" + q + ":*}:${PATH#*:" + q + ":}\"; done;" +
		" PATH=\"${PATH#:}\"; PATH=\"${PATH%:}\"; export PATH;" +
		" unset FROMCACHE_SERVER FROMCACHE_CA_FILE; hash -r 2>/dev/null || true"
}

// fishOn is posixOn for fish.
func fishOn(dir string, o flags) string {
	q := fishQuote(dir)
	s := "test \"$PATH[1]\" = " + q + "; or set -gx PATH " + q + " $PATH;"
	if o.server != "" {
		s += "\nset -gx FROMCACHE_SERVER " + fishQuote(o.server) + ";"
	}
	if o.caFile != "" {
		s += "\nset -gx FROMCACHE_CA_FILE " + fishQuote(o.caFile) + ";"
	}
	return s
}

// profile returns the text of the file in /etc/profile.d: /usr/local/bin before /usr/bin, as it
// mostly is already, and the settings.
func (m *program) profile(o flags) string {
	o = m.withEnvironment(o)
	text := profileHead + "\n"
	if o.server == "" {
		text += "# export FROMCACHE_SERVER=http://cache-host:3000\n"
	}
	return text + "case \":$PATH:\" in *:/usr/local/bin:*/usr/bin:*) ;;" +
		" *) PATH=/usr/local/bin:\"$PATH\"; export PATH ;; esac\n" + posixSettings(o)
}

// shellQuote returns s as one word for a POSIX shell.
func shellQuote(s string) string {
	special := func(r rune) bool {
		return r >= 0x80 || !call.IsAlnum(byte(r)) && !strings.ContainsRune("@%+=:,./_-", r)
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// fishQuote returns s as one word for fish, where only \ and ' are special between quotes.
func fishQuote(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", `\'`) + "'"
}
