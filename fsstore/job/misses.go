package job

import (
	"cmp"
	"strings"
	"time"
)

// Client is one address and tool that asked.
type Client struct {
	Addr, Tool  string
	N           int // times
	First, Last time.Time
}

// MissSummary is a summary of a job's misses, for lists of many jobs. The numbers are of all
// misses. Clients holds the first clients and Variants mostly the newest URLs, because strangers
// can make both long.
type MissSummary struct {
	N           int       // times
	AtLeast     bool      // N is a lower bound
	First, Last time.Time // zero: never
	Clients     []Client  // in the order in which they first asked
	Variants    []Variant // line 1 first, and with Fetch
	Fetch       string    // what FetchURL returned
	AddrCount   int       // of clients, whatever their tools
	URLCount    int
}

// SummariseMisses returns the summary with no more than that many clients, and beside line 1 and
// FetchURL with URLs of no more than urlBytes bytes. Its strings are its own.
func (j *Job) SummariseMisses(clients, urlBytes int) *MissSummary {
	a := &MissSummary{First: j.FirstAsked(), Last: j.LastAsked()}
	a.N, a.AtLeast = j.Misses()
	all := j.Clients()
	a.Clients = make([]Client, 0, min(clients, len(all)))
	for i, c := range all {
		if i < clients { //guard:fsstore/view.TestViewKeepsLittleOfAMiss
			c.Addr, c.Tool = strings.Clone(c.Addr), strings.Clone(c.Tool)
			a.Clients = append(a.Clients, c)
		}
	}
	variants := j.Variants()
	a.AddrCount, a.URLCount = Addresses(all), len(variants)
	fetch := j.FetchURL()
	a.Variants = newestVariants(variants, fetch, urlBytes)
	for _, v := range a.Variants {
		if v.URL == fetch {
			a.Fetch = v.URL
		}
	}
	return a
}

// Misses returns how often the URL was asked for, and whether that is a lower bound.
func (j *Job) Misses() (n int, atLeast bool) {
	for i := range j.Events {
		if e := &j.Events[i]; e.Kind == Miss {
			n += e.Count
		}
	}
	return n, j.Full
}

// FirstAsked returns the earliest time of a miss, or zero.
func (j *Job) FirstAsked() time.Time {
	var t time.Time
	for i := range j.Events {
		if e := &j.Events[i]; e.Kind == Miss && (t.IsZero() || e.Time.Before(t)) {
			t = e.Time
		}
	}
	return t
}

// LastAsked returns the latest time of a miss, or zero.
func (j *Job) LastAsked() time.Time {
	var t time.Time
	for i := range j.Events {
		if e := &j.Events[i]; e.Kind == Miss && e.Time.After(t) {
			t = e.Time
		}
	}
	return t
}

// Clients returns who asked, in the order in which they first did.
func (j *Job) Clients() []Client {
	type who struct{ addr, tool string }
	seen := map[who]int{}
	var list []Client
	for i := range j.Events {
		e := &j.Events[i]
		if e.Kind != Miss {
			continue
		}
		at, ok := seen[who{e.Addr, e.Tool}]
		if !ok {
			at = len(list)
			seen[who{e.Addr, e.Tool}] = at
			list = append(list, Client{Addr: e.Addr, Tool: e.Tool, First: e.Time, Last: e.Time})
		}
		c := &list[at]
		c.N += e.Count
		if e.Time.Before(c.First) {
			c.First = e.Time
		}
		if e.Time.After(c.Last) {
			c.Last = e.Time
		}
	}
	return list
}

// Addresses returns the number of different addresses of clients.
func Addresses(clients []Client) int {
	seen := map[string]bool{}
	for i := range clients {
		seen[clients[i].Addr] = true
	}
	return len(seen)
}

// shimSuffix is what the shim appends to the name of the tool that it stands in for.
const shimSuffix = "+fromcache-shim"

// SiteSuffix is what a fromcache that asks another one appends to the name of its host.
const SiteSuffix = "+fromcache-site"

// agents are the User-Agents of the tools, because the shim does not know the tool's version.
var agents = map[string]string{"curl": "curl/8.5.0", "wget": "Wget/1.21.4", "wget2": "wget2/2.1.0"}

// UserAgent returns the User-Agent of the tool that asked first, or "". Some origins answer by it:
// install hosts give curl a script and a browser a page. Later misses don't change it, because they
// must not change what was approved. For a fromcache below it is curl's, as its clients' most
// likely is.
func (j *Job) UserAgent() string {
	for i := range j.Events {
		if e := &j.Events[i]; e.Kind == Miss && e.Tool != "-" {
			if strings.HasSuffix(e.Tool, SiteSuffix) {
				return agents["curl"]
			}
			return cmp.Or(agents[strings.TrimSuffix(e.Tool, shimSuffix)], e.Tool)
		}
	}
	return ""
}
