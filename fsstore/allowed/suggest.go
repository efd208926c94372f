package allowed

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"path"
	"slices"
	"strings"

	"fromcache/fsstore/key"
)

// Suggestion is a rule that would have decided as people did, each time.
type Suggestion struct {
	Host     string
	Lines    []string // of the file
	Approved int      // artifacts, by people
	Bytes    int64
}

// leastApprovals is how many approvals without exception make a suggestion.
const leastApprovals = 3

// Suggest proposes a rule for each host, or for directories of it, of which people approved three
// artifacts or more and refused none, and that no rule is about. Sizes are bounded by twice what
// people approved.
func (r *Rules) Suggest() ([]Suggestion, error) {
	r.replay.Lock()
	defer r.replay.Unlock()
	history, err := r.decisions()
	if err != nil {
		return nil, err
	}
	hosts := map[string][]Decision{}
	for _, d := range history {
		hosts[d.url.Host()] = append(hosts[d.url.Host()], d)
	}
	var list []Suggestion
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		if r.NameFor(host) != "" {
			continue
		}
		if s, ok := suggest(host, hosts[host]); ok {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b Suggestion) int { return cmp.Compare(b.Approved, a.Approved) })
	return list, nil
}

// suggest proposes the whole host where nothing of it was refused, else those of its first
// directories of which nothing was.
func suggest(host string, all []Decision) (Suggestion, bool) {
	s := Suggestion{Host: host}
	refused := map[string]bool{}
	byDir := map[string][]Decision{}
	for _, d := range all {
		dir := firstDir(d.url)
		refused[dir] = refused[dir] || !d.Approved
		byDir[dir] = append(byDir[dir], d)
	}
	whole := !slices.Contains(slices.Collect(maps.Values(refused)), true)
	var largest int64
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		list := byDir[dir]
		if refused[dir] || !whole && (len(list) < leastApprovals || !mayBePath(dir, list)) {
			continue
		}
		if !whole {
			s.Lines = append(s.Lines, "path "+dir+"*")
		}
		for _, d := range list {
			s.Approved++
			s.Bytes += d.Bytes
			largest = max(largest, d.Bytes)
		}
	}
	if s.Approved < leastApprovals {
		return s, false
	}
	s.Lines = append(s.Lines, "max-size "+twice(largest), "budget "+twice(s.Bytes)+"/30d")
	return s, true
}

// mayBePath reports whether a directory can stand in a path line: it is no root, it shows no
// credential, and a path line means it and nothing else.
func mayBePath(dir string, list []Decision) bool {
	for _, d := range list {
		if !strings.Contains(d.URL, dir) {
			return false // it was redacted
		}
	}
	return dir != "/" && !strings.ContainsAny(dir, "*?[]\\#") && !isAmbiguous(dir)
}

// firstDir is the first directory of a URL's path, with its slashes.
func firstDir(u key.URL) string {
	dir := strings.TrimPrefix(path.Dir(u.Path()), "/")
	first, _, _ := strings.Cut(dir, "/")
	if first == "" || first == "." {
		return "/"
	}
	return "/" + first + "/"
}

// twice is a round size, in the words of a rule, that is twice n or more, and 1 GiB at least.
func twice(n int64) string {
	gib := max(1, (2*n+1<<30-1)>>30)
	return fmt.Sprintf("%dGiB", 1<<bits.Len64(uint64(gib-1)))
}
