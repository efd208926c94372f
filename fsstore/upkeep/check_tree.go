package upkeep

import (
	"cmp"
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

// slack is how much older than gc lets it become a file in tmp/ may be before fsck reports it,
// because gc runs once an hour.
const slack = 2 * time.Hour

// checkBrokenCopy reports a file under a temporary name that rsync or an editor left behind. The
// server ignores such names, and the file takes room on the disk.
func (c *checker) checkBrokenCopy(f *file) {
	copied := f.dir == "blobs" || f.dir == "meta" || f.dir == string(tree.Queue)
	if copied && f.st.Mode&unix.S_IFMT == unix.S_IFREG &&
		time.Since(time.Unix(f.st.Mtim.Unix())) > oldTemp {
		c.addProblem(f.path,
			"a copy that was broken off, or an editor's, more than a day ago: ignored", "rm it")
	}
}

// addHardLinks reports files that have several names. It looks at each again, because a job that
// moved during the walk was seen under two names and has one.
func (c *checker) addHardLinks() {
	names := map[uint64][]*file{} // by inode
	for _, f := range c.links {
		var st unix.Stat_t
		if unix.Lstat(c.s.tree.Path(f.dir, f.name), &st) == nil && st.Ino == f.st.Ino && st.Nlink > 1 {
			names[st.Ino] = append(names[st.Ino], f)
		}
	}
	for _, list := range names {
		slices.SortFunc(list, func(a, b *file) int {
			return cmp.Or(cmp.Compare(placeOf(a.dir), placeOf(b.dir)), strings.Compare(a.name, b.name))
		})
		if len(list) > 1 {
			c.addProblem(list[1].path, "the same file is also "+list[0].path, "rm one of the two names")
			continue
		}
		c.addProblem(list[0].path, fmt.Sprintf(
			"the file has %d names: whoever writes to another of them changes this one",
			list[0].st.Nlink),
			"cp it to a name with a dot in front, then mv that over it")
	}
}

// placeOf returns the place of a directory in checks.
func placeOf(dir string) int {
	for i, check := range checks {
		if check.dir == dir {
			return i
		}
	}
	return len(checks)
}

// checkReadable reports a file that the server's user may not read, such as one of a backup that
// root copied back. The server's user is the owner of the data directory.
func (c *checker) checkReadable(f *file) {
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
		c.addProblem(f.path, fmt.Sprintf(
			"user %d, whose the data directory is, may not read it (mode %03o of user %d)",
			uid, f.st.Mode&0o777, f.st.Uid),
			"chown it to the server's user; until then it is served as a miss")
	}
}

// checkJob checks a job, or the .why file beside one in failed/.
func (c *checker) checkJob(f *file) {
	st := tree.State(f.dir)
	if of, ok := strings.CutSuffix(f.name, ".why"); ok && st == tree.Failed {
		if !tree.Exists(c.s.tree.JobPath(st, of)) {
			c.addProblem(f.path, "the reason of a job that is not there", "rm it")
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
		c.addProblem(f.path, "it can't be read: "+err.Error(), "mend the disk")
	case strings.HasPrefix(j.Note, "ignored"):
		c.addProblem(f.path, j.Note, "or remove it")
	case strings.HasPrefix(j.Note, "the server may not read"):
		c.addProblem(f.path, j.Note, "chmod 660 it, or rm it")
	case st == tree.Misses && j.Job.URL == "" && c.isBlank(f):
		p := c.addProblem(f.path, "it is empty, as a power cut leaves one",
			"it gets its URL from the next client that asks; or rm it")
		if c.o.Repair && os.Remove(c.s.tree.JobPath(st, f.name)) == nil {
			p.Do, p.Repaired = "removed", true
		}
	case j.Job.URL == "" && (j.Note == "" || st == tree.Queue):
		c.addProblem(f.path, "it holds no URL", "look at it with cat, then rm or mend it")
	case st == tree.Misses && !c.s.spool.IsMissName(&j.Job, f.name):
		c.addProblem(f.path,
			"it is named for another URL than the one in it: no client's miss finds it",
			"mv -n it to misses/"+j.Key+"; where one is there, rm this one")
	}
}

// isBlank reports whether a miss is empty or all zeros, as after a power cut.
func (c *checker) isBlank(f *file) bool {
	b, err := tree.ReadFile(c.s.tree.Path(f.dir, f.name), job.MaxFile)
	return err == nil && strings.Trim(string(b), "\x00") == ""
}

// checkClaim reports an orphan in active/, and a second claim of a key.
func (c *checker) checkClaim(f *file) {
	j, err := c.s.spool.JobFile(tree.Active, f.name)
	if err != nil {
		return
	}
	if j.Worker == "" {
		c.addProblem(f.path, "not a claim's name", "mv it to queue/ to have it fetched, or rm it")
		return
	}
	a, err := tree.OpenLocked(c.s.tree.JobPath(tree.Active, f.name), tree.OpenJob)
	if err == nil {
		defer a.Close()
		c.addOrphan(a, &j, f.path)
	}
	if !errors.Is(err, tree.ErrLocked) { // it is an orphan, or it ended meanwhile
		return
	}
	if other, ok := c.claims[j.Key]; ok && j.Key != "" && tree.Exists(c.s.tree.Root+"/"+other) {
		c.addProblem(f.path, "its key is also claimed by "+other, "rm one of them")
	}
	c.claims[j.Key] = f.path
}

// addOrphan reports a job in active/ whose worker has died, and ends it under Repair.
func (c *checker) addOrphan(f *os.File, j *spool.JobFile, path string) {
	p := c.addProblem(path, "an orphan: its worker has died",
		"a running server takes it up within seconds")
	if c.s.hosts.IsElsewhere(&j.Job) {
		p.Text = "an orphan, or the job of a server on another host"
		p.Do = "once it has stood still for 10 minutes a running server takes it up; " +
			"if that host serves no more, mv it to queue/ now"
	}
	if c.o.Repair {
		tree.Unlock(f)
		if c.s.active.RecoverFile(j.Name) == nil &&
			!tree.Exists(c.s.tree.JobPath(tree.Active, j.Name)) {
			p.Do, p.Repaired = "moved to queue/, or to done/ if it had been fetched", true
		}
	}
}

func (c *checker) checkHits(f *file) {
	b, err := tree.ReadFile(c.s.tree.Path("hits", f.name), 32)
	n, perr := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		c.addProblem(f.path, "it can't be read: "+err.Error(), "mend the disk or the file's mode")
	case err == nil && len(b) > 0 && (perr != nil || n < 0):
		c.addProblem(f.path, "not a number: it counts as 0", "rm it, or write the number")
	}
}

