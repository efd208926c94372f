package fsstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// slack is how much older than its rule a half-written file may be before fsck
// minds: gc comes once an hour.
const slack = 2 * time.Hour

// spool: no job file has two names, no key two claims, and every job parses.
func (c *checker) spool() error {
	inodes := map[uint64]string{}
	claims := map[string]string{}
	for _, st := range []State{Misses, Queue, Active, Done, Failed, Cancelled} {
		names, err := c.s.names(string(st))
		if err != nil {
			return err
		}
		slices.Sort(names)
		for _, name := range names {
			if st == Failed && strings.HasSuffix(name, ".why") {
				continue
			}
			j, err := c.s.JobFile(st, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			c.r.Jobs++
			if err != nil {
				c.found(string(st)+"/"+name, "it can't be read: "+err.Error(), "mend the disk")
				continue
			}
			c.job(&j, inodes, claims)
		}
	}
	return nil
}

func (c *checker) job(j *JobFile, inodes map[uint64]string, claims map[string]string) {
	path := string(j.State) + "/" + j.Name
	var st unix.Stat_t
	if unix.Lstat(c.s.dir+"/"+path, &st) != nil {
		return
	}
	if other, ok := inodes[st.Ino]; ok && c.bothNow(path, other) {
		c.found(path, "the same file is also "+other, "rm one of the two names")
		c.twice[path], c.twice[other] = true, true
	}
	inodes[st.Ino] = path
	if j.State == Active {
		c.claimed(j, path, claims)
	}
	switch {
	case strings.HasPrefix(j.Note, "ignored"):
		c.found(path, j.Note, "or remove it")
	case strings.HasPrefix(j.Note, "the server may not read"):
		c.found(path, j.Note, "chmod 660 it, or rm it")
	case j.State == Misses && j.Job.URL == "" && c.blank(j.Name):
		p := c.found(path, "it is empty, as a power cut leaves one", "it gets its URL from the next client that asks; or rm it")
		if c.o.Repair && os.Remove(c.s.job(Misses, j.Name)) == nil {
			p.Do, p.Repaired = "removed", true
		}
	case j.Job.URL == "" && (j.Note == "" || j.State == Queue):
		c.found(path, "it holds no URL", "look at it with cat, then rm or mend it")
	case j.State == Misses && !c.s.isNamedFor(&j.Job, j.Name):
		c.found(path, "it is named for another URL than the one in it: no client's miss finds it", "mv -n it to misses/"+j.Key+"; where one is there, rm this one")
	}
}

// shut: root reads what the server may not, such as a backup that root copied
// back. The server's user is the one that the data directory belongs to.
func (c *checker) shut() error {
	var root unix.Stat_t
	if err := unix.Stat(c.s.dir, &root); err != nil {
		return err
	}
	if root.Uid == 0 || int(root.Uid) == os.Geteuid() {
		return nil
	}
	for _, dir := range halves {
		names, err := c.s.names(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			var st unix.Stat_t
			if unix.Lstat(c.s.path(dir, name), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && !readable(&st, root.Uid, root.Gid) {
				c.found(dir+"/"+name, fmt.Sprintf("user %d, whose the data directory is, may not read it (mode %03o of user %d)", root.Uid, st.Mode&0o777, st.Uid), "chown it to the server's user; until then it is served as a miss")
			}
		}
	}
	return nil
}

func readable(st *unix.Stat_t, uid, gid uint32) bool {
	switch {
	case st.Uid == uid:
		return st.Mode&0o400 != 0
	case st.Gid == gid:
		return st.Mode&0o040 != 0
	}
	return st.Mode&0o004 != 0
}

// blank reports whether a miss holds nothing, or zeros.
func (c *checker) blank(name string) bool {
	b, err := readFile(c.s.job(Misses, name), job.MaxFile)
	return err == nil && strings.Trim(string(b), "\x00") == ""
}

// bothNow reports whether two paths name one file at this moment: a job that
// moved on while we looked has been seen twice, and has one name.
func (c *checker) bothNow(a, b string) bool {
	f, err := open(c.s.dir+"/"+a, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	return same(f, c.s.dir+"/"+b) && same(f, c.s.dir+"/"+a)
}

func (c *checker) claimed(j *JobFile, path string, claims map[string]string) {
	if j.Worker == "" {
		c.found(path, "not a claim's name", "mv it to queue/ to have it fetched, or rm it")
		return
	}
	f, err := openJob(c.s.job(Active, j.Name))
	if err != nil {
		return
	}
	defer f.Close()
	if lock(f) == nil {
		if same(f, f.Name()) {
			c.orphan(f, j, path)
		}
		return // else it has just ended
	}
	if other, ok := claims[j.Key]; ok && j.Key != "" && exists(c.s.dir+"/"+other) {
		c.found(path, "its key is also claimed by "+other, "rm one of them")
	}
	claims[j.Key] = path
}

func (c *checker) orphan(f *os.File, j *JobFile, path string) {
	p := c.found(path, "an orphan: its worker has died", "a running server takes it up within seconds")
	if c.s.foreign(&j.Job) {
		p.Text = "an orphan, or the job of a server on another host"
		p.Do = "once it has stood still for 10 minutes a running server takes it up; if that host serves no more, mv it to queue/ now"
	}
	if c.o.Repair {
		unlock(f)
		if c.s.recoverOne(j.Name) == nil && !exists(c.s.job(Active, j.Name)) {
			p.Do, p.Repaired = "moved to queue/, or to done/ if it had been fetched", true
		}
	}
}

// notes: hits are numbers, a name in denied/ is a key or a host, and a line in
// queries/ says something.
func (c *checker) notes() error {
	hits, err := c.s.names("hits")
	if err != nil {
		return err
	}
	for _, k := range hits {
		b, err := readFile(c.s.path("hits", k), 32)
		n, perr := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			c.found("hits/"+k, "it can't be read: "+err.Error(), "mend the disk or the file's mode")
		case err == nil && len(b) > 0 && (perr != nil || n < 0):
			c.found("hits/"+k, "not a number: it counts as 0", "rm it, or write the number")
		}
	}
	denied, err := c.s.names(string(Denied))
	if err != nil {
		return err
	}
	for _, name := range denied {
		if !key.Valid(strings.TrimSuffix(name, ".job")) && !isHostPattern(name) {
			c.found("denied/"+name, "neither a key, nor a host, nor *.domain: it denies nothing", "rename it, or rm it")
		}
	}
	flaws, err := c.s.ownFlaws()
	for _, p := range flaws {
		c.found(p.Path, p.Text, p.Do)
	}
	return err
}

// ours are the names that may stand in the data directory itself.
func ours(name string) bool {
	return slices.Contains(directories, name) || !plain(name) || name == "README" || name == "session-secret" || name == "lost+found"
}

// kinds: names that are no regular files do not exist for the server.
func (c *checker) kinds() error {
	top, err := c.s.names("")
	if err != nil {
		return err
	}
	for _, name := range top {
		if !ours(name) {
			c.found(name, "not a part of a data directory: ignored", "move it away")
		}
	}
	for _, dir := range directories {
		names, err := c.s.names(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			c.kind(dir, name)
		}
	}
	return nil
}

func (c *checker) kind(dir, name string) {
	var st unix.Stat_t
	switch {
	case unix.Lstat(c.s.path(dir, name), &st) != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		c.found(dir+"/"+name, "not a regular file: ignored", "move it away")
	case st.Nlink > 1 && !c.twice[dir+"/"+name]:
		c.found(dir+"/"+name, fmt.Sprintf("the file has %d names: whoever writes to another of them changes this one", st.Nlink), "cp it to a name with a dot in front, then mv that over it")
	case dir == "meta" && !strings.HasSuffix(name, ".json"):
		c.found(dir+"/"+name, "ignored: its name does not end in .json", "rename it, or move it away")
	case dir == string(Failed) && strings.HasSuffix(name, ".why") && !exists(c.s.path(dir, strings.TrimSuffix(name, ".why"))):
		c.found(dir+"/"+name, "the reason of a job that is not there", "rm it")
	}
}

// brokenOff: what a tool left under the name that it gives to what is not whole
// does not exist for the server, and fills the disk.
func (c *checker) brokenOff() error {
	for _, dir := range []string{"blobs", "meta", string(Queue)} {
		list, err := os.ReadDir(c.s.path(dir, ""))
		if err != nil {
			return err
		}
		for _, e := range list {
			info, err := e.Info()
			if err == nil && !plain(e.Name()) && e.Type().IsRegular() && time.Since(info.ModTime()) > oldTemp {
				c.found(dir+"/"+e.Name(), "a copy that was broken off, or an editor's, more than a day ago: ignored", "rm it")
			}
		}
	}
	return nil
}

// halfWritten: what is in tmp/ is younger than its rule, which gc applies
// every hour, and which Repair has it apply now. As gc does, it judges by what
// every meta names at this moment, a malformed one too.
func (c *checker) halfWritten() error {
	if _, err := c.s.Due(); err != nil { // which parts are wanted
		return err
	}
	wanted, err := c.s.wanted()
	if err != nil {
		c.found("meta", err.Error(), "until then what gc has taken out of service stays in tmp/")
		wanted = nil
	}
	names, err := c.s.tmpNames()
	if err != nil {
		return err
	}
	before := len(c.r.Problems)
	for _, name := range names {
		var st unix.Stat_t
		if unix.Lstat(c.s.path("tmp", name), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		if strings.HasSuffix(name, rottenSuffix) {
			c.r.Rotten = append(c.r.Rotten, name)
		}
		rule, text := c.ruleOf(name, wanted)
		if text == "" || rule > 0 && time.Since(time.Unix(st.Ctim.Unix())) < rule+slack {
			continue
		}
		p := c.found("tmp/"+name, text, "a running server's gc removes it; or `fromcache fsck --repair`")
		if rule == 0 {
			p.Do = "move it away"
		}
	}
	if !c.o.Repair || len(c.r.Problems) == before || wanted == nil {
		return nil
	}
	return c.sweep(wanted, c.r.Problems[before:])
}

func (c *checker) sweep(wanted digests, found []Problem) error {
	unwanted, all, err := c.s.unwanted(wanted)
	if err == nil {
		err = c.s.brake(unwanted, all)
	}
	_, held := errors.AsType[*Brake](err)
	if err != nil && !held {
		return err
	}
	err = c.s.sweep(wanted, GCOptions{Older: goneFor, keep: held}, &GCReport{})
	for i, p := range found {
		if !exists(c.s.dir + "/" + p.Path) {
			found[i].Do, found[i].Repaired = "removed", true
		}
	}
	return err
}

// ruleOf is how old a name in tmp/ may get, and what is wrong with it then;
// "" where it may stay.
func (c *checker) ruleOf(name string, wanted digests) (time.Duration, string) {
	switch d, gone := strings.CutSuffix(name, goneSuffix); {
	case name[0] == '.':
		return oldTemp, "half-written, by a process that has died"
	case gone && IsDigest(d):
		if wanted == nil || wanted.has(d) {
			return 0, ""
		}
		return goneFor, "a blob that nothing names, out of service for more than a day"
	case strings.HasSuffix(name, rottenSuffix):
		return 0, ""
	case strings.HasSuffix(name, ".part"):
		if c.s.partWanted(name) {
			return 0, ""
		}
		return oldPart, "a part whose key has had no job for a week"
	}
	return 0, "not a name of ours"
}
