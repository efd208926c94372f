package verbs

import (
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
)

// DoneJob is the job in done/ that fetched what is held, or an empty one.
func (s *Verbs) DoneJob(sub spool.Subject) spool.JobFile {
	for _, k := range sub.Names {
		if j, err := s.spool.JobFile(tree.Done, k+".job"); err == nil && j.Job.URL != "" && s.spool.MatchesJob(sub, tree.Done, &j.Job) {
			return j
		}
	}
	return spool.JobFile{}
}
