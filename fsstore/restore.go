package fsstore

import "fromcache/fsstore/job"

const viaPut = "put"

// doneJob is the job in done/ that fetched what is held, or an empty one.
func (s *Store) doneJob(sub subject) JobFile {
	for _, k := range sub.names {
		if j, err := s.JobFile(Done, k+".job"); err == nil && j.Job.URL != "" && s.isJob(sub, Done, &j.Job) {
			return j
		}
	}
	return JobFile{}
}

// carriedIn reports whether what is held of key k came by put or upload. The
// job in done/ knows; meta keeps the approval when a person has had it fetched
// since, but then an origin's header too.
func (s *Store) carriedIn(k string, done *job.Job) bool {
	if e := leave(done); e.Kind != "" {
		return e.Via == viaPut
	}
	a, err := s.Artifact(k)
	return err == nil && a.Approved != nil && a.Approved.Via == viaPut && len(a.Header) == 0 && a.FinalURL == ""
}

// leave is what a job was done under: its newest approval or retry.
func leave(j *job.Job) job.Event {
	for i := len(j.Events) - 1; i >= 0; i-- {
		if e := j.Events[i]; e.Kind == job.Approve || e.Kind == job.Retry {
			return e
		}
	}
	return job.Event{}
}
