// Package savings sums what was counted in stats/: what a cache spared its origins in the last days,
// by host, client network and artifact. Pages, API and verbs all print what Of returns, so that
// their numbers are the same.
//
// Nothing is guessed. What a number is not known of has 0 and says so: shares of hosts, networks and
// artifacts are counted since the first day that has any (Report.Since), and time is told by the
// rate that was measured while artifacts were fetched.
package savings

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"

	"fromcache/fsstore"
)

// RateDays is how many days the rate of origins is measured over, because in a week there may be no
// download.
const RateDays = 90

// Sum is what was counted.
type Sum struct {
	Served  int64 `json:"served" doc:"Bytes that were sent to clients"`
	Fetched int64 `json:"fetched" doc:"Bytes that were fetched from origins"`
	Hits    int64 `json:"hits" doc:"Downloads that were answered here"`
	Misses  int64 `json:"misses" doc:"Requests for what was not held"`
}

// Saved returns the bytes that origins did not have to send. It is negative while more was fetched
// than served.
func (s Sum) Saved() int64 { return s.Served - s.Fetched }

// DayTotal is what was counted on one day, UTC.
type DayTotal struct {
	Date string `json:"date"`
	Sum
}

// Share is what was counted of one host, network or artifact.
type Share struct {
	Name string `json:"name" doc:"A host, a network of clients or a key; - is all that was too little to be named, or has no name"`
	Sum
	Rate int64  `json:"rate,omitempty" doc:"Of a host: bytes a second that it sent while it was asked; 0: not known"`
	URL  string `json:"url,omitempty" doc:"Of an artifact that is held"`
}

// Report is what was counted in some days, and what follows from it.
type Report struct {
	From      string     `json:"from"`
	To        string     `json:"to"`
	Sum       Sum        `json:"sum"`
	Rate      int64      `json:"rate" doc:"Bytes a second that origins sent in the last 90 days; 0: not known"`
	Since     string     `json:"since" doc:"The first day of the last 90 or more of which shares are known; empty: none is"`
	Days      []DayTotal `json:"days" nullable:"false" doc:"Oldest first"`
	Hosts     []Share    `json:"hosts" nullable:"false" doc:"Most bytes first"`
	Networks  []Share    `json:"networks" nullable:"false" doc:"Of clients: /24 of IPv4, /64 of IPv6; most bytes first"`
	Artifacts []Share    `json:"artifacts" nullable:"false" doc:"By key, most bytes first"`
}

// Seconds returns how long origins would have taken for what they did not have to send, at the
// rate that was measured. known is false where none was, or nothing was saved.
func (r *Report) Seconds() (n int64, known bool) {
	if r.Rate <= 0 || r.Sum.Saved() <= 0 {
		return 0, false
	}
	return r.Sum.Saved() / r.Rate, true
}

// Duration is seconds for people, in the largest unit that is no finer than it is known.
func Duration(seconds int64) string {
	switch n := seconds; {
	case n < 2*60:
		return strconv.FormatInt(n, 10) + " s"
	case n < 2*60*60:
		return strconv.FormatInt(n/60, 10) + " min"
	case n < 1000*60*60:
		return strconv.FormatInt(n/3600, 10) + " h"
	}
	return strconv.FormatInt(seconds/(24*3600), 10) + " days"
}

// Name has urlOf name the artifacts: it returns the URL of a key, redacted, "" where none is held.
func (r *Report) Name(urlOf func(key string) string) {
	for i := range r.Artifacts {
		r.Artifacts[i].URL = urlOf(r.Artifacts[i].Name)
	}
}

// Undecided is what it costs that nobody has decided.
type Undecided struct {
	Waiting int   `json:"waiting" doc:"Misses that wait for a decision"`
	Asked   int64 `json:"asked" doc:"Times those were asked for; each is a download from the origin"`
	Late    int64 `json:"late" doc:"Times that what is held now was asked for before it was"`
	Bytes   int64 `json:"late_bytes" doc:"Of those downloads, by the size that each artifact has now"`
}

// Miss adds a miss that waits.
func (u *Undecided) Miss(asked int) {
	u.Waiting++
	u.Asked += int64(max(0, asked))
}

// Held adds an artifact, which was asked for so often before it was held.
func (u *Undecided) Held(asked int, size int64) {
	n := int64(max(0, asked))
	u.Late += n
	if size > 0 && n < math.MaxInt64/size && u.Bytes < math.MaxInt64-n*size {
		u.Bytes += n * size
	}
}

