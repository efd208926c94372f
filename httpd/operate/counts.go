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
	Rules     int                   `json:"rules" doc:"Files in allowed/"`
	Artifacts int                   `json:"artifacts"`
	Bytes     int64                 `json:"bytes" doc:"Of all artifacts; a blob of several counts once"`
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
	rules, err := l.Store.Allowed.List()
	if err != nil {
		return c, err
	}
	c.Rules = len(rules)
	c.Artifacts, c.Bytes = l.held()
	hits, err := l.hits()
	if err != nil {
		return c, err
	}
	for _, n := range hits {
		c.Hits += n
	}
	c.Free, c.Total, err = l.Store.Free()
	return c, err
}

// held returns the number of artifacts, and the bytes of their blobs, each blob counted once. One
// that can't be read counts as an artifact.
func (l *Local) held() (n int, bytes int64) {
	if l.View != nil {
		l.View.RelistArtifacts()
		return l.View.Held()
	}
	seen := map[string]bool{}
	for a, err := range l.Store.Artifacts() {
		if a == nil {
			continue // meta/ itself can't be read
		}
		n++
		if err == nil && !seen[a.SHA256] {
			seen[a.SHA256] = true
			bytes += a.Size
		}
	}
	return n, bytes
}

func (l *Local) hits() (map[string]int64, error) {
	if l.View != nil {
		return l.View.AllHits(), nil
	}
	return l.Store.AllHits()
}

// served calls f with every artifact that has hits.
func (l *Local) served(hits map[string]int64, f func(url string, hits, size int64)) {
	if l.View != nil {
		l.View.RelistArtifacts()
		for _, a := range l.View.Artifacts() {
			if n := hits[a.Key]; n > 0 && a.SHA256 != "" {
				f(a.URL, n, a.Size)
			}
		}
		return
	}
	for a, err := range l.Store.Artifacts() {
		if err == nil && hits[a.Key] > 0 {
			f(a.URL, hits[a.Key], a.Size)
		}
	}
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
	hits, err := l.hits()
	if err != nil {
		return nil, err
	}
	list := []Saving{}
	l.served(hits, func(url string, n, size int64) {
		list = append(list, Saving{key.Redact(url), n, size})
	})
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
