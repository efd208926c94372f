package spool

import (
	"strings"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// FindActiveByKey is the file of key k in active/, or "".
func (s *Spool) FindActiveByKey(k string) string {
	names, err := s.tree.Names(string(tree.Active))
	if err != nil {
		return ""
	}
	for _, name := range names {
		if stem, _, ok := tree.SplitActive(name); ok && stem == k {
			return name
		}
	}
	return ""
}

// IsClaimOf reports whether a line that open wrote is that worker's.
func IsClaimOf(e job.Event, worker string) bool { return strings.HasSuffix(e.Text, " "+worker) }

func (s *Spool) PartSize(j *JobFile) int64 {
	stem, worker, ok := tree.SplitActive(j.Name)
	var st unix.Stat_t
	if !ok || unix.Lstat(s.tree.Path("tmp", tree.PartName(stem, worker)), &st) != nil {
		return 0
	}
	return st.Size
}

// CameByPut reports whether what is held of key k came by put or upload. The
// job in done/ knows; meta keeps the approval when a person has had it fetched
// since, but then an origin's header too.
func (s *Spool) CameByPut(k string, done *job.Job) bool {
	if e := held.LastApproval(done); e.Kind != "" {
		return e.Via == held.ViaPut
	}
	a, err := s.held.Artifact(k)
	return err == nil && a.Approved != nil && a.Approved.Via == held.ViaPut && len(a.Header) == 0 && a.FinalURL == ""
}
