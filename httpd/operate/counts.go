package operate

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// Counts is how much there is.
type Counts struct {
	Jobs      map[fsstore.State]int `json:"jobs" doc:"How many files each directory of the spool has"`
	Artifacts int                   `json:"artifacts"`
	Bytes     int64                 `json:"bytes" doc:"Of all artifacts"`
	Hits      int64                 `json:"hits"`
	Free      int64                 `json:"free" doc:"Bytes that the file system has left"`
	Total     int64                 `json:"total" doc:"Bytes that the file system has"`
}

// Counts counts what is in the data directory.
func (l *Local) Counts(context.Context) (Counts, error) {
	c := Counts{Jobs: map[fsstore.State]int{}}
	for _, st := range Spool {
		names, err := l.Store.JobNames(st)
		if err != nil {
			return c, err
		}
		c.Jobs[st] = len(names)
	}
	for a, err := range l.Store.Artifacts() {
		if err == nil {
			c.Artifacts++
			c.Bytes += a.Size
		}
	}
	hits, err := l.Store.AllHits()
	if err != nil {
		return c, err
	}
	for _, n := range hits {
		c.Hits += n
	}
	c.Free, c.Total, err = l.Store.Free()
	return c, err
}

// Stats is what was counted day by day, and what mattered most.
type Stats struct {
	Days   []fsstore.Day `json:"days" nullable:"false" doc:"Oldest first, today last; UTC"`
	Saved  []Saving      `json:"saved" nullable:"false" doc:"The artifacts that spared origins the most bytes"`
	Costly []Cost        `json:"costly" nullable:"false" doc:"The misses that were asked for most"`
}

// Saving is an artifact that was served.
type Saving struct {
	URL  string `json:"url"`
	Hits int64  `json:"hits"`
	Size int64  `json:"size"`
}

// Cost is a miss.
type Cost struct {
	URL   string `json:"url"`
	Asked int    `json:"asked"`
}

// topRows is how many artifacts and misses Stats names.
const topRows = 10

// Stats returns the last so many days.
func (l *Local) Stats(_ context.Context, days int) (s Stats, err error) {
	if s.Days, err = l.Store.Stats(days); err != nil {
		return s, err
	}
	if s.Saved, err = l.saved(); err != nil {
		return s, err
	}
	s.Costly, err = l.costly()
	return s, err
}

func (l *Local) saved() ([]Saving, error) {
	hits, err := l.Store.AllHits()
	if err != nil {
		return nil, err
	}
	list := []Saving{}
	for a, err := range l.Store.Artifacts() {
		if err == nil && hits[a.Key] > 0 {
			list = append(list, Saving{key.Redact(a.URL), hits[a.Key], a.Size})
		}
	}
	slices.SortFunc(list, func(a, b Saving) int {
		return cmp.Or(cmp.Compare(b.Hits*b.Size, a.Hits*a.Size), strings.Compare(a.URL, b.URL))
	})
	return list[:min(topRows, len(list))], nil
}

func (l *Local) costly() ([]Cost, error) {
	jobs, err := l.Store.Jobs(fsstore.Misses)
	if err != nil {
		return nil, err
	}
	list := make([]Cost, len(jobs))
	for i := range jobs {
		n, _ := jobs[i].Job.Misses()
		list[i] = Cost{key.Redact(jobs[i].Job.FetchURL()), n}
	}
	slices.SortStableFunc(list, func(a, b Cost) int { return cmp.Compare(b.Asked, a.Asked) })
	return list[:min(topRows, len(list))], nil
}
