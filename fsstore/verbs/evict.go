package verbs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// Evict removes the artifact: the next request is a miss. gc keeps its blob a day longer. Jobs
// that wait to fetch it are cancelled and those that fetch it now will fail, because they were
// approved before.
//
// The line in done/ is written and fsynced first, because fsck tells by it an evict from a loss. If
// that fails nothing is removed; after a crash in between, or if the removal fails, the artifact
// is held as before. If the meta is gone already, Evict only writes the line. Its error is
// fs.ErrNotExist if nothing was held, and spool.ErrBusy if a put or a fetch has committed a newer
// version since Evict began: that stays.
func (s *Verbs) Evict(k string, by spool.Operator) error {
	if !tree.Plain(k) { //guard:TestVerbsStayInTheirDirectories
		return &fs.PathError{Op: "evict", Path: k, Err: fs.ErrNotExist}
	}
	meta := s.tree.Path("meta", k+".json")
	if _, err := os.Lstat(meta); errors.Is(err, fs.ErrNotExist) {
		return s.logLostEvict(k, by)
	} else if err != nil {
		return err
	}
	evicted, _ := tree.ReadFile(meta, tree.MaxJobFile) // one that can't be read can be evicted
	a, unread := s.held.Artifact(k)
	if err := s.logEvict(k, by); err != nil { //guard:TestNoEvictWithoutItsLine
		err = fmt.Errorf("nothing is evicted, because its line in done/ is written first: %w", err)
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("%w; make room, as by fromcache gc --older 1m, and evict then", err)
		}
		return err
	}
	if err := s.removeMeta(k, evicted); err != nil {
		return err
	}
	s.tree.Log.Info("evicted", "key", k, "via", by.Via, "addr", by.Addr)
	if unread != nil {
		return nil
	}
	const why = "its artifact was evicted; retry to fetch it all the same"
	return s.CancelSuperseded(spool.IDOfHeld(k, a.URLSum), why, by, tree.Queue)
}

// removeMeta removes meta/<k>.json if it still has these bytes. It renames it into tmp/ before it
// compares, because a commit may replace it at any moment before that. Another meta gets its name
// back, unless a third has that by now, and the error is spool.ErrBusy. Until then its artifact is
// a miss, and after a crash just there it is lost until `fromcache fsck --repair` writes its meta
// anew from done/. gc removes what a crash leaves in tmp/.
func (s *Verbs) removeMeta(k string, evicted []byte) error {
	meta, aside := s.tree.Path("meta", k+".json"), s.tree.Path("tmp", ".evicted-"+tree.RandomID())
	if err := os.Rename(meta, aside); err != nil {
		return err
	}
	caught, _ := tree.ReadFile(aside, tree.MaxJobFile)
	if !bytes.Equal(caught, evicted) { //guard:TestEvictLeavesANewerVersion
		err := tree.RenameNew(aside, meta)
		if err == nil {
			err = tree.SyncDir(s.tree.Path("meta", ""))
		} else if errors.Is(err, fs.ErrExist) {
			err = os.Remove(aside)
		}
		return errors.Join(err, fmt.Errorf("%w: a newer version came meanwhile and is held: "+
			"evict again to remove that", spool.ErrBusy))
	}
	err := tree.SyncDir(s.tree.Path("meta", "")) //guard:fsstore/active.TestEachStepIsSynced
	return errors.Join(err, os.Remove(aside))
}

// logLostEvict logs an evict of what has no meta any more. It returns fs.ErrNotExist if nothing was
// held.
func (s *Verbs) logLostEvict(k string, by spool.Operator) error {
	h, err := s.held.LastRecord(k)
	if h.Evicted || errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "evict", Path: k, Err: fs.ErrNotExist}
	}
	if err != nil {
		return err
	}
	return s.AppendRecord(k, by.Event(job.Evicted))
}

// logEvict appends an evict's line to the newest job in done/. If there is none, or another user
// made it, it writes a new job. It writes nothing for an artifact without a job whose meta can't
// be read or whose URL is redacted, because nothing in done/ then says that it was held.
func (s *Verbs) logEvict(k string, by spool.Operator) error {
	e := by.Event(job.Evicted)
	_, err := s.held.LastRecord(k)
	if err == nil {
		err = s.AppendRecord(k, e)
	}
	notOurs := errors.Is(err, fs.ErrPermission) || errors.Is(err, spool.ErrBusy)
	if !notOurs && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := s.held.NewRecord(k)
	if text == "" && notOurs {
		return err
	}
	if text == "" {
		return nil
	}
	if err := s.spool.WriteEnded(text+e.Line(), tree.Done, k); err != nil {
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
		h, err := s.held.LastRecord(k)
		if err == nil && !h.Evicted && !tree.Exists(s.tree.Path("meta", k+".json")) &&
			s.held.BlobOrGone(h.Done.Sha256) {
			return "its meta is gone, and no verb has evicted it: `fromcache fsck --repair` writes it " +
				"anew; if it was meant, `fromcache evict " + k + "` says so"
		}
	}
	return ""
}