// checkToken reports a file in tokens/ that is no valid token.
func (c *checker) checkToken(f *file) {
	if why := c.s.tokens.TokenFlaw(f.name); why != "" {
		c.addProblem(f.path, "no token, and lets nobody in: "+why,
			"rm it, and make another with `fromcache token add`")
	}
}

func (c *checker) checkDenied(f *file) {
	if !key.Valid(strings.TrimSuffix(f.name, ".job")) && !queries.IsHostPattern(f.name) {
		c.addProblem(f.path, "neither a key, nor a host, nor *.domain: it denies nothing",
			"rename it, or rm it")
	}
}

// wanted returns which blobs the metas name, as gc reads them, because tmp/ is checked by that; nil:
// one of them can't be read. It reads all of meta/ when it is first asked, which a sound tree with
// nothing old in tmp/ does not need.
func (c *checker) wanted() digests {
	if c.named == nil {
		wanted, err := c.s.wanted(c.atOnce)
		if err != nil {
			c.addProblem("meta", err.Error(), "until then what gc has taken out of service stays in tmp/")
			wanted = nil
		}
		c.named = &wanted
	}
	return *c.named
}

// checkTemp reports a file in tmp/ that gc, which runs every hour, should have removed. Repair
// removes it.
func (c *checker) checkTemp(f *file) {
	if strings.HasSuffix(f.name, rottenSuffix) {
		c.r.Rotten = append(c.r.Rotten, f.name)
	}
	age := time.Since(time.Unix(f.st.Ctim.Unix()))
	if d, gone := strings.CutSuffix(f.name, held.GoneSuffix); gone && held.IsDigest(d) && age < goneFor+slack {
		return
	}
	rule, text := c.ruleOf(f.name)
	switch {
	case text == "":
	case rule == 0:
		c.addProblem(f.path, text, "move it away")
	case age >= rule+slack:
		c.addProblem(f.path, text, "a running server's gc removes it; or `fromcache fsck --repair`")
		c.hasOld = true
	}
}

// ruleOf returns how old a file in tmp/ may become, and what to report of an older one. The text is
// "" for a file that may stay, and the duration is 0 for one that does not belong there.
func (c *checker) ruleOf(name string) (time.Duration, string) {
	switch d, gone := strings.CutSuffix(name, held.GoneSuffix); {
	case name[0] == '.':
		return oldTemp, "half-written, by a process that has died"
	case gone && held.IsDigest(d):
		if wanted := c.wanted(); wanted == nil || wanted.has(d) {
			return 0, ""
		}
		return goneFor, "a blob that nothing names, out of service for more than a day"
	case strings.HasSuffix(name, rottenSuffix):
		return 0, ""
	case strings.HasPrefix(name, tree.HostPrefix):
		return oldTemp, "the lock of a host that has gone"
	case strings.HasSuffix(name, ".part"):
		if c.s.partWanted(name) {
			return 0, ""
		}
		return oldPart, "a part whose key has had no job for a week"
	}
	return 0, "not a name of ours"
}

// sweep has gc remove what is old in tmp/, if there is anything. It takes no blob out of service.
func (c *checker) sweep() error {
	if !c.hasOld || c.wanted() == nil {
		return nil
	}
	_, err := c.s.GC(GCOptions{tmpOnly: true})
	for i := range c.r.Problems {
		p := &c.r.Problems[i]
		if strings.HasPrefix(p.Path, "tmp/") && !tree.Exists(c.s.tree.Root+"/"+p.Path) {
			p.Do, p.Repaired = "removed", true
		}
	}
	if _, held := errors.AsType[*Brake](err); held {
		return nil
	}
	return err
}
