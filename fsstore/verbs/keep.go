package verbs

import (
	"errors"
	"fmt"
	"io/fs"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// Kept is a file as it was before a verb, for PutBack or Restore.
type Kept struct {
	State tree.State // "" of a meta
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

// KeepArtifact reads the meta of an artifact before it is evicted. Its error is fs.ErrNotExist where
// nothing is held.
func (s *Verbs) KeepArtifact(k string) (Kept, error) {
	if !tree.Plain(k) {
		return Kept{}, &fs.PathError{Op: "keep", Path: k, Err: fs.ErrNotExist}
	}
	b, err := tree.ReadFile(s.tree.Path("meta", k+".json"), tree.MaxJobFile)
	return Kept{Name: k, Text: string(b)}, err
}

// Restore undoes an evict: the artifact is held as it was, with its history and its hits. It commits
// by the rename of meta/<key>.json, which replaces nothing, and then logs it in done/; a crash in
// between leaves what is held with an evict in its log, as an evict that failed does. Jobs that the
// evict has cancelled stay cancelled. Its error is fs.ErrExist where a newer version is held by now,
// and fs.ErrNotExist where the bytes are gone.
func (s *Verbs) Restore(kept Kept, by spool.Operator) error {
	if !tree.Plain(kept.Name) {
		return &fs.PathError{Op: "restore", Path: kept.Name, Err: fs.ErrNotExist}
	}
	digest := held.DigestIn([]byte(kept.Text))
	if digest == "" || !tree.IsRegular(s.tree.Path("blobs", digest)) {
		return fmt.Errorf("the bytes of %s are gone: fetch it again: %w", kept.Name, fs.ErrNotExist)
	}
	err := s.tree.WriteNew(kept.Text, s.tree.Path("meta", kept.Name+".json"), true)
	if err != nil {
		return err
	}
	if err := tree.SyncDir(s.tree.Path("meta", "")); err != nil {
		return err
	}
	if a, err := s.held.Artifact(kept.Name); err == nil {
		s.held.Index(a)
	}
	s.tree.Log.Info("restored", "key", kept.Name, "via", by.Via, "addr", by.Addr)
	err = s.AppendRecord(kept.Name, by.Event(job.Restored))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it had no job, and so no evict in its log
	}
	return err
}
