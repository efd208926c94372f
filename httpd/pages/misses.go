package pages

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

// Plain reports whether nothing was searched, sorted or grouped.
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
	Pager pager
}

type missRow struct {
	ID, Key                     string
	Host                        *hostRow // before the first row of a host
	Shown                       string   // what a form says of the row: its key, and the first of its URLs
	Variants                    variants
	Count, Clients, MoreClients int // of clients their addresses
	AtLeast                     bool
	First, Last                 time.Time
	Askers                      []asker
	Note                        string
	Hints                       []string // to know before it is approved
	Acts, Lines                 []templates.Action
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
	facts, found := s.computed.misses(jobs, q)
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
		if text == "" || containsFold(facts[i].url, text) || containsFold(jobs[i].Name, text) || askedBy(&jobs[i], text) {
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
		if c := &j.Asked.Clients[i]; c.Addr == text || containsFold(c.Tool, text) {
			return true
		}
	}
	return false
}

func (s *Server) missList(q missQuery, page, rows int) missList {
	now := time.Now().Unix()
	jobs, facts, found := s.matching(q)
	p := newPager("misses", q.values(), page, rows, len(found))
	l := missList{Query: q, Pager: p, Until: now}
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
	a := j.Asked
	r := missRow{ID: rowID("misses", j.Name), Key: j.Name, First: a.First, Last: a.Last, Count: a.N, AtLeast: a.AtLeast, Clients: a.AddrCount, Askers: askers(a.Clients), Note: key.RedactText(j.Note)}
	r.MoreClients = r.Clients - len(r.Askers)
	r.Variants = variantsOf(j, a.Variants, few)
	r.Variants.More = a.URLCount - len(r.Variants.Rows)
	r.Shown = r.Variants.Rows[0].shown.String()
	r.Acts = missActs(r.Variants, "f"+r.ID)
	r.Lines = r.Variants.lines(r.Acts)
	r.Hints = s.hints(j)
	return r
}

// hints are what to know of a miss before it is approved.
func (s *Server) hints(j *fsstore.JobFile) []string {
	path, _, asked := strings.Cut(j.Job.URL, "?")
	list := s.store.Hints(j.Job.URL, func(yield func(string) bool) {
		for _, other := range s.view.Jobs(fsstore.Misses) {
			if asked && strings.HasPrefix(other.Job.URL, path+"?") && !yield(other.Job.URL) {
				return
			}
		}
	})
	for i := range list {
		list[i] = cut(key.RedactText(list[i]), 600)
	}
	return list
}

// asker is one address, with what it asked by.
type asker struct {
	Addr  string
	Tools []job.Client
}

// askers returns the first few addresses, and the first few tools of each, because
// a client may claim to be any number of tools.
func askers(clients []job.Client) (list []asker) {
	for _, c := range clients {
		i := slices.IndexFunc(list, func(a asker) bool { return a.Addr == c.Addr })
		if i < 0 && len(list) < few {
			i, list = len(list), append(list, asker{Addr: c.Addr})
		}
		if i >= 0 && len(list[i].Tools) < few {
			list[i].Tools = append(list[i].Tools, c)
		}
	}
	return list
}

// few is how many clients and URLs a row shows.
const few = 5

// variants are the URLs of one miss, first the one that a shell's mv would approve.
// Where there are several, each has its own button.
type variants struct {
	Rows   []variantRow
	Differ string // in what
	More   int
	All    string // the page that shows them all
}

type variantRow struct {
	URL, Addr, Tool string // redacted
	Sum             string // the beginning of it, by which secrets are told apart
	First           time.Time
	Act             templates.Action
	shown           fsstore.Shown
}

func variantsOf(j *fsstore.JobFile, all []job.Variant, most int) variants {
	fetch := j.Job.FetchURL()
	if j.Asked != nil {
		fetch = j.Asked.Fetch
	}
	v := variants{All: "job?" + url.Values{"in": {string(fsstore.Misses)}, "name": {j.Name}}.Encode()}
	order := slices.Clone(all)
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b job.Variant) int { // the one that is fetched, then the newest; line 1 is last
		return cmp.Compare(btoi(b.URL == fetch), btoi(a.URL == fetch))
	})
	if n := len(order); n > most {
		order = append(order[:most-1], order[n-1])
	}
	for i := range order {
		o := &order[i]
		m := fsstore.Shown{Name: j.Name, Sum: o.Sum()}
		v.Rows = append(v.Rows, variantRow{shown(o.URL, j.Name), o.Addr, o.Tool, m.Sum[:12], o.First, rowAction("approve", "Approve", "", "key", m.String()), m})
	}
	if len(all) > 1 {
		v.Differ = cmp.Or(cut(key.RedactText(strings.Join(job.Differences(all), ", ")), 200), "the order of their parameters")
	}
	return v
}

// lines are the actions of a miss, with an approval of each URL where it has several.
func (v variants) lines(acts []templates.Action) (list []templates.Action) {
	if len(v.Rows) > 1 {
		for i := range v.Rows {
			a := v.Rows[i].Act
			a.Label += " @" + v.Rows[i].Sum
			list = append(list, a)
		}
	}
	return append(list, acts...)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// missActs are the buttons of one miss; where it has several URLs each of them
// has its own to approve it. into is the element that takes what the origin
// says, "" on the page that says it.
func missActs(v variants, into string) []templates.Action {
	m := v.Rows[0].shown
	file := string(fsstore.Misses) + "/" + m.Name
	list := []templates.Action{rowAction("dismiss", "Dismiss", "quiet", "key", m.Name), rowAction("deny", "Deny", "quiet warn", "key", m.Name)}
	list[0].File, list[1].File = file, file
	list[0].In = string(fsstore.Misses)
	if len(v.Rows) == 1 {
		list = append([]templates.Action{v.Rows[0].Act}, list...)
		list[0].File = file
	}
	if into == "" {
		return list
	}
	ask := rowAction("ask", "Ask the origin", "quiet", "key", m.String())
	ask.Into = into
	return append(list, ask)
}

func (s *Server) showMisses(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "misses")
	f.Misses = s.missList(missQueryOf(r.URL.Query()), pageOf(r), perPage)
	return s.write(w, r, http.StatusOK, f)
}
