package fsstore

import (
	"slices"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/upkeep"
)

// Status reads all job files but those in cancelled/ and denied/.
func (s *Store) Status() (*Status, error) {
	st := &Status{
		Time: tree.Now().UTC(), Troubles: []Trouble{}, Problems: []Problem{}, NotNoted: s.NotNoted(),
		Jobs: map[State]int{}, Scrub: s.Scrubbed(),
		Running: []StatusJob{}, Retried: []StatusJob{}, Failed: []StatusJob{}, Replica: s.Replica(),
	}
	for _, t := range s.Health() {
		t.Since = t.Since.UTC()
		st.Troubles = append(st.Troubles, t)
	}
	for _, p := range s.Problems() {
		p.Time = p.Time.UTC()
		st.Problems = append(st.Problems, p)
	}
	if err := s.fillStatus(st); err != nil {
		return nil, err
	}
	for _, list := range [][]StatusJob{st.Retried, st.Failed} {
		slices.SortStableFunc(list, func(a, b StatusJob) int { return b.Time.Compare(a.Time) })
	}
	st.Judge()
	return st, nil
}

// fillStatus adds what the directories hold.
func (s *Store) fillStatus(st *Status) error {
	var err error
	if st.Free, st.Total, err = s.Free(); err != nil {
		return err
	}
	names, err := s.tree.TmpNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		if upkeep.IsRotten(name) {
			st.Rotten++
		}
	}
	for _, in := range []State{Cancelled, Denied} {
		if st.Jobs[in], err = s.Spool.Count(in); err != nil {
			return err
		}
	}
	for _, in := range []State{Misses, Queue, Active, Done, Failed} {
		if err := s.statusOf(st, in); err != nil {
			return err
		}
	}
	return nil
}

// statusOf adds what is in one directory.
func (s *Store) statusOf(st *Status, in State) error {
	names, err := s.Spool.JobNames(in)
	if err != nil {
		return err
	}
	for _, name := range names {
		if j, err := s.Spool.JobFile(in, name); err == nil { // else it has moved
			st.Jobs[in]++
			st.Add(&j)
			if in != Done || s.Spool.CameByPut(j.Key, &j.Job) {
				continue
			}
			done, ok := j.Job.Newest(job.Done)
			if ok && (st.Fetched == nil || st.Fetched.Time.Before(done.Time)) {
				st.Fetched = &StatusJob{
					Key: j.Key, URL: key.Redact(j.Job.FetchURL()), Time: done.Time,
				}
			}
		}
	}
	return nil
}
