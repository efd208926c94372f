package health

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
)

// Check checks the directory if the last Check is older than age. It lists the first trouble that
// it finds, because most others would follow from it. It takes at most 2 s: where the storage has not
// answered by then it says so, and that check goes on without it.
func (s *Monitor) Check(age time.Duration) status {
	if last := s.LastCheck(); s.Hangs() || age > 0 && time.Since(last.at) < age {
		return last
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.checkInTurn(age)
	}()
	tick := time.NewTicker(hangAfter / 20)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < hangAfter && !s.Hangs(); {
		select {
		case <-done:
			return s.LastCheck()
		case <-tick.C:
		}
	}
	return s.LastCheck()
}

// checkInTurn checks when no other check runs any more, unless that was young enough. It notes that
// writes hang while it does.
func (s *Monitor) checkInTurn(age time.Duration) {
	h := &s.state
	h.checking.Lock()
	defer h.checking.Unlock()
	if age > 0 && time.Since(s.LastCheck().at) < age {
		return
	}
	told := make(chan struct{})
	slow := time.AfterFunc(hangAfter, func() {
		defer close(told)
		s.beginHang(&h.hangs.writes)
	})
	l := s.checkNow()
	if !slow.Stop() {
		<-told
	}
	h.last.Store(&l)
	s.endHang(&h.hangs.writes)
}

func (s *Monitor) checkNow() (l status) {
	t, err := s.checkRoot()
	if err == nil {
		t, err = s.checkParts()
	}
	l.Incomplete, l.unreadable = err != nil, err != nil && t.Grave
	if err == nil && !s.tree.ReadOnly {
		t, err = s.checkWriting()
	}
	s.setTrouble(troubleData, t, err)
	l.Faulty, l.NoSpace = err != nil, errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
	if err == nil && !s.tree.ReadOnly {
		t, err = s.checkSpace()
		s.setTrouble(troubleSpace, t, err)
		l.NoSpace = err != nil
	}
	s.checkClock()
	l.at = time.Now()
	return l
}

// checkRoot checks the directory itself. It goes on with one that was mounted again, or moved into
// its place, if that has the README of a data directory. An empty one is trouble, because it is
// where a file system should be mounted.
func (s *Monitor) checkRoot() (Trouble, error) {
	var st unix.Stat_t
	err := unix.Stat(s.tree.Root, &st)
	if errors.Is(err, fs.ErrNotExist) {
		return grave("the data directory is gone: mount it, or move it back; " +
			"nothing is made in its place"), err
	}
	if err != nil {
		return grave("the data directory can't be read: " + remedy(err)), err
	}
	err = unix.Faccessat(unix.AT_FDCWD, s.tree.Root, unix.R_OK|unix.X_OK, unix.AT_EACCESS)
	if err != nil {
		return grave("the server may not enter the data directory: " + giveIt), err
	}
	if tree.DirIDOf(&st) == s.id {
		return Trouble{}, nil
	}
	if isNew, err := tree.CheckReadme(s.tree.Root); isNew || err != nil { //guard:TestHealth
		err = cmp.Or(err, errors.New("it holds no README of a data directory"))
		return grave("the data directory is not in its place, an empty or another one is: " +
			"mount it, or move it back; nothing is made there"), err
	}
	s.id = tree.DirIDOf(&st)
	s.tree.Log.Warn("another data directory is in its place now, or the same was mounted again: " +
		"going on with it")
	return Trouble{}, nil
}

func grave(what string) Trouble { return Trouble{What: what, Grave: true} }

// vital are the directories without which nothing can be served or written.
var vital = []string{"blobs", "meta", "tmp"}

func (s *Monitor) checkParts() (Trouble, error) {
	if s.tree.ReadOnly {
		return s.checkReplica()
	}
	for _, name := range append(slices.Clone(vital), tree.Directories...) {
		what, err := s.checkPart(name)
		if err != nil {
			return Trouble{What: what, Grave: slices.Contains(vital, name)}, err
		}
	}
	return Trouble{}, nil
}

// checkReplica checks that what a replica serves can be read. It makes nothing again.
func (s *Monitor) checkReplica() (Trouble, error) {
	for _, name := range []string{"blobs", "meta"} {
		d, err := os.Open(s.tree.Path(name, ""))
		if err == nil {
			_, err = d.Readdirnames(1)
			d.Close()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return grave(name + "/ is gone from the replica: mount it, or run fromcache sync again"), err
		}
		if err != nil && err != io.EOF {
			return grave("the server may not read " + name + "/ of the replica: give it to the " +
				"server's user or group, or mend the mount"), err
		}
	}
	return Trouble{}, nil
}

