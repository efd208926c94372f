package httpd

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/templates"
)

// missQuery is what a person wants to see of misses/.
type missQuery struct {
	Q     string // in the URL or in a client's address
	Sort  string // last, asked or clients
	Group bool   // by host
	until int64  // only those first asked for by then; 0: all
}

func missQueryOf(v url.Values) missQuery {
	q := missQuery{Q: strings.TrimSpace(v.Get("q")), Sort: v.Get("sort"), Group: v.Get("group") != ""}
	if q.Sort != "asked" && q.Sort != "clients" {
		q.Sort = "last"
	}
	q.until, _ = strconv.ParseInt(v.Get("until"), 10, 64)
	return q
}

// Plain reports that the page shows what it shows at first.
func (q missQuery) Plain() bool { return q.Q == "" && q.Sort == "last" && !q.Group }

func (q missQuery) values() url.Values {
	v := url.Values{}
	if q.Q != "" {
		v.Set("q", q.Q)
	}
	if q.Sort != "last" {
		v.Set("sort", q.Sort)
	}
	if q.Group {
		v.Set("group", "1")
	}
	return v
}

type missList struct {
	Query missQuery
	Rows  []missRow
	Until int64 // when the page was made, so that "all that match" is what was seen
	Top   bool  // new rows belong on top
	Pager pager
}

type missRow struct {
	ID, Key               string
	Host                  *hostRow // before the first row of a host
	URLs                  []string
	MoreURLs, MoreClients int
	Merged                bool
	Count, ClientCount    int
	AtLeast               bool
	First, Last           time.Time
	Clients               []job.Client
	Note                  string
	Acts                  []templates.Action
}

// hostRow heads the misses of one host.
type hostRow struct {
	Name          string
	Misses, Asked int
}

// matching returns the misses, their facts, and which of them q asks for, in
// its order.
func (s *Server) matching(q missQuery) ([]fsstore.JobFile, []missFact, []int32) {
	jobs := s.view.Jobs(fsstore.Misses)
	facts, found := s.picture.misses(jobs, q)
	if q.until == 0 {
		return jobs, facts, found
	}
	var known []int32
	for _, i := range found {
		if facts[i].first <= q.until {
			known = append(known, i)
		}
	}
	return jobs, facts, known
}

func (q missQuery) find(jobs []fsstore.JobFile, facts []missFact) []int32 {
	found := make([]int32, 0, len(facts))
	text := strings.ToLower(q.Q)
	for i := range facts {
		if text == "" || holds(facts[i].url, text) || holds(jobs[i].Name, text) || askedBy(&jobs[i], text) {
			found = append(found, int32(i))
		}
	}
	asked := map[string]int{} // by host: those come first that were asked for most
	if q.Group {
		for _, i := range found {
			asked[facts[i].host] += facts[i].asked
		}
	}
	slices.SortFunc(found, func(i, j int32) int {
		a, b := &facts[i], &facts[j]
		if q.Group && a.host != b.host {
			return cmp.Or(cmp.Compare(asked[b.host], asked[a.host]), cmp.Compare(a.host, b.host))
		}
		return cmp.Or(q.compare(a, b), cmp.Compare(b.last, a.last), cmp.Compare(i, j))
	})
	return found
}

func (q missQuery) compare(a, b *missFact) int {
	switch q.Sort {
	case "asked":
		return cmp.Compare(b.asked, a.asked)
	case "clients":
		return cmp.Compare(b.clients, a.clients)
	}
	return 0
}

func askedBy(j *fsstore.JobFile, text string) bool {
	for i := range j.Asked.Clients {
		if c := &j.Asked.Clients[i]; c.Addr == text || holds(c.Tool, text) {
			return true
		}
	}
	return false
}

func (s *Server) missList(q missQuery, page, rows int) missList {
	now := time.Now().Unix()
	jobs, facts, found := s.matching(q)
	p := newPager("/misses", q.values(), page, rows, len(found))
	l := missList{Query: q, Pager: p, Until: now, Top: q.Plain() && page <= 1}
	host := ""
	for _, i := range found[p.lo:p.hi] {
		row := s.missRow(&jobs[i])
		if q.Group && facts[i].host != host {
			host = facts[i].host
			row.Host = hostRowOf(facts, found, host)
		}
		l.Rows = append(l.Rows, row)
	}
	return l
}

func hostRowOf(facts []missFact, found []int32, host string) *hostRow {
	h := &hostRow{Name: host}
	for _, i := range found {
		if facts[i].host == host {
			h.Misses++
			h.Asked += facts[i].asked
		}
	}
	return h
}

func (s *Server) missRow(j *fsstore.JobFile) missRow {
	const few = 5
	a := j.Asked
	urls, clients := a.URLs[:min(few, len(a.URLs))], a.Clients[:min(few, len(a.Clients))]
	r := missRow{ID: rowID("misses", j.Name), Key: j.Name, First: a.First, Last: a.Last, Count: a.N, AtLeast: a.AtLeast, Clients: clients, Note: key.RedactText(j.Note)}
	r.ClientCount, r.Merged = a.ClientCount, a.URLCount > 1
	r.MoreURLs, r.MoreClients = a.URLCount-len(urls), a.ClientCount-len(clients)
	for _, u := range urls {
		if u = shown(u, ""); !slices.Contains(r.URLs, u) {
			r.URLs = append(r.URLs, u)
		}
	}
	if len(r.URLs) == 1 && r.URLs[0] == "" {
		r.URLs[0] = j.Name
	}
	r.Acts = missActs(j.Name, "f"+r.ID)
	return r
}

// missActs are the buttons of one miss. into is the element that takes what
// the origin says, "" on the page that says it.
func missActs(k, into string) []templates.Action {
	list := []templates.Action{rowAction("approve", "Approve", "", "key", k), rowAction("dismiss", "Dismiss", "quiet", "key", k), rowAction("deny", "Deny", "quiet warn", "key", k)}
	list[1].In = string(fsstore.Misses)
	if into == "" {
		return list
	}
	ask := rowAction("ask", "Ask the origin", "quiet", "key", k)
	ask.Into = into
	return append(list, ask)
}

func (s *Server) showMisses(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "misses")
	f.Misses = s.missList(missQueryOf(r.URL.Query()), pageOf(r), perPage)
	return s.write(w, r, http.StatusOK, f)
}