// maxShares is how many shares of a kind a Report has at most; the rest is in the last one.
const maxShares = 1000

// Of reports the last days of all, which go back RateDays or more.
func Of(all []fsstore.Day, days int) *Report {
	window := all[max(0, len(all)-days):]
	r := &Report{From: window[0].Date, To: window[len(window)-1].Date}
	rates := speeds{}
	for i := range all {
		rates.add(&all[i])
		if r.Since == "" && hasShares(&all[i]) {
			r.Since = all[i].Date
		}
	}
	hosts, networks, artifacts := book{}, book{}, book{}
	books := map[fsstore.StatsBy]book{
		fsstore.StatsByHost: hosts, fsstore.StatsByNetwork: networks, fsstore.StatsByArtifact: artifacts,
	}
	for i := range window {
		d := &window[i]
		day := DayTotal{Date: d.Date}
		for name, n := range d.N {
			by, of, name, ok := fsstore.SplitShare(name)
			if !ok {
				day.count(name, n)
				continue
			}
			books[by].count(of, name, n)
		}
		r.Days = append(r.Days, day)
		r.Sum.add(day.Sum)
	}
	r.Rate = rates[""].rate()
	sent := Sum{Served: r.Sum.Served, Hits: r.Sum.Hits} // what is fetched is counted by host alone
	r.Hosts, r.Networks, r.Artifacts = hosts.shares(r.Sum), networks.shares(sent), artifacts.shares(sent)
	for i := range r.Hosts {
		r.Hosts[i].Rate = rates[r.Hosts[i].Name].rate()
	}
	return r
}

func hasShares(d *fsstore.Day) bool {
	for name := range d.N {
		by, _, name, ok := fsstore.SplitShare(name)
		if ok && (by != fsstore.StatsByHost || name == fsstore.StatServedBytes) {
			return true
		}
	}
	return false
}

func (s *Sum) count(name string, n int64) {
	switch name {
	case fsstore.StatServedBytes:
		s.Served += n
	case fsstore.StatFetchedBytes:
		s.Fetched += n
	case fsstore.StatHits:
		s.Hits += n
	case fsstore.StatMisses:
		s.Misses += n
	}
}

func (s *Sum) add(o Sum) {
	s.Served += o.Served
	s.Fetched += o.Fetched
	s.Hits += o.Hits
	s.Misses += o.Misses
}

// book is shares by name.
type book map[string]*Sum

func (b book) count(of, name string, n int64) {
	if b[of] == nil {
		b[of] = &Sum{}
	}
	b[of].count(name, n)
}

// shares returns what is in the book, most bytes first. The last one has what total has and nobody
// else.
func (b book) shares(total Sum) []Share {
	list := []Share{}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if name != fsstore.StatsOfOthers && *b[name] != (Sum{}) {
			list = append(list, Share{Name: name, Sum: *b[name]})
		}
	}
	slices.SortStableFunc(list, func(x, y Share) int {
		return cmp.Or(cmp.Compare(y.Served, x.Served), cmp.Compare(y.Hits, x.Hits), cmp.Compare(y.Fetched, x.Fetched))
	})
	list = list[:min(maxShares, len(list))]
	rest := total
	for _, s := range list {
		rest.Served -= s.Served
		rest.Fetched -= s.Fetched
		rest.Hits -= s.Hits
	}
	rest = Sum{max(0, rest.Served), max(0, rest.Fetched), max(0, rest.Hits), 0}
	if len(list) > 0 && rest != (Sum{}) {
		list = append(list, Share{Name: fsstore.StatsOfOthers, Sum: rest})
	}
	return list
}

// speed is how many bytes came in how many milliseconds.
type speed struct{ bytes, millis int64 }

// rate returns bytes a second, 0 where it is not known.
func (s speed) rate() int64 {
	if s.millis <= 0 || s.bytes <= 0 {
		return 0
	}
	f := float64(s.bytes) * 1000 / float64(s.millis)
	return int64(min(max(1, f), math.MaxInt64/2))
}

// speeds are by host, that of all under "".
type speeds map[string]speed

func (t speeds) add(d *fsstore.Day) {
	for name, n := range d.N {
		by, of, name, ok := fsstore.SplitShare(name)
		if ok && by != fsstore.StatsByHost {
			continue
		}
		s := t[of]
		switch name {
		case fsstore.StatTimedBytes:
			s.bytes += n
		case fsstore.StatTimedMillis:
			s.millis += n
		default:
			continue
		}
		t[of] = s
	}
}