func (s *Monitor) checkPart(name string) (what string, err error) {
	var st unix.Stat_t
	err = unix.Lstat(s.tree.Root+"/"+name, &st)
	if errors.Is(err, fs.ErrNotExist) {
		return s.makeAgain(name, err)
	}
	delete(s.state.missing, name)
	if err == nil &&
		(st.Mode&unix.S_IFMT != unix.S_IFDIR || tree.DirIDOf(&st).Dev != s.id.Dev) { //guard:TestHealthOfParts
		return name + "/ is a link, or on another file system than the data directory: " +
			"put a real directory in its place", unix.EXDEV
	}
	if err == nil {
		const all = unix.R_OK | unix.W_OK | unix.X_OK
		err = unix.Faccessat(unix.AT_FDCWD, s.tree.Path(name, ""), all, unix.AT_EACCESS)
	}
	if errors.Is(err, unix.EROFS) {
		return "", nil // checkWriting says so
	}
	return "the server may not read and write " + name + "/: " + giveIt, err
}

// makeAgain makes a directory that an operator removed (rm -r misses), a second after it was first
// missed, because somebody may be moving it back. It never makes blobs/ and meta/, because with an
// empty one nothing would be held.
func (s *Monitor) makeAgain(name string, why error) (what string, err error) {
	if name == "blobs" || name == "meta" { //guard:TestHealthOfParts
		return name + "/ is gone from the data directory: move it back; nothing is made in its place", why
	}
	since, ok := s.state.missing[name]
	if ok && time.Since(since) >= time.Second {
		return name + "/ is gone from the data directory, and can't be made again", s.remake(name)
	}
	if !ok {
		s.state.missing[name] = time.Now()
	}
	return name + "/ is gone from the data directory: an empty one is made in a moment", why
}

func (s *Monitor) remake(name string) error {
	root, err := os.Stat(s.tree.Root)
	if err == nil {
		err = tree.PrepareSub(s.tree.Root+"/"+name, root)
	}
	if err == nil {
		s.tree.Log.Warn(name + "/ was gone from the data directory, and was made again")
	}
	return err
}

// checkWriting writes a file, because nothing else finds a used-up quota or a bad disk.
func (s *Monitor) checkWriting() (Trouble, error) {
	f, err := s.tree.WriteTemp([]byte("\n"), 0o600, false)
	if err == nil {
		defer f.Close()
		err = os.Remove(f.Name())
	}
	if err == nil {
		return Trouble{}, nil
	}
	var st unix.Statfs_t
	if errors.Is(err, unix.ENOSPC) && unix.Statfs(s.tree.Root, &st) == nil &&
		st.Files > 0 && st.Ffree == 0 {
		return grave("the disk has no inodes left (df -i): " + servedOnly +
			"; remove files that nobody needs"), err
	}
	return grave(remedy(err)), err
}

// Parts of several texts.
const (
	giveIt     = "give it to the server's user and group, mode 2770"
	servedOnly = "what is held is served, nothing new can be written"
	evictSome  = "evict artifacts and run fromcache gc --older 1m"
)

// remedy says what an error of the disk means, and what to do.
func remedy(err error) string {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return "the disk is full: " + servedOnly + "; free space, or " + evictSome
	case errors.Is(err, unix.EDQUOT):
		return "the disk quota is used up: " + servedOnly + "; raise it, or " + evictSome
	case errors.Is(err, unix.EROFS):
		return "the disk is read-only: " + servedOnly +
			"; dmesg may say why, mount -o remount,rw makes it writable; where it is meant to be so, " +
			"serve it with --replica"
	case errors.Is(err, unix.EIO):
		return "the disk has errors: what can be read is served, nothing new can be written; " +
			"look at dmesg"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return "too many files are open: raise LimitNOFILE= or ulimit -n"
	case errors.Is(err, fs.ErrPermission):
		return "the server may not work on the data directory: " + giveIt
	}
	return "the data directory can't be written; the log says why"
}

func (s *Monitor) checkSpace() (Trouble, error) {
	free, _, err := s.tree.Free()
	if err == nil && s.MinFree > 0 && free < s.MinFree {
		err = ErrNoSpace
	}
	return Trouble{What: "less is free on the disk than --min-free keeps: downloads wait in queue/, " +
		"what is held is served; free space, or " + evictSome}, err
}
