package upkeep

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

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
)

// slack is how much older than its rule a half-written file may be before fsck minds, because gc
// comes once an hour.
const slack = 2 * time.Hour

// brokenOff finds what a tool left under the name that it gives to what is not whole, because it
// does not exist for the server and fills the disk.
func (c *checker) brokenOff(f *file) {
	copied := f.dir == "blobs" || f.dir == "meta" || f.dir == string(tree.Queue)
	if copied && f.st.Mode&unix.S_IFMT == unix.S_IFREG && time.Since(time.Unix(f.st.Mtim.Unix())) > oldTemp {
		c.found(f.path, "a copy that was broken off, or an editor's, more than a day ago: ignored", "rm it")
	}
}

// linked tells of files with several names. A job that moved on while the walk came by has been
// seen twice, and has one name.
func (c *checker) linked() {
	for _, list := range c.links {
		list = slices.DeleteFunc(list, func(f *file) bool {
			var st unix.Stat_t
			return unix.Lstat(c.s.tree.Path(f.dir, f.name), &st) != nil || st.Ino != f.st.Ino || st.Nlink < 2
		})
		switch {
		case len(list) > 1:
			c.found(list[1].path, "the same file is also "+list[0].path, "rm one of the two names")
		case len(list) == 1:
			c.found(list[0].path, fmt.Sprintf("the file has %d names: whoever writes to another of them changes this one", list[0].st.Nlink),
				"cp it to a name with a dot in front, then mv that over it")
		}
	}
}

// shut finds what root reads and the server may not, such as a backup that root copied back. The
// server's user is the one that the data directory belongs to.
func (c *checker) shut(f *file) {
	uid, gid := c.server.Uid, c.server.Gid
	if uid == 0 || int(uid) == os.Geteuid() {
		return
	}
	may := uint32(0o004)
	if f.st.Uid == uid {
		may = 0o400
	} else if f.st.Gid == gid {
		may = 0o040
	}
	if uint32(f.st.Mode)&may == 0 { //guard:TestFsckFindsWhatTheServerMayNotRead
		c.found(f.path, fmt.Sprintf("user %d, whose the data directory is, may not read it (mode %03o of user %d)", uid, f.st.Mode&0o777, f.st.Uid),
			"chown it to the server's user; until then it is served as a miss")
	}
}

// job looks at a file of the spool, or at the reason beside one in failed/.
func (c *checker) job(f *file) {
	st := tree.State(f.dir)
	if of, ok := strings.CutSuffix(f.name, ".why"); ok && st == tree.Failed {
		if !tree.Exists(c.s.tree.JobPath(st, of)) {
			c.found(f.path, "the reason of a job that is not there", "rm it")
		}
		return
	}
	j, err := c.s.spool.JobFile(st, f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	c.r.Jobs++
	switch {
	case err != nil:
		c.found(f.path, "it can't be read: "+err.Error(), "mend the disk")
	case strings.HasPrefix(j.Note, "ignored"):
		c.found(f.path, j.Note, "or remove it")
	case strings.HasPrefix(j.Note, "the server may not read"):
		c.found(f.path, j.Note, "chmod 660 it, or rm it")
	case st == tree.Misses && j.Job.URL == "" && c.blank(f):
		p := c.found(f.path, "it is empty, as a power cut leaves one", "it gets its URL from the next client that asks; or rm it")
		if c.o.Repair && os.Remove(c.s.tree.JobPath(st, f.name)) == nil {
			p.Do, p.Repaired = "removed", true
		}
	case j.Job.URL == "" && (j.Note == "" || st == tree.Queue):
		c.found(f.path, "it holds no URL", "look at it with cat, then rm or mend it")
	case st == tree.Misses && !c.s.spool.IsMissName(&j.Job, f.name):
		c.found(f.path, "it is named for another URL than the one in it: no client's miss finds it", "mv -n it to misses/"+j.Key+"; where one is there, rm this one")
	}
}

// blank reports whether a miss holds nothing, or zeros.
func (c *checker) blank(f *file) bool {
	b, err := tree.ReadFile(c.s.tree.Path(f.dir, f.name), job.MaxFile)
	return err == nil && strings.Trim(string(b), "\x00") == ""
}

// claim finds orphans in active/, and a second claim of a key.
func (c *checker) claim(f *file) {
	j, err := c.s.spool.JobFile(tree.Active, f.name)
	if err != nil {
		return
	}
	if j.Worker == "" {
		c.found(f.path, "not a claim's name", "mv it to queue/ to have it fetched, or rm it")
		return
	}
	a, err := tree.OpenLocked(c.s.tree.JobPath(tree.Active, f.name), tree.OpenJob)
	if err == nil {
		defer a.Close()
		c.orphan(a, &j, f.path)
	}
	if !errors.Is(err, tree.ErrLocked) { // else it has ended
		return
	}
	if other, ok := c.claims[j.Key]; ok && j.Key != "" && tree.Exists(c.s.tree.Root+"/"+other) {
		c.found(f.path, "its key is also claimed by "+other, "rm one of them")
	}
	c.claims[j.Key] = f.path
}

func (c *checker) orphan(f *os.File, j *spool.JobFile, path string) {
	p := c.found(path, "an orphan: its worker has died", "a running server takes it up within seconds")
	if c.s.active.OfOtherHost(&j.Job) {
		p.Text = "an orphan, or the job of a server on another host"
		p.Do = "once it has stood still for 10 minutes a running server takes it up; if that host serves no more, mv it to queue/ now"
	}
	if c.o.Repair {
		tree.Unlock(f)
		if c.s.active.RecoverFile(j.Name) == nil && !tree.Exists(c.s.tree.JobPath(tree.Active, j.Name)) {
			p.Do, p.Repaired = "moved to queue/, or to done/ if it had been fetched", true
		}
	}
}

func (c *checker) hits(f *file) {
	b, err := tree.ReadFile(c.s.tree.Path("hits", f.name), 32)
	n, perr := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		c.found(f.path, "it can't be read: "+err.Error(), "mend the disk or the file's mode")
	case err == nil && len(b) > 0 && (perr != nil || n < 0):
		c.found(f.path, "not a number: it counts as 0", "rm it, or write the number")
	}
}

