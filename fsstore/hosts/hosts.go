// Package hosts knows the servers of other hosts that work on the same directory: when one of them
// has died, its jobs in active/ are taken by the hosts that live. A server shows that it lives by
// Meet, sees by it which others do, and asks MayLive before it takes a job of theirs.
//
// On some shared file systems flock works on one host only, and a free lock of another host's job
// says nothing. So each host has the lock of a file tmp/host-<name>.<boot> as long as its server
// runs. Who finds that lock taken sees the locks of that host, and takes its jobs as soon as their
// own locks are free. Where it was never seen, a job is taken once it has stood still for 10 minutes.
package hosts

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// StandStill is how long a job of another host, whose lock says nothing here, must have stood still
// before it is taken. Owners touch their files every minute; see Claim.Heartbeat.
const StandStill = 10 * time.Minute

// Hosts are the servers on one data directory, as this one sees them. Any goroutine may use it.
type Hosts struct {
	Name string // of this host
	Boot string // 8 random hex digits of this start of the machine

	tree *tree.Tree
	idle tree.Observer // of the files of other hosts

	mu   sync.Mutex
	own  *os.File        // flocked; nil: not yet, or another server of this host has it
	seen map[string]bool // files of hosts whose locks are seen here
	urls string          // of this server, a line each; "": not announced
}

// New returns the Hosts of one data directory for the host of that name.
func New(t *tree.Tree, name string) *Hosts {
	return &Hosts{Name: name, Boot: tree.BootID(), tree: t, seen: map[string]bool{}}
}

// hostFile returns the name in tmp/ of the lock of one start of a host.
func hostFile(host, boot string) string {
	clean := func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}
	return tree.HostPrefix + strings.Map(clean, host) + "." + strings.Map(clean, boot)
}

// Meet shows other hosts that this one lives, and looks which of them do. A server calls it every
// few seconds, and Leave at its end.
func (h *Hosts) Meet() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := hostFile(h.Name, h.Boot)
	err := h.holdOwn(h.tree.Path("tmp", own))
	h.writeURLs(h.tree.Path("tmp", own))
	names, listErr := h.tree.Names("tmp")
	for _, name := range names {
		if strings.HasPrefix(name, tree.HostPrefix) && name != own && h.isHeld(name) {
			h.seen[name] = true
		}
	}
	return errors.Join(err, listErr)
}

// holdOwn takes the lock of this host's file. It touches the file now and then, because gc of a host
// that does not see the lock removes what is a day old.
func (h *Hosts) holdOwn(path string) error {
	if h.own != nil && tree.StillNames(h.own, path) {
		if info, err := h.own.Stat(); err == nil && time.Since(info.ModTime()) > time.Hour {
			return os.Chtimes(path, time.Now(), time.Now())
		}
		return nil
	}
	if h.own != nil {
		h.own.Close()
		h.own = nil
	}
	f, err := openHost(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	if err = tree.Lock(f); errors.Is(err, unix.EBADF) {
		f.Close()
		if f, err = openHost(path, os.O_RDWR); err != nil {
			return err
		}
		err = tree.Lock(f)
	}
	if err != nil {
		f.Close()
	} else {
		h.own = f
	}
	if errors.Is(err, tree.ErrLocked) {
		return nil
	}
	return err
}

// openHost opens a host's file, or makes it. It is open for as long as the server runs: for reading,
// because one that is open for writing keeps a file system from being made read-only. NFS wants it
// open for writing, flock(2).
func openHost(path string, how int) (*os.File, error) {
	return os.OpenFile(path, how|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o660)
}

// isHeld reports whether somebody has the lock of a host's file. A shared lock is asked for, so that
// two who look at once don't take each other for that host.
func (h *Hosts) isHeld(name string) bool {
	f, err := tree.Open(h.tree.Path("tmp", name), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Leave gives up this host's lock, and removes its file.
func (h *Hosts) Leave() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.own == nil {
		return nil
	}
	defer h.own.Close()
	path := h.own.Name()
	h.own = nil
	return os.Remove(path)
}

// MayLive reports whether the owner of a job may live on another host, though the lock of the job's
// file is free here. path is that file, part the one that its owner downloads into.
func (h *Hosts) MayLive(j *job.Job, path, part string) bool {
	return h.IsElsewhere(j) && !h.seesLocksOf(j) && !h.idle.UnchangedFor(StandStill, path, part)
}

// IsElsewhere reports whether another host made the newest claim of a job. A claim was made here if
// it names this host, or this start of the machine: a container may have had another host name.
func (h *Hosts) IsElsewhere(j *job.Job) bool {
	name, boot, ok := claimant(j)
	return ok && name != h.Name &&
		boot != h.Boot //guard:fsstore/active.TestOrphanOfThisBootIsTakenAtOnce
}

// IsOfThisBoot reports whether a worker claimed a job since this machine started.
func (h *Hosts) IsOfThisBoot(j *job.Job, worker string) bool {
	return slices.ContainsFunc(j.Events, func(e job.Event) bool {
		return e.Kind == job.Claim && strings.HasSuffix(e.Text, " "+h.Boot+" "+worker)
	})
}

// claimant returns the host that made the newest claim of a job, and that start of it: the first
// word of the claim's line, and the last but one. ok is false where its owner died before it wrote
// its line.
func claimant(j *job.Job) (name, boot string, ok bool) {
	e, ok := j.Newest(job.Claim)
	words := strings.Fields(e.Text)
	if n := len(words); n > 0 {
		name, boot = words[0], words[max(0, n-2)]
	}
	return name, boot, ok
}

// seesLocksOf reports whether the lock of the host that made the newest claim of a job was seen
// here while that lived.
func (h *Hosts) seesLocksOf(j *job.Job) bool {
	name, boot, ok := claimant(j)
	h.mu.Lock()
	defer h.mu.Unlock()
	return ok && h.seen[hostFile(name, boot)] //guard:fsstore/active.TestOrphanOfAHostWhoseLocksAreSeen
}
