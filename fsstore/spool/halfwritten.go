package spool

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// maxOpenFor is how long a file that a program has open for writing must have
// stood still until it is taken all the same: one that hangs, or that a shell
// keeps open for ever, holds up nothing for good.
const maxOpenFor = 10 * time.Minute

// IsBeingWritten reports whether a program has the file queue/<name>, which a person
// named, open for writing: a list that comes a line in a few seconds, or an scp
// that stalls at a line's end, ends with a newline and stands still. What a
// program of ours named was renamed to there whole.
func (s *Spool) IsBeingWritten(name string) bool {
	if key.Valid(tree.StemOf(name)) {
		return false
	}
	f, err := tree.Open(s.tree.JobPath(tree.Queue, name), os.O_RDONLY)
	if err != nil {
		return false // the claim says why
	}
	defer f.Close()
	if !hasWriter(f) {
		return false
	}
	q, seen := s.queue.files.Value(name)
	return !seen || time.Since(q.seenAt) < maxOpenFor
}

// hasWriter reports whether somebody has f, which is open for reading, open for
// writing: then no read lease can be had of it, fcntl(2). It is false, too, where
// nobody can say: the file is another user's and we have no CAP_LEASE, or its file
// system has no leases, or gives them as its server likes. Who opens the file in
// the instant of the lease waits for its end.
func hasWriter(f *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil || slices.Contains(networkFileSystems, uint32(st.Type)) { //nolint:gosec // a magic number has 32 bits
		return false
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}

var networkFileSystems = []uint32{unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC}

// quietFor is how long a file that a person writes must have stood still before
// it is taken: `echo >` and cp make an empty file first, and rsync and editors
// write in pieces.
const quietFor = 2 * time.Second

// unendedFor is how long a file under a key's name may lack its last newline: cp makes
// it empty first. After that it is what a crash left of a log, and is taken as
// it is.
const unendedFor = 10 * time.Second

func (q *queueFile) isWhole(t time.Time) bool {
	if q.byProgram {
		return q.endsInNewline || t.Sub(q.seenAt) >= unendedFor
	}
	return q.endsInNewline && t.Sub(q.seenAt) >= quietFor
}

// IsHalfWritten reports whether a file is being written at this moment: one that
// Due has seen is not as it stood still then, or one that it has not seen lacks
// its newline. What a program named is whole once it ends with one.
func (s *Spool) IsHalfWritten(f *os.File, name string, b []byte) bool {
	ended := len(b) > 0 && b[len(b)-1] == '\n'
	if ended && key.Valid(tree.StemOf(name)) {
		return false
	}
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return true
	}
	q, seen := s.queue.files.Get(name)
	if !seen {
		return !ended
	}
	return q.Identity != tree.Identify(&st) || !q.Value.isWhole(time.Now())
}
