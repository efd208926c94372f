package fsstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Claim is a job that this process owns: its file in active/ has a name of the
// claim's own and is flocked, so that no other worker has it, and everyone can
// see when its owner has died. One goroutine uses it; Held may be called from
// any. It ends with Publish, Unchanged, Again, Wait, PutBack, Fail or
// Cancelled, once. That of a Put has no file.
type Claim struct {
	Key    string  // of the artifact
	Worker string  // 16 random hex digits, new for each claim
	Job    job.Job // as it was when it was claimed, and what the claim has added
	URL    string  // to be requested: what was approved

	s       *Store
	f       *os.File // in active/, flocked
	path    string
	url     key.URL
	author  string // of a file that a person wrote
	part    *Part
	written atomic.Int64 // bytes in the part

	own            string   // the URL of line 1, as it stands there
	listed         string   // the name that a person gave the file in queue/, without .job
	read, origRead int64    // bytes of f, and of orig, that Job tells of
	orig           *os.File // another user's file, of which f is a copy
}

// newWorker is the name of one claim: 16 random hex digits.
func newWorker() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func activeJobName(stem, worker string) string { return stem + "@" + worker + ".job" }

func partName(stem, worker string) string { return stem + "@" + worker + ".part" }

// splitActive takes a name in active/ apart.
func splitActive(name string) (stem, worker string, ok bool) {
	base, ok := strings.CutSuffix(name, ".job")
	i := strings.LastIndexByte(base, '@')
	if !ok || i < 1 || len(base)-i-1 != 16 {
		return "", "", false
	}
	return base[:i], base[i+1:], true
}

// activeName is the file of key k in active/, or "".
func (s *Store) activeName(k string) string {
	names, err := s.names(string(Active))
	if err != nil {
		return ""
	}
	for _, name := range names {
		if stem, _, ok := splitActive(name); ok && stem == k {
			return name
		}
	}
	return ""
}

