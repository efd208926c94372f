package shim

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// marker is in every build of this program, and tells a file that is ours from one that is not.
const marker = "fromcache-shim:this-file-may-be-replaced-by-its-own-install"

// profileHead is the first line of the file in /etc/profile.d.
const profileHead = "# Written by fromcache-shim install; uninstall removes it."

// binary is the name under which install puts this program; the tools are links to it.
const binary = "fromcache-shim"

// links returns the names that install makes in a directory: of a tool also the one that leaves the tool's own name alone.
func (o setup) links() []string {
	var names []string
	for _, t := range o.tools {
		if names = append(names, t); !strings.HasSuffix(t, "fromcache") {
			names = append(names, t+"fromcache")
		}
	}
	return names
}

// place returns the directory for an installation. --root is put before it, for images that are built elsewhere.
func (m *machine) place(o setup) (string, error) {
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

// install puts this program and links to it into a directory. Everything is looked at before anything is changed, and a file
// that is not ours is never replaced.
func (m *machine) install(o setup) int {
	dir, err := m.place(o)
	if err != nil {
		return m.fail(1, err.Error())
	}
	profile := o.root + "/etc/profile.d/fromcache.sh"
	for _, name := range append(o.links(), binary) {
		if path := dir + "/" + name; !isOurs(path) {
			return m.fail(1, path+" is not ours; nothing was changed")
		}
	}
	if o.system && !isOurs(profile) {
		return m.fail(1, profile+" is not ours; nothing was changed")
	}
	if err := placeLinks(dir, o.links()); err != nil {
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

// explain says what there is now, how to use it and how to undo it.
func (m *machine) explain(dir string, o setup) {
	self := shellQuote(dir + "/" + binary)
	m.out("installed " + strings.Join(o.links(), " ") + " in " + dir)
	if o.system {
		m.out("new shells of every user have it; undo: fromcache-shim uninstall --system")
	} else {
		m.out("this shell:    eval \"$(" + self + " env)\"")
		m.out("your shells:   put that line at the end of ~/.bashrc or ~/.zshrc")
		m.out("one project:   put it into the .envrc of direnv")
		m.out("undo:          " + self + " uninstall --dir " + shellQuote(dir))
	}
	if serverList(m.env, Curl) == "" && serverList(m.env, Wget) == "" && o.server == "" {
		m.out("FROMCACHE_SERVER is not set yet: without it the shim does nothing")
	}
}

// placeLinks copies this program and makes the links, each by a rename, so that no call ever finds half of one.
func placeLinks(dir string, links []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := copySelf(dir + "/" + binary); err != nil {
		return err
	}
	for _, name := range links {
		tmp := dir + "/.fromcache-new-" + name
		os.Remove(tmp)
		if err := os.Symlink(binary, tmp); err != nil {
			return err
		}
		if err := os.Rename(tmp, dir+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

// copySelf puts this program at path by a rename, so that one that runs there is not disturbed.
func copySelf(path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if a, err := os.Stat(path); err == nil {
		if b, err := os.Stat(self); err == nil && os.SameFile(a, b) {
			return nil
		}
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	tmp := filepath.Dir(path) + "/.fromcache-new"
	if err = os.WriteFile(tmp, data, 0o755); err == nil {
		if err = os.Chmod(tmp, 0o755); err == nil {
			err = os.Rename(tmp, path)
		}
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// isOurs reports whether path may be replaced or removed: it is not there, or it is a link to our program, a copy of it, or
// our profile.
func isOurs(path string) bool {
	if to, err := os.Readlink(path); err == nil {
		return filepath.Base(to) == binary
	}
	info, err := os.Lstat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	if !info.Mode().IsRegular() || info.Size() > 16<<20 {
		return false
	}
	data, err := os.ReadFile(path)
	return err == nil && (bytes.Contains(data, []byte(marker)) || bytes.HasPrefix(data, []byte(profileHead)))
}

// uninstall removes what install made and nothing else.
func (m *machine) uninstall(o setup) int {
	dir, err := m.place(o)
	if err != nil {
		return m.fail(1, err.Error())
	}
	status := 0
	remove := func(path string) {
		if _, err := os.Lstat(path); err != nil {
			return
		}
		if !isOurs(path) {
			m.err("fromcache-shim: " + path + " is not ours and stays")
		} else if err := os.Remove(path); err != nil {
			status = m.fail(1, err.Error())
		} else {
			m.out("removed " + path)
		}
	}
	for _, name := range o.links() {
		remove(dir + "/" + name)
	}
	if !anyLink(dir) {
		remove(dir + "/" + binary)
		if o.system {
			remove(o.root + "/etc/profile.d/fromcache.sh")
		} else if os.Remove(dir) == nil && strings.HasSuffix(dir, "/.fromcache/bin") {
			os.Remove(filepath.Dir(dir))
		}
	}
	return status
}

// anyLink reports whether a tool in dir is still a link to our program there.
func anyLink(dir string) bool {
	for _, t := range []string{"curl", "wget", "curlfromcache", "wgetfromcache"} {
		if to, err := os.Readlink(dir + "/" + t); err == nil && filepath.Base(to) == binary {
			return true
		}
	}
	return false
}

func writeProfile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
