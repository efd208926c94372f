package fsstore

import (
	"slices"
	"strings"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// A key is a name and no identity. Those of earlier servers have 64 bits of a
// hash, for which two URLs can be made to have the same; and a person may give a
// file any name. So whoever takes a file of the spool for a URL's looks at the URL
// in it, and compares the whole SHA-256 of what it is by the rules that hold now.

// subject is one artifact, as files of the spool are about it.
type subject struct {
	sum   string   // of its normalised URL
	names []string // keys that its files may have: today's, then those that earlier servers gave
	old   bool     // it is named by the rule of an earlier server
}

// about is the subject of a URL.
func (s *Store) about(u key.URL) subject {
	sub := subject{sum: u.Sum(), names: []string{u.Key(), u.OldKey()}}
	if s.rule == key.Auto {
		if old, err := key.Parse(u.Whole(), key.Old); err == nil && old.OldKey() != u.OldKey() {
			sub.names = append(sub.names, old.OldKey())
		}
	}
	return sub
}

// aboutHeld is the subject of what is held under key k.
func aboutHeld(k, sum string) subject {
	if !key.IsOld(k) || !key.HasSum(k, sum) {
		return subject{sum: sum, names: []string{k}}
	}
	return subject{sum, []string{k + sum[len("0123456789abcdef"):][:16], k}, true}
}

// isJob reports whether a job of a directory is about it: a miss by the URL that
// it was made for, any other by the one that it fetches.
func (s *Store) isJob(sub subject, st State, j *job.Job) bool {
	raw := j.FetchURL()
	if st == Misses {
		raw = j.URL
	}
	u, err := s.Parse(raw)
	if err == nil && u.Sum() == sub.sum {
		return true
	}
	if !sub.old || s.rule != key.Auto {
		return false
	}
	u, err = key.Parse(raw, key.Old)
	return err == nil && u.Sum() == sub.sum
}

// isFile reports whether a file of the spool is about it. One that holds no URL
// goes by today's name.
func (s *Store) isFile(sub subject, st State, name string) bool {
	b, err := readFile(s.job(st, name), maxJobFile)
	if err != nil {
		return exists(s.job(st, name)) && stemOf(name) == sub.names[0]
	}
	switch jobs := job.Parse(b).Jobs; len(jobs) {
	case 0:
		return stemOf(name) == sub.names[0]
	case 1:
		return s.isJob(sub, st, &jobs[0])
	}
	return false
}

// isNamedFor reports whether a client that asks for the URL of a miss finds it
// under this name. One that holds none is named for any.
func (s *Store) isNamedFor(j *job.Job, name string) bool {
	u, err := s.Parse(j.URL)
	return err != nil || slices.Contains(s.about(u).names, name)
}

// miss is the name in misses/ of what is noted of it, or "".
func (s *Store) miss(sub subject) string {
	for _, k := range sub.names {
		if exists(s.job(Misses, k)) && s.isFile(sub, Misses, k) {
			return k
		}
	}
	return ""
}

// queued is the name in queue/ of a job of it, as far as names and the last
// listing tell, or "".
func (s *Store) queued(sub subject) string {
	for _, k := range sub.names {
		for _, name := range []string{k + ".job", k, k + ".2.job"} {
			if exists(s.job(Queue, name)) && s.isFile(sub, Queue, name) {
				return name
			}
		}
	}
	s.queue.mu.Lock()
	name := s.queue.sums[sub.sum]
	s.queue.mu.Unlock()
	if name != "" && exists(s.job(Queue, name)) {
		return name
	}
	return ""
}

// active is the name in active/ of a job of it, or "".
func (s *Store) active(sub subject) string {
	names, err := s.names(string(Active))
	if err != nil {
		return ""
	}
	for _, name := range names {
		stem, _, ok := splitActive(name)
		if ok && (stem == sub.names[0] || slices.Contains(sub.names, stem) && s.isFile(sub, Active, name)) {
			return name
		}
	}
	return ""
}

// mayBe reports whether a file of that name need be read to know whether it is
// about it: what a program has named by another sum of today's length need not.
func (sub subject) mayBe(name string) bool {
	stem := stemOf(name)
	if a, _, ok := splitActive(name); ok {
		stem = a
	}
	return !key.Valid(stem) || key.IsOld(stem) || key.HasSum(stem, sub.sum)
}

// jobAbout reads a file of the spool if it is about it.
func (s *Store) jobAbout(sub subject, st State, name string) (JobFile, bool) {
	if !sub.mayBe(name) {
		return JobFile{}, false
	}
	j, err := s.JobFile(st, name)
	if err != nil {
		return j, false
	}
	if j.Job.URL == "" {
		return j, strings.TrimSuffix(stemOf(name), ".job") == sub.names[0]
	}
	return j, s.isJob(sub, st, &j.Job)
}

// queuedUnder reports whether a file that a person named holds a URL of that key.
func (s *Store) queuedUnder(k string) bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	for sum := range s.queue.sums {
		if key.Valid(k) && key.HasSum(k, sum) {
			return true
		}
	}
	return false
}
