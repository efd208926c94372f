package spool

import (
	"slices"
	"strings"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// A key alone does not identify a URL: the keys of earlier servers have 64 bits of a hash, for
// which two URLs can be made to collide, and a person may give a file any name. So the code here
// reads the URL in a file, and compares the whole SHA-256 of its normalised form by the rules that
// hold now.

// ArtifactID identifies one artifact, so that files of the spool can be compared with it.
type ArtifactID struct {
	sum   string   // of its normalised URL
	Names []string // keys that its files may have: today's, then those that earlier servers gave
	old   bool     // it is named by the rule of an earlier server
}

// IDOf returns the ArtifactID of a URL.
func (s *Spool) IDOf(u key.URL) ArtifactID {
	id := ArtifactID{sum: u.Sum(), Names: []string{u.Key(), u.OldKey()}}
	if s.queries.Rule == key.Auto {
		if old, err := key.Parse(u.Whole(), key.Old); err == nil && old.OldKey() != u.OldKey() {
			id.Names = append(id.Names, old.OldKey())
		}
	}
	return id
}

// IDOfHeld returns the ArtifactID of what is held under key k.
func IDOfHeld(k, sum string) ArtifactID {
	if !key.IsOld(k) || !key.HasSum(k, sum) {
		return ArtifactID{sum: sum, Names: []string{k}}
	}
	return ArtifactID{sum, []string{k + sum[len("0123456789abcdef"):][:16], k}, true}
}

// MatchesJob reports whether a job is about id. A miss counts by the URL that it was made for,
// any other job by the URL that it fetches.
func (s *Spool) MatchesJob(id ArtifactID, st tree.State, j *job.Job) bool {
	raw := j.FetchURL()
	if st == tree.Misses {
		raw = j.URL
	}
	u, err := s.queries.Parse(raw)
	if err == nil &&
		u.Sum() == id.sum { //guard:TestANameIsNoIdentity
		return true
	}
	if !id.old || s.queries.Rule != key.Auto {
		return false
	}
	u, err = key.Parse(raw, key.Old)
	return err == nil && u.Sum() == id.sum
}

// MatchesFile reports whether a file of the spool is about id. A file that holds no URL counts by
// its name.
func (s *Spool) MatchesFile(id ArtifactID, st tree.State, name string) bool {
	b, err := tree.ReadFile(s.tree.JobPath(st, name), tree.MaxJobFile)
	if err != nil {
		return tree.Exists(s.tree.JobPath(st, name)) && tree.StemOf(name) == id.Names[0]
	}
	switch jobs := job.Parse(b).Jobs; len(jobs) {
	case 0:
		return tree.StemOf(name) == id.Names[0]
	case 1:
		return s.MatchesJob(id, st, &jobs[0])
	}
	return false
}

// IsMissName reports whether a client that asks for the URL of a miss finds it under this name. A
// miss without a URL matches any name.
func (s *Spool) IsMissName(j *job.Job, name string) bool {
	u, err := s.queries.Parse(j.URL)
	return err != nil || slices.Contains(s.IDOf(u).Names, name)
}

// FindMiss returns the name in misses/ of the miss of id, or "".
func (s *Spool) FindMiss(id ArtifactID) string {
	for _, k := range id.Names {
		if s.hasFile(id, tree.Misses, k) {
			return k
		}
	}
	return ""
}

// FindQueued returns the name in queue/ of a job of id, or "". It knows names by key, and what
// the last Due read of the others.
func (s *Spool) FindQueued(id ArtifactID) string {
	for _, k := range id.Names {
		for _, name := range []string{k + ".job", k, k + ".2.job"} {
			if s.hasFile(id, tree.Queue, name) {
				return name
			}
		}
	}
	s.queue.mu.Lock()
	name := s.queue.sums[id.sum]
	s.queue.mu.Unlock()
	if name != "" && tree.Exists(s.tree.JobPath(tree.Queue, name)) {
		return name
	}
	return ""
}

// FindActive returns the name in active/ of a job of id, or "".
func (s *Spool) FindActive(id ArtifactID) string {
	names, err := s.tree.Names(string(tree.Active))
	if err != nil {
		return ""
	}
	for _, name := range names {
		stem, _, ok := tree.SplitActive(name)
		if ok && (stem == id.Names[0] ||
			slices.Contains(id.Names, stem) && s.MatchesFile(id, tree.Active, name)) {
			return name
		}
	}
	return ""
}

// mayMatch reports whether a file must be read to tell whether it is about id. A name that is the
// key of another URL rules it out.
func (id ArtifactID) mayMatch(name string) bool {
	stem := tree.StemOf(name)
	if a, _, ok := tree.SplitActive(name); ok {
		stem = a
	}
	return !key.Valid(stem) || key.IsOld(stem) || key.HasSum(stem, id.sum)
}

// JobOf reads a file of the spool, and reports whether it is about id.
func (s *Spool) JobOf(id ArtifactID, st tree.State, name string) (JobFile, bool) {
	if !id.mayMatch(name) {
		return JobFile{}, false
	}
	j, err := s.JobFile(st, name)
	if err != nil {
		return j, false
	}
	if j.Job.URL == "" {
		return j, strings.TrimSuffix(tree.StemOf(name), ".job") == id.Names[0]
	}
	return j, s.MatchesJob(id, st, &j.Job)
}

// IsQueuedByKey reports whether a file in queue/ whose name is no key holds a URL of key k.
func (s *Spool) IsQueuedByKey(k string) bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	for sum := range s.queue.sums {
		if key.Valid(k) && key.HasSum(k, sum) {
			return true
		}
	}
	return false
}

// NamesOf returns the names of the files of rawURL in these directories of the spool, or in meta/
// where none is given. Today's key comes first, whether its file exists or not; keys by earlier
// servers or other rules follow.
func (s *Spool) NamesOf(rawURL string, in ...tree.State) ([]string, error) {
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	names := []string{u.Key()}
	if len(in) == 0 {
		if a, err := s.held.Find(u); err == nil && a.Key != names[0] {
			names = append(names, a.Key)
		}
	}
	id := s.IDOf(u)
	for _, st := range in {
		for _, k := range id.Names[1:] {
			if (s.hasFile(id, st, k) || s.hasFile(id, st, k+".job")) && !slices.Contains(names, k) {
				names = append(names, k)
			}
		}
	}
	return names, nil
}

// hasFile reports whether there is a file st/<name>, and is about id.
func (s *Spool) hasFile(id ArtifactID, st tree.State, name string) bool {
	return tree.Exists(s.tree.JobPath(st, name)) && s.MatchesFile(id, st, name)
}

// DoneJob returns the job in done/ that fetched what is held of id, or an empty one.
func (s *Spool) DoneJob(id ArtifactID) JobFile {
	for _, k := range id.Names {
		j, err := s.JobFile(tree.Done, k+".job")
		if err == nil && j.Job.URL != "" && s.MatchesJob(id, tree.Done, &j.Job) {
			return j
		}
	}
	return JobFile{}
}

// FindActiveByKey returns the name of key k's job in active/, or "".
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
