package counts

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// By is what a share of a day's number is of.
type By string

// A day's file also has the shares of its numbers, as <by>/<name>/<number>: a host of origins, the
// network of clients, the key of an artifact. Servers that do not know them keep their lines.
const (
	ByHost     By = "host"
	ByNetwork  By = "network"
	ByArtifact By = "artifact"
)

// Others is the name under which a day has what was too little to be named.
const Others = "-"

// shareRoom is how many bytes of a day's file the shares of one kind may take. All of them and the
// day's numbers are less than maxStats, so that every server reads the file whole.
var shareRoom = map[By]int{ByHost: 20 << 10, ByNetwork: 8 << 10, ByArtifact: 20 << 10}

// maxGathered is how many shares are in memory until they are written. Later ones are of Others.
const maxGathered = 20_000

// StatOf adds n to the share that a host, a network or an artifact has of today's number.
func (s *Counts) StatOf(by By, of, name string, n int64) {
	day := today()
	share := shareName(by, of, name)
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	if _, known := s.stats.n[day][share]; !known && len(s.stats.n[day]) >= maxGathered {
		share = shareName(by, Others, name)
	}
	s.stats.add(day, share, n)
}

func shareName(by By, of, name string) string { return string(by) + "/" + of + "/" + name }

// SplitShare splits a name in a day's file into what the share is of and the number that it is a
// share of. ok is false for a number of the whole day.
func SplitShare(s string) (by By, of, name string, ok bool) {
	kind, rest, ok := strings.Cut(s, "/")
	i := strings.LastIndexByte(rest, '/')
	if !ok || i < 0 || shareRoom[By(kind)] == 0 {
		return "", "", s, false
	}
	return By(kind), rest[:i], rest[i+1:], true
}

// owner is who has shares on a day.
type owner struct {
	by    By
	of    string
	lines []string // names in the file
	room  int      // bytes of its lines
	most  int64    // its largest number
}

// foldSmall adds the shares of the smallest owners to those of Others where there are more than
// shareRoom holds. It keeps those with the largest numbers, which are bytes.
func foldSmall(all map[string]int64) {
	room := maps.Clone(shareRoom)
	for _, o := range ownersOf(all) {
		if room[o.by] -= o.room; room[o.by] >= 0 || o.of == Others {
			continue
		}
		for _, line := range o.lines {
			_, _, name, _ := SplitShare(line)
			others := shareName(o.by, Others, name)
			all[others] = AddCapped(all[others], all[line], maxDay)
			delete(all, line)
		}
	}
}

// ownersOf returns who has shares, those with the largest numbers first.
func ownersOf(all map[string]int64) []*owner {
	known := map[string]*owner{}
	for line, n := range all {
		by, of, _, ok := SplitShare(line)
		if !ok {
			continue
		}
		k := shareName(by, of, "")
		if known[k] == nil {
			known[k] = &owner{by: by, of: of}
		}
		o := known[k]
		o.lines = append(o.lines, line)
		o.room += len(line) + len(" 9007199254740992\n")
		o.most = max(o.most, n)
	}
	return slices.SortedFunc(maps.Values(known), func(a, b *owner) int {
		return cmp.Or(cmp.Compare(b.most, a.most), cmp.Compare(a.of, b.of))
	})
}
