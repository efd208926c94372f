package verbs

import (
	"errors"
	"io/fs"
	"os"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// Evict removes the artifact: the next request is a miss. gc keeps its blob a day longer. Jobs
// that wait to fetch it are cancelled and those that fetch it now will fail, because they were
// approved before. The line in done/ is written first: it tells an evict from a loss, and a crash
// in between leaves an artifact that is held. If the meta is gone already, Evict only writes the
// line. Its error is fs.ErrNotExist if nothing was held.
func (s *Verbs) Evict(k string, by spool.Operator) error {
	if !tree.Plain(k) { //guard:fsstore/active.TestVerbsStayInTheirDirectories
		return &fs.PathError{Op: "evict", Path: k, Err: fs.ErrNotExist}
	}
	if !tree.Exists(s.tree.Path("meta", k+".json")) {
		return s.logLostEvict(k, by)
	}
	a, unread := s.held.Artifact(k)
	s.health.Complain("the line of an evict", s.logEvict(k, by))
	if err := os.Remove(s.tree.Path("meta", k+".json")); err != nil {
		return err
	}
	s.tree.Log.Info("evicted", "key", k, "via", by.Via, "addr", by.Addr)
	err := tree.SyncDir(s.tree.Path("meta", "")) //guard:fsstore/active.TestEachStepIsSynced
	if unread == nil {
		const why = "its artifact was evicted; retry to fetch it all the same"
		err = errors.Join(err, s.CancelSuperseded(spool.IDOfHeld(k, a.URLSum), why, by, tree.Queue))
	}
	return err
}

// logLostEvict logs an evict of what has no meta any more. It returns fs.ErrNotExist if nothing was
// held.
func (s *Verbs) logLostEvict(k string, by spool.Operator) error {
	h, ok := s.held.LastRecord(k)
	if !ok || h.Evicted {
		return &fs.PathError{Op: "evict", Path: k, Err: fs.ErrNotExist}
	}
	return s.AppendRecord(k, by.Event(job.Evicted))
}

// logEvict writes an evict's line into the job in done/. The evict goes on without the line where
// the disk is full or another user made the file: it then looks like one by hand.
func (s *Verbs) logEvict(k string, by spool.Operator) error {
	e := by.Event(job.Evicted)
	if _, ok := s.held.LastRecord(k); ok {
		return s.AppendRecord(k, e)
	}
	history := s.held.NewRecord(k)
	if history == "" {
		return nil
	}
	if err := s.spool.WriteEnded(history+e.Line(), tree.Done, k); err != nil {
		return err
	}
	return tree.SyncDir(s.tree.Path(string(tree.Done), "")) //guard:fsstore/active.TestEachStepIsSynced
}

// AppendRecord appends an event to the newest job of key k in done/, and fsyncs it.
func (s *Verbs) AppendRecord(k string, e job.Event) error {
	f, err := tree.OpenJob(s.tree.JobPath(tree.Done, k+".job"))
	if err != nil {
		return err
	}
	defer f.Close()
	return errors.Join(spool.AppendWhole(f, e.Line()),
		f.Sync()) //guard:fsstore/active.TestEachStepIsSynced
}

// LostInWords says how to restore an artifact whose meta is gone, whose blob is there and which no
// verb has evicted, or "".
func (s *Verbs) LostInWords(id spool.ArtifactID) string {
	for _, k := range id.Names {
		h, ok := s.held.LastRecord(k)
		if ok && !h.Evicted && !tree.Exists(s.tree.Path("meta", k+".json")) &&
			s.held.BlobOrGone(h.Done.Sha256) {
			return "its meta is gone, and no verb has evicted it: `fromcache fsck --repair` writes it " +
				"anew; if it was meant, `fromcache evict " + k + "` says so"
		}
	}
	return ""
}
