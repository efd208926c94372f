package verbs

import (
	"errors"
	"io/fs"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
)

// Kept is a file of the spool as it was before a verb, for PutBack.
type Kept struct {
	State tree.State
	Name  string
	Text  string
}

// Keep reads a miss or a job that has ended, before a verb changes or removes it.
func (s *Verbs) Keep(st tree.State, name string) (Kept, error) {
	b, err := s.spool.Log(st, name)
	return Kept{st, name, string(b)}, err
}

// PutBack makes the file of k again as it was, so that a verb is undone. Where there is one of that
// name by now, because a client has asked again, that one stays and PutBack returns nil. It is not
// told as an arrival, because no client asked.
func (s *Verbs) PutBack(k Kept) error {
	if !tree.Plain(k.Name) {
		return spool.Absent(k.State, k.Name)
	}
	err := s.tree.WriteNew(k.Text, s.tree.JobPath(k.State, k.Name), true)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return tree.SyncDir(s.tree.Dir(k.State))
}
