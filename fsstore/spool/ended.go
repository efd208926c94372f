package spool

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"fromcache/fsstore/internal/tree"
)

// NewestFirst orders jobs of several directories by the newest line of their logs. Within one
// directory the name tells which is newest; see MoveToEnded.
func NewestFirst(a, b JobFile) int {
	x, _ := LastEventTime(&a.Job)
	y, _ := LastEventTime(&b.Job)
	return y.Compare(x) //guard:fsstore/verbs.TestVerbsTakeTheFileThatIsMeant
}

// NumberedNames lists the files of key k in a directory that have a number, as k.2.job has.
func (s *Spool) NumberedNames(st tree.State, k string) []string {
	names, _ := s.tree.Names(string(st))
	return slices.DeleteFunc(names, func(name string) bool {
		return tree.StemOf(name) != k || strings.TrimSuffix(name, ".job") == k ||
			strings.HasSuffix(name, ".why")
	})
}

// MoveToEnded moves the job file at from, which the caller owns, to st/<stem>.job and returns the
// name it got. That name is always the newest job of its key in a directory, because a lookup by
// key then needs no listing and no clock. The job that had the name gets the first free number,
// <stem>.2.job and so on: nothing is replaced or merged.
//
// A crash between the two renames leaves from where it is, for Recover, and no <stem>.job. Where
// the older job can't be moved aside, from gets the number itself, because its key would stay
// active for ever.
func (s *Spool) MoveToEnded(from string, st tree.State, stem string) (name string, err error) {
	if name, err = s.moveToEnded(from, st, stem); err == nil {
		s.Arrived(st, name)
	}
	return name, err
}

func (s *Spool) moveToEnded(from string, st tree.State, stem string) (name string, err error) {
	dir, to := s.tree.Path(string(st), ""), s.tree.JobPath(st, stem+".job")
	if from == to { // an operator gave it its name
		return stem + ".job", nil
	}
	if err = tree.RenameNew(from, to); !errors.Is(err, fs.ErrExist) {
		return stem + ".job", err
	}
	older, err := tree.RenameFree(to, dir, stem)
	if err == nil {
		if err = tree.RenameNew(from, to); err == nil {
			_ = tree.RenameNew(to+".why", s.tree.JobPath(st, older+".why"))
			return stem + ".job", nil
		}
		_ = tree.RenameNew(s.tree.JobPath(st, older), to)
	}
	name, err = tree.RenameFree(from, dir, stem)
	if errors.Is(err, fs.ErrExist) { // no number is left //guard:fsstore/active.TestListOfAFullName
		return stem + ".job", os.Rename(from, to)
	}
	return name, err
}

// WriteEnded writes a new job with this text, fsynced, to where MoveToEnded moves one. Its name in
// the directory is not fsynced.
func (s *Spool) WriteEnded(text string, st tree.State, stem string) error {
	f, err := s.tree.WriteTemp([]byte(text), 0o660, true)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := s.MoveToEnded(f.Name(), st, stem); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