// token finds what was to be a token and lets nobody in.
func (c *checker) token(f *file) {
	if why := c.s.tokens.TokenFlaw(f.name); why != "" {
		c.found(f.path, "no token, and lets nobody in: "+why, "rm it, and make another with `fromcache token add`")
	}
}

func (c *checker) denied(f *file) {
	if !key.Valid(strings.TrimSuffix(f.name, ".job")) && !queries.IsHostPattern(f.name) {
		c.found(f.path, "neither a key, nor a host, nor *.domain: it denies nothing", "rename it, or rm it")
	}
}

// want finds out what every meta names at this moment, as gc does, for the look at tmp/.
func (c *checker) want() {
	wanted, err := c.s.wanted()
	if err != nil {
		c.found("meta", err.Error(), "until then what gc has taken out of service stays in tmp/")
		return
	}
	c.wanted = wanted
}

// halfWritten: what is in tmp/ is younger than its rule, which gc applies every hour, and which
// Repair has it apply now.
func (c *checker) halfWritten(f *file) {
	if strings.HasSuffix(f.name, rottenSuffix) {
		c.r.Rotten = append(c.r.Rotten, f.name)
	}
	rule, text := c.ruleOf(f.name)
	switch {
	case text == "":
	case rule == 0:
		c.found(f.path, text, "move it away")
	case time.Since(time.Unix(f.st.Ctim.Unix())) >= rule+slack:
		c.found(f.path, text, "a running server's gc removes it; or `fromcache fsck --repair`")
		c.old = true
	}
}

// ruleOf is how old a name in tmp/ may get, and what is wrong with it then; "" where it may
// stay, and 0 where it may not be there at all.
func (c *checker) ruleOf(name string) (time.Duration, string) {
	switch d, gone := strings.CutSuffix(name, held.GoneSuffix); {
	case name[0] == '.':
		return oldTemp, "half-written, by a process that has died"
	case gone && held.IsDigest(d):
		if c.wanted == nil || c.wanted.has(d) {
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

// sweep has gc go through tmp/ where something there is old, and takes no blob out of service.
func (c *checker) sweep() error {
	if !c.old || c.wanted == nil {
		return nil
	}
	_, err := c.s.GC(GCOptions{tmpOnly: true})
	for i := range c.r.Problems {
		if p := &c.r.Problems[i]; strings.HasPrefix(p.Path, "tmp/") && !tree.Exists(c.s.tree.Root+"/"+p.Path) {
			p.Do, p.Repaired = "removed", true
		}
	}
	if _, held := errors.AsType[*Brake](err); held {
		return nil
	}
	return err
}
