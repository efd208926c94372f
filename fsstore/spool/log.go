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

// LogLine appends an event to an open job file. An error goes to health alone, because the move
// that the line tells of counts without it. Operators' lines are few, and have no limit.
func (s *Spool) LogLine(f *os.File, e job.Event) {
	info, _ := f.Stat()
	if _, err := f.WriteString(MissingNewline(f, info) + e.Line()); err != nil {
		s.health.Complain("log line", err)
	}
}

// AppendWhole appends lines that decide what is fetched. If a full disk takes only part of them it
// truncates the file again, because half a URL is another URL. A client's line that was written in
// that moment is lost with them. Its error is ErrBusy for a file with a second name, and
// fs.ErrPermission for one that the server may not write.
func AppendWhole(f *os.File, lines string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	n, err := f.WriteString(MissingNewline(f, info) + lines)
	if err != nil && n > 0 { //guard:fsstore/verbs.TestHalfALineApprovesNothing
		return errors.Join(err, f.Truncate(info.Size()))
	}
	if errors.Is(err, syscall.EBADF) && tree.HasHardLink(f) {
		return fmt.Errorf("%w: %s: %w", ErrBusy, f.Name(), tree.ErrHardLinked)
	}
	if errors.Is(err, syscall.EBADF) { // tree.OpenJob could open it for reading only
		return fmt.Errorf("%w: another user made this file: chmod g+w %s, then try again",
			fs.ErrPermission, f.Name())
	}
	return err
}

// MissingNewline returns the newline that must come before the next line if the file does not end
// with one, because an editor left it out or a full disk cut it.
func MissingNewline(f *os.File, info fs.FileInfo) string {
	var last [1]byte
	if info == nil || info.Size() == 0 {
		return ""
	}
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return ""
	}
	return "\n" //guard:fsstore/verbs.TestApproveAfterACutLine
}
