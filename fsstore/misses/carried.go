package misses

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// ErrFull is the error for a miss that is not taken because misses/ is at its cap.
var ErrFull = errors.New("misses/ is full: approve, dismiss or deny some first")

// TakeMiss records a miss of another cache, with the requests that its clients made; of its other lines
// it takes none. A request that the miss here has already is not counted again. TakeMiss reports false
// where the URL is held, denied or approved here. It lists misses/ once, at the first that is new.
func (s *Misses) TakeMiss(j *job.Job) (bool, error) {
	raw, err := key.FetchURL(j.URL)
	if err != nil {
		return false, err
	}
	u, err := s.queries.Parse(raw)
	if err != nil {
		return false, err
	}
	id := s.spool.IDOf(u)
	if k := s.spool.FindMiss(id); k != "" {
		return true, s.mergeMiss(k, j)
	}
	if s.spool.DenialOf(u) != "" || s.spool.FindQueued(id) != "" || s.spool.FindActive(id) != "" ||
		s.held.Holds(u) {
		return false, nil
	}
	done, err := s.takeQuota(u.Key(), FirstNetwork(j), s.maxMisses) // an operator brings it: no share
	if err != nil {
		return false, err
	}
	if done == nil {
		return false, ErrFull
	}
	defer done()
	text := raw + "\n" + strings.Join(missLines(j, job.MissRoom-len(raw)), "")
	err = s.tree.WriteNew(text, s.tree.JobPath(tree.Misses, u.Key()), true)
	if errors.Is(err, fs.ErrExist) {
		return true, s.mergeMiss(u.Key(), j)
	}
	if err == nil {
		s.spool.Arrived(tree.Misses, u.Key())
	}
	return err == nil, err
}

// missLines returns the lines of a miss's requests, at most room bytes.
func missLines(j *job.Job, room int) (lines []string) {
	for _, e := range j.Events {
		if e.Kind != job.Miss {
			continue
		}
		line := e.Line()
		if room -= len(line); room < 0 {
			break
		}
		lines = append(lines, line)
	}
	return lines
}

// mergeMiss appends the requests that misses/<k> lacks.
func (s *Misses) mergeMiss(k string, j *job.Job) error {
	s.FlushRepeatsOf(k)
	f, err := tree.OpenAppend(s.tree.JobPath(tree.Misses, k))
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		has[strings.TrimSuffix(line, "\n")] = true
	}
	var more strings.Builder
	for _, line := range missLines(j, job.MissRoom-len(b)) {
		if !has[strings.TrimSuffix(line, "\n")] {
			more.WriteString(line)
		}
	}
	if more.Len() == 0 {
		return nil
	}
	_, err = f.WriteString(spool.MissingNewline(f, info) + more.String())
	return err
}

// RemoveMiss removes the miss of what is held now, if there is one.
func (s *Misses) RemoveMiss(id spool.ArtifactID) error {
	k := s.spool.FindMiss(id)
	if k == "" {
		return nil
	}
	if err := os.Remove(s.tree.JobPath(tree.Misses, k)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
