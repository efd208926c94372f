package spool

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

// maxOpenFor is how long a file that a program has open for writing must have stood still before
// it is taken all the same, because a program that hangs must not hold up a job for good.
const maxOpenFor = 10 * time.Minute

// IsBeingWritten reports whether a program has queue/<name> open for writing. A list that grows by
// a line every few seconds, or an scp that stalls at the end of a line, ends with a newline and
// stands still: size and age don't show that more is to come. A file whose name is a key is never
// being written, because our programs rename it into place whole.
func (s *Spool) IsBeingWritten(name string) bool {
	if key.Valid(tree.StemOf(name)) {
		return false
	}
	f, err := tree.Open(s.tree.JobPath(tree.Queue, name), os.O_RDONLY)
	if err != nil {
		return false // the claim says why
	}
	defer f.Close()
	if !tree.HasWriter(f) {
		return false
	}
	q, seen := s.queue.files.Value(name)
	return !seen || time.Since(q.seenAt) < maxOpenFor
}

// quietFor is how long a file that a person writes must have stood still before it is taken,
// because `echo >` and cp make an empty file first, and rsync and editors write in pieces.
const quietFor = 2 * time.Second

// unendedFor is how long a file whose name is a key may lack its last newline, because cp makes it
// empty first. After that it is a log that a crash cut, and is taken as it is.
const unendedFor = 10 * time.Second

// isWhole reports whether the file looks written to its end at time t.
func (q *queueFile) isWhole(t time.Time) bool {
	if q.byProgram {
		return q.endsInNewline ||
			t.Sub(q.seenAt) >= unendedFor //guard:TestAPersonsFileStandsStill
	}
	return q.endsInNewline && //guard:TestWhatPeopleWriteIsTakenWhole
		t.Sub(q.seenAt) >= quietFor //guard:TestAPersonsFileStandsStill
}

// IsHalfWritten reports whether a file is still being written: it has changed since Due saw it
// stand still, or Due has not seen it and it lacks its last newline. A file whose name is a key is
// whole once it ends with a newline.
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
