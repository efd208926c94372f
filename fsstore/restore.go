package fsstore

import (
	"fmt"
	"slices"

	"fromcache/fsstore/job"
)

// How an artifact gets back the bytes that the disk has lost. The scrub and
// fsck are no operators: what they queue stands on the approval under which the
// artifact came in, and goes no further than that.

const (
	viaScrub = "scrub"
	viaFsck  = "fsck" // as fsck writes it
	viaPut   = "put"
)

// What requeue has done, or says to do.
const (
	queuedAgain = "queued again"
	carryAgain  = "it was carried in by hand: carry it in again, with `fromcache put URL FILE` or the form Upload"
	jobGone     = "its job is gone: fetch it again with `fromcache add URL`, or evict it"
	addAgain    = "its whole URL is not known: fetch it again with `fromcache add URL`"
)

// requeue says what was done about the artifact of key k, or what to do, and
// whether its URL is queued again, with the options that it was fetched with.
// The job in done/ has the whole URL; the one in meta is redacted, and good only
// where nothing is. What was carried in by hand is not queued: that somebody
// vouched for a file is no leave to ask the net for that URL.
func (s *Store) requeue(k, url string, by By) (do string, queued bool) {
	sub := s.subjectOf(k, url)
	done := s.doneJob(sub)
	if s.carriedIn(k, &done.Job) {
		return carryAgain, false
	}
	if s.queued(sub) != "" || s.active(sub) != "" { // a person's approval is wider, and may have a fresher URL
		return queuedAgain, true
	}
	again := Addition{URL: url}
	if j := &done.Job; j.URL != "" {
		again = Addition{j.FetchURL(), j.Sha256, j.AcceptHTML, j.AcceptAny, j.AcceptHTTP, j.AcceptPrivate}
	}
	if !s.isJob(sub, Done, &job.Job{URL: again.URL}) {
		return addAgain, false
	}
	if _, err := s.Add(again, by); err != nil {
		return "it could not be queued: " + err.Error(), false
	}
	return queuedAgain, true
}

// subjectOf is what the artifact of key k is about: its meta says it, or where
// that tells nothing its job or its URL, if that gives it this key.
func (s *Store) subjectOf(k, url string) subject {
	if a, err := s.Artifact(k); err == nil {
		return aboutHeld(k, a.URLSum)
	}
	done, _ := s.JobFile(Done, k+".job")
	for _, raw := range []string{done.Job.FetchURL(), url} {
		if u, err := s.Parse(raw); err == nil && slices.Contains(s.about(u).names, k) {
			return s.about(u)
		}
	}
	return subject{names: []string{k}}
}

// doneJob is the job in done/ that fetched what is held, or an empty one.
func (s *Store) doneJob(sub subject) JobFile {
	for _, k := range sub.names {
		if j, err := s.JobFile(Done, k+".job"); err == nil && j.Job.URL != "" && s.isJob(sub, Done, &j.Job) {
			return j
		}
	}
	return JobFile{}
}

// fate says where the job is that is to bring an artifact back, or who is to
// do it, and "" where there is no such job.
func (s *Store) fate(a *Artifact) string {
	sub := aboutHeld(a.Key, a.URLSum)
	if s.queued(sub) != "" {
		return queuedAgain
	}
	if s.active(sub) != "" {
		return "it is being fetched again"
	}
	done := s.doneJob(sub)
	if s.carriedIn(a.Key, &done.Job) {
		return carryAgain
	}
	for _, st := range []State{Failed, Cancelled} {
		if name := s.endedSince(st, a); name != "" {
			return fmt.Sprintf("%s: see %s/%s", st, st, name)
		}
	}
	return ""
}

// endedSince is the name of a job that ended in st after the artifact was
// fetched. An older one tells nothing: failed/ and cancelled/ are history.
func (s *Store) endedSince(st State, a *Artifact) string {
	for n := 1; n < 10; n++ {
		name := a.Key + ".job"
		if n > 1 {
			name = fmt.Sprintf("%s.%d.job", a.Key, n)
		}
		if !exists(s.job(st, name)) {
			continue
		}
		j, err := s.JobFile(st, name)
		if last, ok := newest(&j.Job); err == nil && ok && !last.Before(a.Fetched) {
			return name
		}
	}
	return ""
}

// restores pins a claim of what the scrub or fsck has queued to the bytes that
// were lost, unless a line in the job says which it wants: that approval was for
// the artifact as it was held. An origin that has replaced its file since would
// else change what clients get, at an hour that the disk chose, under a version
// that somebody has checked. So the job fails and says so, and a person decides:
// a retry is an approval of its own and takes what the origin has now. That is
// why the digest is no line in the job, which would bind the retry as well, and
// every fetch after it.
func (c *Claim) restores() {
	if !c.Job.Approved() || !restoring(&c.Job) || c.Job.Sha256 != "" {
		return
	}
	if a, err := c.s.heldAs(c.url); err == nil {
		c.Job.Sha256 = a.SHA256
	} else { // it is malformed
		done := c.s.doneJob(c.about())
		e, _ := done.Job.Newest(job.Done)
		c.Job.Sha256 = e.Sha256
	}
	c.Restores = c.Job.Sha256 != ""
}

// restoring reports whether nobody but the scrub or fsck asks for a job.
func restoring(j *job.Job) bool {
	e := leave(j)
	return e.Kind == job.Approve && restorer(By{Via: e.Via})
}

func restorer(by By) bool { return by.Via == viaScrub || by.Via == viaFsck }

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
