package active

import (
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// On some shared file systems flock works on one host only, and a free lock of another host's job
// says nothing. So each host has the lock of a file tmp/host-<name>.<boot> as long as its server
// runs. Who finds that lock taken sees the locks of that host, and takes its jobs as soon as their
// own locks are free.

// hosts are the servers on one data directory.
type hosts struct {
	mu   sync.Mutex
	own  *os.File        // flocked; nil: not yet, or another server of this host has it
	seen map[string]bool // files of hosts whose locks are seen here
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

// MeetHosts shows other hosts that this one lives, and looks which of them do. A server calls it
// every few seconds, and LeaveHosts at its end.
func (cs *Claims) MeetHosts() error {
	cs.hosts.mu.Lock()
	defer cs.hosts.mu.Unlock()
	own := hostFile(cs.host, cs.boot)
	err := cs.holdOwn(cs.tree.Path("tmp", own))
	names, listErr := cs.tree.Names("tmp")
	for _, name := range names {
		if strings.HasPrefix(name, tree.HostPrefix) && name != own && cs.isHeld(name) {
			cs.hosts.seen[name] = true
		}
	}
	return errors.Join(err, listErr)
}

// holdOwn takes the lock of this host's file. It touches the file now and then, because gc of a host
// that does not see the lock removes what is a day old.
func (cs *Claims) holdOwn(path string) error {
	h := &cs.hosts
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
func (cs *Claims) isHeld(name string) bool {
	f, err := tree.Open(cs.tree.Path("tmp", name), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// LeaveHosts gives up this host's lock, and removes its file.
func (cs *Claims) LeaveHosts() error {
	cs.hosts.mu.Lock()
	defer cs.hosts.mu.Unlock()
	if cs.hosts.own == nil {
		return nil
	}
	defer cs.hosts.own.Close()
	path := cs.hosts.own.Name()
	cs.hosts.own = nil
	return os.Remove(path)
}

// seesLocksOf reports whether the lock of the host that made the newest claim of a job was seen
// here while that lived.
func (cs *Claims) seesLocksOf(j *job.Job) bool {
	host, boot, ok := claimant(j)
	cs.hosts.mu.Lock()
	defer cs.hosts.mu.Unlock()
	return ok && cs.hosts.seen[hostFile(host, boot)] //guard:TestOrphanOfAHostWhoseLocksAreSeen
}
