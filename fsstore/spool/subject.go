package spool

import (
	"slices"
	"strings"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// A key is a name and no identity. Those of earlier servers have 64 bits of a
// hash, for which two URLs can be made to have the same; and a person may give a
// file any name. So whoever takes a file of the spool for a URL's looks at the URL
// in it, and compares the whole SHA-256 of what it is by the rules that hold now.

// Subject is one artifact, as files of the spool are about it.
type Subject struct {
	sum   string   // of its normalised URL
	Names []string // keys that its files may have: today's, then those that earlier servers gave
	old   bool     // it is named by the rule of an earlier server
}

// About is the subject of a URL.
func (s *Spool) About(u key.URL) Subject {
	sub := Subject{sum: u.Sum(), Names: []string{u.Key(), u.OldKey()}}
	if s.queries.Rule == key.Auto {
		if old, err := key.Parse(u.Whole(), key.Old); err == nil && old.OldKey() != u.OldKey() {
			sub.Names = append(sub.Names, old.OldKey())
		}
	}
	return sub
}

// AboutHeld is the subject of what is held under key k.
func AboutHeld(k, sum string) Subject {
	if !key.IsOld(k) || !key.HasSum(k, sum) {
		return Subject{sum: sum, Names: []string{k}}
	}
	return Subject{sum, []string{k + sum[len("0123456789abcdef"):][:16], k}, true}
}

// IsJob reports whether a job of a directory is about it: a miss by the URL that
// it was made for, any other by the one that it fetches.
func (s *Spool) IsJob(sub Subject, st tree.State, j *job.Job) bool {
	raw := j.FetchURL()
	if st == tree.Misses {
		raw = j.URL
	}
	u, err := s.queries.Parse(raw)
	if err == nil && u.Sum() == sub.sum {
		return true
	}
	if !sub.old || s.queries.Rule != key.Auto {
		return false
	}
	u, err = key.Parse(raw, key.Old)
	return err == nil && u.Sum() == sub.sum
}

// IsFile reports whether a file of the spool is about it. One that holds no URL
// goes by today's name.
func (s *Spool) IsFile(sub Subject, st tree.State, name string) bool {
	b, err := tree.ReadFile(s.tree.JobPath(st, name), tree.MaxJobFile)
	if err != nil {
		return tree.Exists(s.tree.JobPath(st, name)) && tree.StemOf(name) == sub.Names[0]
	}
	switch jobs := job.Parse(b).Jobs; len(jobs) {
	case 0:
		return tree.StemOf(name) == sub.Names[0]
	case 1:
		return s.IsJob(sub, st, &jobs[0])
	}
	return false
}

// IsNamedFor reports whether a client that asks for the URL of a miss finds it
// under this name. One that holds none is named for any.
func (s *Spool) IsNamedFor(j *job.Job, name string) bool {
	u, err := s.queries.Parse(j.URL)
	return err != nil || slices.Contains(s.About(u).Names, name)
}

// MissOf is the name in misses/ of what is noted of it, or "".
func (s *Spool) MissOf(sub Subject) string {
	for _, k := range sub.Names {
		if tree.Exists(s.tree.JobPath(tree.Misses, k)) && s.IsFile(sub, tree.Misses, k) {
			return k
		}
	}
	return ""
}

// Queued is the name in queue/ of a job of it, as far as names and the last
// listing tell, or "".
func (s *Spool) Queued(sub Subject) string {
	for _, k := range sub.Names {
		for _, name := range []string{k + ".job", k, k + ".2.job"} {
			if tree.Exists(s.tree.JobPath(tree.Queue, name)) && s.IsFile(sub, tree.Queue, name) {
				return name
			}
		}
	}
	s.queue.mu.Lock()
	name := s.queue.sums[sub.sum]
	s.queue.mu.Unlock()
	if name != "" && tree.Exists(s.tree.JobPath(tree.Queue, name)) {
		return name
	}
	return ""
}

// Active is the name in active/ of a job of it, or "".
func (s *Spool) Active(sub Subject) string {
	names, err := s.tree.Names(string(tree.Active))
	if err != nil {
		return ""
	}
	for _, name := range names {
		stem, _, ok := tree.SplitActive(name)
		if ok && (stem == sub.Names[0] || slices.Contains(sub.Names, stem) && s.IsFile(sub, tree.Active, name)) {
			return name
		}
	}
	return ""
}

// mayBe reports whether a file of that name need be read to know whether it is
// about it: what a program has named by another sum of today's length need not.
func (sub Subject) mayBe(name string) bool {
	stem := tree.StemOf(name)
	if a, _, ok := tree.SplitActive(name); ok {
		stem = a
	}
	return !key.Valid(stem) || key.IsOld(stem) || key.HasSum(stem, sub.sum)
}

// JobAbout reads a file of the spool if it is about it.
func (s *Spool) JobAbout(sub Subject, st tree.State, name string) (JobFile, bool) {
	if !sub.mayBe(name) {
		return JobFile{}, false
	}
	j, err := s.JobFile(st, name)
	if err != nil {
		return j, false
	}
	if j.Job.URL == "" {
		return j, strings.TrimSuffix(tree.StemOf(name), ".job") == sub.Names[0]
	}
	return j, s.IsJob(sub, st, &j.Job)
}

// QueuedUnder reports whether a file that a person named holds a URL of that key.
func (s *Spool) QueuedUnder(k string) bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	for sum := range s.queue.sums {
		if key.Valid(k) && key.HasSum(k, sum) {
			return true
		}
	}
	return false
}

// Names are the names of the files that are rawURL's in these directories of the
// spool, or with none in meta/: today's first, whether there is a file or not, then
// those that earlier servers gave, or other rules.
func (s *Spool) Names(rawURL string, in ...tree.State) ([]string, error) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	names := []string{u.Key()}
	if len(in) == 0 {
		if a, err := s.held.HeldAs(u); err == nil && a.Key != names[0] {
			names = append(names, a.Key)
		}
	}
	sub := s.About(u)
	for _, st := range in {
		for _, k := range sub.Names[1:] {
			if (tree.Exists(s.tree.JobPath(st, k)) && s.IsFile(sub, st, k) || tree.Exists(s.tree.JobPath(st, k+".job")) && s.IsFile(sub, st, k+".job")) && !slices.Contains(names, k) {
				names = append(names, k)
			}
		}
	}
	return names, nil
}
