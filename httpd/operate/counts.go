package operate

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/savings"
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
		if l.View != nil && st == fsstore.Done {
			c.Jobs[st] = l.View.Count(st)
			continue
		}
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
	if c.Hits, err = l.hits(); err != nil {
		return c, err
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

func (l *Local) hits() (sum int64, err error) {
	if l.View != nil {
		return l.View.Hits(), nil
	}
	hits, err := l.Store.AllHits()
	for _, n := range hits {
		sum += n
	}
	return sum, err
}

// Stats is what was counted day by day, what that has saved, and what mattered most.
type Stats struct {
	Days      []fsstore.Day     `json:"days" nullable:"false" doc:"Oldest first, today last; UTC"`
	Report    *savings.Report   `json:"savings,omitempty" doc:"What the page of savings shows"`
	Undecided savings.Undecided `json:"undecided" doc:"What it costs that nobody has decided"`
	Saved     []Saving          `json:"saved" nullable:"false" doc:"The artifacts that spared origins the most bytes"`
	Costly    []Cost            `json:"costly" nullable:"false" doc:"The misses that were asked for most"`
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
	all, err := l.Store.Stats(max(days, savings.RateDays))
	if err != nil {
		return s, err
	}
	s.Report = savings.Of(all, days)
	s.Days = wholeDays(all[len(all)-days:])
	if s.Saved, err = l.saved(&s.Undecided); err != nil {
		return s, err
	}
	s.Report.Name(func(k string) string {
		a, err := l.Store.Artifact(k)
		if err != nil {
			return ""
		}
		return key.Redact(a.URL)
	})
	s.Costly, err = l.costly(&s.Undecided)
	return s, err
}

// wholeDays returns days without the shares that hosts, networks and artifacts have.
func wholeDays(days []fsstore.Day) []fsstore.Day {
	for i := range days {
		maps.DeleteFunc(days[i].N, func(name string, _ int64) bool {
			_, _, _, share := fsstore.SplitShare(name)
			return share
		})
	}
	return days
}

func (l *Local) saved(u *savings.Undecided) ([]Saving, error) {
	list := []Saving{}
	if l.View != nil {
		l.View.RelistArtifacts()
		for _, a := range l.View.Saved(topRows) {
			list = append(list, Saving{key.Redact(a.URL), a.Hits, a.Size})
		}
		u.Late, u.Bytes = l.View.Missed()
		return list, nil
	}
	hits, err := l.Store.AllHits()
	if err != nil {
		return nil, err
	}
	for a, err := range l.Store.Artifacts() {
		if err != nil {
			continue
		}
		u.Held(a.Misses, a.Size)
		if n := hits[a.Key]; n > 0 {
			list = append(list, Saving{key.Redact(a.URL), n, a.Size})
		}
	}
	slices.SortFunc(list, func(a, b Saving) int {
		return cmp.Or(cmp.Compare(b.Hits*b.Size, a.Hits*a.Size), strings.Compare(a.URL, b.URL))
	})
	return list[:min(topRows, len(list))], nil
}

func (l *Local) costly(u *savings.Undecided) ([]Cost, error) {
	jobs, err := l.Store.Jobs(fsstore.Misses)
	if err != nil {
		return nil, err
	}
	list := make([]Cost, len(jobs))
	for i := range jobs {
		n, _ := jobs[i].Job.Misses()
		u.Miss(n)
		list[i] = Cost{key.Redact(jobs[i].Job.FetchURL()), n}
	}
	slices.SortStableFunc(list, func(a, b Cost) int { return cmp.Compare(b.Asked, a.Asked) })
	return list[:min(topRows, len(list))], nil
}