// Claim takes the job queue/<name>. nil and no error: there is nothing to do
// under that name now, because another worker has it, its key is being
// fetched, it is not due or not written whole, it was a batch and is now its
// URLs, or it was bad and is in failed/. The claim's rename is what decides;
// a crash after it leaves an orphan for Recover.
func (s *Store) Claim(name string) (*Claim, error) {
	if !countsInQueue(name) || s.beingWritten(name) {
		return nil, nil
	}
	f, err := openJob(s.job(Queue, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.setAside(name, err)
	}
	c, err := s.claimFile(f, name)
	if c == nil {
		f.Close()
	}
	if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return c, err
}

func (s *Store) claimFile(f *os.File, name string) (*Claim, error) {
	if err := lock(f); err != nil {
		return nil, err
	}
	b, err := slurp(f, maxJobFile+1)
	if err != nil {
		return nil, err
	}
	if len(b) <= maxJobFile && s.halfWritten(f, name, b) {
		return nil, nil
	}
	parsed := job.Parse(b)
	if waiting(parsed.Jobs) {
		return nil, nil
	}
	if why := unfit(parsed, b, name); why != "" {
		return nil, s.refuse(f, name, why)
	}
	if len(parsed.Jobs) > 1 {
		return nil, s.claimBatch(f, name, parsed, len(b))
	}
	return s.claimOne(f, name, parsed.Jobs[0], len(b))
}

// stemOf is a queue name without .job and without the number that kept it from
// replacing another.
func stemOf(name string) string {
	stem := strings.TrimSuffix(name, ".job")
	if key.Valid(stem) {
		return stem
	}
	if i := strings.LastIndexByte(stem, '.'); i > 0 && key.Valid(stem[:i]) {
		if _, err := strconv.Atoi(stem[i+1:]); err == nil {
			return stem[:i]
		}
	}
	return stem
}

func countsInQueue(name string) bool {
	return plain(name) && (strings.HasSuffix(name, ".job") || key.Valid(name))
}

func (s *Store) claimOne(f *os.File, name string, j job.Job, read int) (*Claim, error) {
	fetch := j.FetchURL()
	u, err := s.Parse(fetch)
	if err != nil {
		return nil, s.refuse(f, name, err.Error())
	}
	if key.HasUserInfo(fetch) {
		return nil, s.refuse(f, name, "the URL holds a user name or password: put credentials into the --origins directory instead")
	}
	if first, err := s.Parse(j.URL); err == nil && first.Sum() != u.Sum() && !j.ApprovalNamesURL() {
		return nil, s.refuse(f, name, "the URL that was noted last is of another artifact than the first line, as where a line was cut off or the rule of an earlier server took two for one: take that line out, then move this file back to queue/")
	}
	if d := s.deniedBy(u); d != "" {
		return nil, s.refuse(f, name, "denied/"+d+" speaks for this URL: remove that file, then move this one back to queue/")
	}
	sub := s.about(u)
	if s.active(sub) != "" {
		return nil, nil
	}
	if err := s.overtaken(&j, u); err != nil {
		return nil, s.refuse(f, name, err.Error())
	}
	c := &Claim{Key: u.Key(), Worker: newWorker(), Job: j, s: s, f: f, url: u, author: author(f, []job.Job{j}), listed: listName(name)}
	return c.reading(read, j.URL).take(s.job(Queue, name), c.Key)
}

// take renames from to a name of the claim's own: two workers can never make
// the same name, so whichever rename comes first has won.
func (c *Claim) take(from, stem string) (*Claim, error) {
	c.path = c.s.job(Active, activeJobName(stem, c.Worker))
	if err := os.Rename(from, c.path); err != nil && !exists(c.path) {
		return nil, err
	}
	if !same(c.f, c.path) { // an editor saved over it at this moment
		return nil, c.giveBack()
	}
	if c.outranked(stem) {
		return nil, c.giveBack()
	}
	err := c.makeOwn()
	if err == nil {
		err = c.open()
	}
	if err != nil { // a full disk, most likely: nothing is claimed
		err = errors.Join(err, c.giveBack())
		c.f.Close()
		return nil, err
	}
	return c, nil
}

// outranked reports whether another claim of the same key came in beside this
// one. Whichever of two looks last sees the other; it can't know whether the
// other saw it, so it goes back. When both go back, the next tick decides.
func (c *Claim) outranked(stem string) bool {
	names, err := c.s.names(string(Active))
	if err != nil {
		return true
	}
	own := activeJobName(stem, c.Worker)
	for _, name := range names {
		if other, _, ok := splitActive(name); ok && other == stem && name != own {
			return true
		}
	}
	return false
}

func (c *Claim) giveBack() error {
	stem, _, _ := splitActive(base(c.path))
	_, err := renameFree(c.path, c.s.path(string(Queue), ""), stem)
	return err
}

// makeOwn replaces by a copy a file that another user made, for a group's umask
// may let us move it, yet not append to it; one that has a second name, which
// may be outside of the tree: what we append would stand there too; and a long
// log, of which the copy leaves out what is idle.
func (c *Claim) makeOwn() error {
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	long := key.Valid(c.Key) && info.Size() > job.MissRoom
	if ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o200 != 0 && st.Nlink == 1 && !long {
		return c.f.Chmod(0o660)
	}
	b, err := slurp(c.f, maxJobFile)
	if err != nil {
		return err
	}
	n := min(c.read, int64(len(b)))
	b, since := b[:n:n], b[n:]
	if long {
		b = job.Compact(b)
	}
	c.read = int64(len(b))
	own, err := c.s.writeTemp(append(b, since...), 0o660, true)
	if err != nil {
		return err
	}
	if err := os.Rename(own.Name(), c.path); err != nil {
		os.Remove(own.Name())
		own.Close()
		return err
	}
	if st != nil && st.Nlink > 1 {
		c.f.Close()
	} else {
		c.orig, c.origRead = c.f, n+int64(len(since))
	}
	c.f = own
	return nil
}

// open completes the log: the line that a shell mv left out, which pins the
// URL, and this claim's host and process.
func (c *Claim) open() error {
	if !c.Job.Approved() {
		e := By{Via: "shell", Addr: c.author}.event(job.Approve)
		if c.Job.Ended() {
			e.Kind = job.Retry
		} else if len(c.Job.URLs()) > 1 {
			e.URL = c.Job.FetchURL()
		}
		if err := c.log(e); err != nil {
			return err
		}
	}
	var err error
	if c.URL, err = key.FetchURL(c.Job.FetchURL()); err != nil && c.Key != "" {
		return err
	}
	return c.log(c.event())
}

// event is the claim's own line.
func (c *Claim) event() job.Event {
	text := c.s.host + " " + strconv.Itoa(os.Getpid()) + c.heldNow() + " " + c.s.boot + " " + c.Worker
	return job.Event{Time: now(), Kind: job.Claim, Count: 1, Text: text}
}

// heldNow is what the claim's line says of what is held.
func (c *Claim) heldNow() string {
	if m := c.s.mark(c.url); m != "" && c.Key != "" {
		return " " + heldMark + m
	}
	return ""
}

// isClaimOf reports whether a line that open wrote is that worker's.
func isClaimOf(e job.Event, worker string) bool { return strings.HasSuffix(e.Text, " "+worker) }

// log appends an event to the job, for its reader and for the claim itself.
func (c *Claim) log(e job.Event) error {
	if e.Time.IsZero() {
		e.Time = now()
	}
	c.Job.Add(e)
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	line := e.Line()
	if !strings.HasSuffix(line, "\n") || info.Size()+int64(len(line)) > job.MaxFile+maxBatchLog {
		return nil
	}
	_, err = c.f.WriteString(lineEnd(c.f, info) + line)
	return err
}

// maxBatchLog: a batch may be larger than any log, and still gets its own.
const maxBatchLog = maxJobFile

// Held reports whether the job is still this claim's: false once an operator
// has moved or removed its file. Then end the download and call Cancelled. It
// must not run beside a call that ends the claim.
func (c *Claim) Held() bool { return same(c.f, c.path) }

// ShowLife tells other hosts that the claim's owner lives, for where flock is
// each host's own affair they go by what stands still: who reads for longer than
// a few minutes writes to neither its job nor its part. Once a minute is enough.
// It must not run beside a call that ends the claim.
func (c *Claim) ShowLife() {
	t := unix.NsecToTimespec(time.Now().UnixNano())
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, c.path, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
}
