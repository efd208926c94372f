package probe

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fromcache/shim/call"
	"fromcache/shim/plan"
)

// stampLifetime is how long a cache that was down is not asked, so that it is found within that
// time when it comes back.
const stampLifetime = 30 * time.Second

// stamps is a directory of stamps, which counts only while it is uid's own. A stamp says by its
// name which cache was down, by its modification time when, and by its text why: a line in words,
// and where it did not answer in time a second one with how often that was so in a row.
type stamps struct {
	dir string
	uid int
}

// openStamps returns $XDG_RUNTIME_DIR, or a directory per user under the temp directory, which
// write makes. Either is used only if it is a real directory of this user's that nobody else can
// write to.
func openStamps(env call.Env, uid int) stamps {
	if dir := env.Get("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && ownDir(dir, uid) {
		return stamps{dir, uid}
	}
	tmp := env.Get("TMPDIR")
	if !filepath.IsAbs(tmp) {
		tmp = "/tmp"
	}
	return stamps{tmp + "/fromcache-" + strconv.Itoa(uid), uid}
}

// ownDir reports whether dir is a directory, no link, of uid's and not writable for others.
func ownDir(dir string, uid int) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// path returns the stamp of a cache, by its address with unusual bytes replaced. Two addresses that
// differ in those bytes alone share a stamp.
func (s stamps) path(base string) string {
	name := []byte(base[:min(len(base), 200)])
	for i, c := range name {
		if !call.IsAlnum(c) && c != '.' && c != '-' {
			name[i] = '_'
		}
	}
	return s.dir + "/fromcache-down-" + string(name)
}

// stamp is what a cache's stamp says.
type stamp struct {
	text     string        // why
	timeouts int           // in a row; 0: the cache was down, and refused the connection for instance
	age      time.Duration // above zero: there is a stamp
}

// lifetime is how long the cache is not asked: stampLifetime if it was down. A cache that timed out
// may be one before which a crowd stands, so that there is no such time before it did so several
// times in a row, and then two seconds that double.
func (s stamp) lifetime() time.Duration {
	switch {
	case s.timeouts == 0:
		return stampLifetime
	case s.timeouts < tries:
		return 0
	}
	return min(firstLifetime<<min(s.timeouts-tries, 8), stampLifetime)
}

// firstLifetime is that of the first stamp of a cache that timed out.
const firstLifetime = 2 * time.Second

// down reports whether the cache is not to be asked now.
func (s stamp) down() bool { return s.age > 0 && s.age < s.lifetime() }

// why says so in words.
func (s stamp) why() string {
	if s.text == "" {
		return "the cache was down a moment ago"
	}
	return "the cache was down a moment ago: " + s.text
}

// Unasked says why calls do not ask a cache now, for how long, and which file to remove for them to
// ask; empty: they ask it.
func (p *Prober) Unasked(c plan.Cache) string {
	s := p.stamps.read(c.Base)
	if !s.down() {
		return ""
	}
	why := s.why()
	if s.timeouts > 0 {
		why += ", " + strconv.Itoa(s.timeouts) + " times in a row"
	}
	left := (s.lifetime() - s.age + time.Second - 1) / time.Second
	return why + ". They do in " + strconv.Itoa(int(left)) + " s, or once " + p.stamps.path(c.Base) +
		" is removed"
}

// read returns the stamp of a cache, the zero stamp if there is none. It believes none of another
// user's, none from the future, and none that is older than two lifetimes.
func (s stamps) read(base string) (found stamp) {
	info, err := os.Lstat(s.path(base))
	if err != nil || !info.Mode().IsRegular() || !ownDir(s.dir, s.uid) {
		return found
	}
	age := time.Since(info.ModTime())
	if age < 0 || age >= 2*stampLifetime {
		return found
	}
	found.age = max(age, 1)
	if info.Size() == 0 {
		return stamp{} // another call is writing it, or the disk is full
	}
	if text, err := ReadFile(s.path(base)); err == nil && len(text) < 200 {
		why, timeouts, _ := strings.Cut(string(text), "\n")
		found.text = why
		if n, err := strconv.Atoi(timeouts); err == nil && n > 0 {
			found.timeouts = n
		}
	}
	return found
}

// down leaves a stamp that a cache is down now, and why.
func (s stamps) down(base, why string) { s.write(base, why) }

// timedOut leaves a stamp that a cache timed out so often, after so often before. A call counts as
// once if there is a stamp, and else as no more than what makes one, because one with many URLs
// asks often.
func (s stamps) timedOut(base string, before, now int) {
	n := max(min(before+now, tries), before+1)
	s.write(base, "the cache did not answer in time\n"+strconv.Itoa(n))
}

// remove takes the stamp of a cache away.
func (s stamps) remove(base string) {
	if ownDir(s.dir, s.uid) {
		os.Remove(s.path(base))
	}
}

// write leaves a stamp with a text. Where it can't, the next call finds out for itself.
func (s stamps) write(base, text string) {
	if !ownDir(s.dir, s.uid) {
		if os.Mkdir(s.dir, 0o700) != nil || !ownDir(s.dir, s.uid) {
			return
		}
	}
	f, err := os.OpenFile(s.path(base), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	f.WriteString(text)
	f.Close()
	now := time.Now()
	os.Chtimes(s.path(base), now, now)
}
