package setup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/realtool"
)

// marker is in every build of this program, and tells a file that is ours from one that is not.
const marker = "fromcache-shim:this-file-may-be-replaced-by-its-own-install"

// profileHead is the first line of the file in /etc/profile.d.
const profileHead = "# Written by fromcache-shim install; uninstall removes it."

// names returns the names that install makes in a directory: for curl also curlfromcache, which
// scripts may call without curl itself being replaced.
func (o flags) names() []string {
	var names []string
	for _, t := range o.tools {
		if names = append(names, t); !strings.HasSuffix(t, "fromcache") {
			names = append(names, t+"fromcache")
		}
	}
	return names
}

// installDir returns the directory for an installation, with --root before it.
func (m *program) installDir(o flags) (string, error) {
	dir := o.dir
	if o.system {
		dir = "/usr/local/bin"
	} else if dir == "" {
		home := m.home()
		if home == "" {
			return "", errors.New("HOME is not set; use --dir")
		}
		dir = home + "/.fromcache/bin"
	}
	return filepath.Abs(o.root + dir)
}

// install puts this program and links to it into a directory. Everything is looked at before
// anything is changed, and a file that is not ours is never replaced.
func (m *program) install(o flags) int {
	dir, err := m.installDir(o)
	if err != nil {
		return m.fail(1, err.Error())
	}
	profile := o.root + "/etc/profile.d/fromcache.sh"
	for _, name := range append(o.names(), realtool.Shim, realtool.TLSShim) {
		if path := dir + "/" + name; !isOurs(path) {
			return m.fail(1, path+" is not the shim's own; nothing was changed")
		}
	}
	if o.system && !isOurs(profile) {
		return m.fail(1, profile+" is not the shim's own; nothing was changed")
	}
	if err := placeTools(dir, o.names()); err != nil {
		return m.fail(1, err.Error())
	}
	if o.system {
		if err := writeProfile(profile, m.profile(o)); err != nil {
			return m.fail(1, err.Error())
		}
	}
	m.explain(dir, o)
	return 0
}

// explain says what was installed, how to use it and how to undo it.
func (m *program) explain(dir string, o flags) {
	self := shellQuote(dir + "/" + realtool.Shim)
	m.out("installed " + strings.Join(o.names(), " ") + " in " + dir)
	if o.system {
		m.out("new shells of every user have it; undo: fromcache-shim uninstall --system")
	} else {
		m.out("this shell:    eval \"$(" + self + " env)\"")
		m.out("your shells:   put that line at the end of ~/.bashrc or ~/.zshrc")
		m.out("one project:   put it into the .envrc of direnv")
		m.out("undo:          " + self + " uninstall --dir " + shellQuote(dir))
	}
	set := plan.ServerList(m.env, call.Curl) + plan.ServerList(m.env, call.Wget) + o.server
	if set == "" {
		m.out("FROMCACHE_SERVER is not set yet: without it the shim does nothing")
	}
}

// placeTools copies this program into dir and gives it the names, and with it the build that speaks
// TLS, if that lies beside it. Other names of ours that are
// there already are renewed too, so that one directory has one release. None is a symbolic link,
// see package realtool.
func placeTools(dir string, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if beside := filepath.Dir(self) + "/" + realtool.TLSShim; isFile(beside, beside) {
		if err := put(beside, dir+"/"+realtool.TLSShim, false); err != nil {
			return err
		}
	}
	program := dir + "/" + realtool.Shim
	if err := put(self, program, false); err != nil {
		return err
	}
	for _, name := range append(ourTools(dir), names...) {
		if err := put(program, dir+"/"+name, true); err != nil {
			return err
		}
	}
	return nil
}

// put gives path the program at from, as another name of it if link is set and the file system can,
// else as a copy. It renames, so that no call finds half of a program, and one that runs is not
// disturbed.
func put(from, path string, link bool) error {
	if isFile(path, from) {
		return nil // of two names of one file rename(2) would remove neither
	}
	tmp := filepath.Dir(path) + "/.fromcache-new-" + filepath.Base(path)
	os.Remove(tmp)
	var err error
	if !link || os.Link(from, tmp) != nil {
		err = copyFile(from, tmp)
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// copyFile copies a program, with permission for everybody to run it whatever the umask.
func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err == nil {
		err = os.Chmod(to, 0o755)
	}
	return err
}

// isFile reports whether path and other are one file, and path no symbolic link.
func isFile(path, other string) bool {
	a, err1 := os.Lstat(path)
	b, err2 := os.Stat(other)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// isOurs reports whether path may be replaced or removed: it is not there, or it is a link to our
// program, a copy of it, or our profile.
func isOurs(path string) bool {
	if to, err := os.Readlink(path); err == nil {
		return filepath.Base(to) == realtool.Shim
	}
	if _, err := os.Lstat(path); err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	data, err := readBinary(path)
	return err == nil && (strings.Contains(data, marker) || strings.HasPrefix(data, profileHead))
}

// readBinary reads a file of a size that a build of this program may have.
func readBinary(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > 16<<20 {
		return "", errors.New("not a program")
	}
	data, err := os.ReadFile(path)
	return string(data), err
}

// uninstall removes what install made and nothing else.
func (m *program) uninstall(o flags) int {
	dir, err := m.installDir(o)
	if err != nil {
		return m.fail(1, err.Error())
	}
	status := 0
	remove := func(path string) {
		if _, err := os.Lstat(path); err != nil {
			return
		}
		if !isOurs(path) {
			m.err("fromcache-shim: " + path + " is not the shim's own and stays")
		} else if err := os.Remove(path); err != nil {
			status = m.fail(1, err.Error())
		} else {
			m.out("removed " + path)
		}
	}
	for _, name := range o.names() {
		remove(dir + "/" + name)
	}
	if len(ourTools(dir)) == 0 {
		remove(dir + "/" + realtool.Shim)
		remove(dir + "/" + realtool.TLSShim)
		if o.system {
			remove(o.root + "/etc/profile.d/fromcache.sh")
		} else if os.Remove(dir) == nil && strings.HasSuffix(dir, "/.fromcache/bin") {
			os.Remove(filepath.Dir(dir))
		}
	}
	return status
}

// ourTools returns the names of tools in dir that are this program.
func ourTools(dir string) (names []string) {
	for _, t := range []string{"curl", "wget", "curlfromcache", "wgetfromcache"} {
		if _, err := os.Lstat(dir + "/" + t); err == nil && isOurs(dir+"/"+t) {
			names = append(names, t)
		}
	}
	return names
}

// writeProfile writes the file that sets every user's shells up.
func writeProfile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
