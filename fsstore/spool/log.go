package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// LogLine appends an event to an open job file. It only tells of a move: a
// line that can't be written is a pity and no more. Operators' lines are few,
// and have no limit.
func (s *Spool) LogLine(f *os.File, e job.Event) {
	info, _ := f.Stat()
	if _, err := f.WriteString(MissingNewline(f, info) + e.Line()); err != nil {
		s.health.Complain("log line", err)
	}
}

// AppendWhole appends lines that decide what is fetched to an open job file, or
// takes back what a full disk let in of them: the half of a URL is another URL.
// What a client noted in that moment goes with it.
func AppendWhole(f *os.File, lines string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	n, err := f.WriteString(MissingNewline(f, info) + lines)
	if err != nil && n > 0 { //guard:fsstore/verbs.TestHalfALineApprovesNothing
		return errors.Join(err, f.Truncate(info.Size()))
	}
	if errors.Is(err, syscall.EBADF) && tree.HasSecondName(f) {
		return fmt.Errorf("%w: %s: %w", ErrBusy, f.Name(), tree.ErrShared)
	}
	if errors.Is(err, syscall.EBADF) { // openJob could open it for reading only
		return fmt.Errorf("%w: another user made this file: chmod g+w %s, then try again", fs.ErrPermission, f.Name())
	}
	return err
}

// MissingNewline is what a line needs before it where the last one has no end: a
// person's editor left it open, or a full disk cut it.
func MissingNewline(f *os.File, info fs.FileInfo) string {
	var last [1]byte
	if info == nil || info.Size() == 0 {
		return ""
	}
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return ""
	}
	return "\n"
}
