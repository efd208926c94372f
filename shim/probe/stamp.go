package probe

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"fromcache/shim/call"
)

// stampLifetime is how long a cache that was down is not asked. A dead cache then costs one call in
// thirty seconds its time-out, and one that comes back is found within that time.
const stampLifetime = 30 * time.Second

// stamps is a directory of stamps, which counts only while it is uid's own. A stamp says by its
// name which cache was down, by its modification time when, and by its text why.
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

// read says how a cache was down within the last stampLifetime, empty if it was not. It believes no
// stamp of another user's, and none from the future.
func (s stamps) read(base string) string {
	info, err := os.Lstat(s.path(base))
	if err != nil || !info.Mode().IsRegular() || !ownDir(s.dir, s.uid) {
		return ""
	}
	if age := time.Since(info.ModTime()); age < 0 || age >= stampLifetime {
		return ""
	}
	down := "the cache was down a moment ago"
	if why, err := ReadFile(s.path(base)); err == nil && len(why) > 0 && len(why) < 200 {
		down += ": " + string(why)
	}
	return down
}

// write leaves a stamp that a cache is down now, and why. Where it can't, the next call finds out
// for itself.
func (s stamps) write(base, why string) {
	if !ownDir(s.dir, s.uid) {
		if os.Mkdir(s.dir, 0o700) != nil || !ownDir(s.dir, s.uid) {
			return
		}
	}
	f, err := os.OpenFile(s.path(base), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	f.WriteString(why)
	f.Close()
	now := time.Now()
	os.Chtimes(s.path(base), now, now)
}
