package show

import (
	"cmp"
	"io/fs"
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

// MissQuery is what a person wants to see of misses/.
type MissQuery struct {
	Q     string // a part of the URL, the beginning of a digest, a client's address or a part of its tool
	Host  string // of this host alone; "": of all
	Sort  string // demand, last, asked or clients
	Group bool   // by host
	Until int64  // only those first asked for by then; 0: all
}

// MissQueryOf reads a query from the fields of a form or of a page's address. Without a sort it is
// by host, those first that cost most.
func MissQueryOf(v url.Values) MissQuery {
	q := MissQuery{Q: strings.TrimSpace(v.Get("q")), Host: v.Get("host"), Sort: v.Get("sort"), Group: v.Get("group") != ""}
	switch q.Sort {
	case "demand", "last", "asked", "clients":
	default:
		q.Sort, q.Group = "demand", q.Host == ""
	}
	q.Until, _ = strconv.ParseInt(v.Get("until"), 10, 64)
	return q
}

// Plain reports whether nothing was searched.
func (q MissQuery) Plain() bool { return q.Q == "" && q.Host == "" }

// Still reports whether rows keep their place while a page is open, whatever is asked for: it is
// sorted by what grows all the time.
func (q MissQuery) Still() bool { return q.Sort != "last" }

func (q MissQuery) values() url.Values {
	v := url.Values{}
	if q.Q != "" {
		v.Set("q", q.Q)
	}
	if q.Host != "" {
		v.Set("host", q.Host)
	}
	if q.Sort != "demand" || !q.Group && q.Host == "" {
		v.Set("sort", q.Sort)
		if q.Group {
			v.Set("group", "1")
		}
	}
	return v
}

// Misses is a list of misses.
type Misses struct {
	Query  MissQuery
	Groups []MissGroup // by host, and Rows is empty
	Rows   []MissRow
	Head   *MissGroup // of Rows that are all of one host
	Until  int64      // when the page was made, so that "all that match" is what was seen
	Pager  pager
}

// MissRow is one miss.
type MissRow struct {
	ID, Key, URL                string
	Shown                       string // in a form: its key, and the first of its URLs
	Variants                    Variants
	Count, Clients, MoreClients int     // of clients their addresses
	Tools                       int     // how many addresses with each of their tools
	Facts                       *Facts  // nil: the origin was not asked
	Beside                      *Beside // nil: no digests were looked for
	AtLeast                     bool
	First, Last                 time.Time
	Askers                      []asker
	Note                        string
	Hints                       []string // to know before it is approved
	Acts, Lines                 []templates.Action
}

// matching returns the misses, their facts, and which of them q asks for, in
// its order.
func (m *Model) matching(q MissQuery) ([]fsstore.JobFile, []missFact, *missOrder) {
	jobs := m.view.Jobs(fsstore.Misses)
	facts, found := m.computed.misses(jobs, q, &m.origins)
	return jobs, facts, found
}

// Matching returns the misses that q asks for, each with the URL that a page of the time q.Until
// has shown first.
func (m *Model) Matching(q MissQuery) (list []fsstore.Shown) {
	jobs, facts, found := m.matching(q)
	for _, i := range found.rows {
		if q.Until == 0 || facts[i].first <= q.Until {
			list = append(list, fsstore.Shown{Name: jobs[i].Name, Sum: shownAt(&jobs[i], q.Until)})
		}
	}
	return list
}

// shownAt returns the sum of the URL that a page of that time has shown first: the
// newest then.
func shownAt(j *fsstore.JobFile, until int64) string {
	all := j.Asked.Variants
	for i := len(all) - 1; i > 0; i-- {
		if all[i].First.Unix() <= until {
			return all[i].Sum()
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all[0].Sum()
}

func (q MissQuery) find(jobs []fsstore.JobFile, facts []missFact, said *origins) []int32 {
	found := make([]int32, 0, len(facts))
	text := strings.ToLower(q.Q)
	published := said.publishedWith(text)
	for i := range facts {
		if q.Host != "" && facts[i].host != q.Host {
			continue
		}
		if text == "" || containsFold(facts[i].url, text) || containsFold(jobs[i].Name, text) ||
			beginsDigest(jobs[i].Job.Sha256, text) || published[jobs[i].Name] || askedBy(&jobs[i], text) {
			found = append(found, int32(i))
		}
	}
	return found
}

func (q MissQuery) compare(a, b *missFact) int {
	switch q.Sort {
	case "asked":
		return cmp.Compare(b.asked, a.asked)
	case "clients":
		return cmp.Compare(b.clients, a.clients)
	case "last":
		return cmp.Compare(b.last, a.last)
	}
	return cmp.Compare(b.demand, a.demand)
}

func askedBy(j *fsstore.JobFile, text string) bool {
	for i := range j.Asked.Clients {
		if c := &j.Asked.Clients[i]; c.Addr == text || containsFold(c.Tool, text) {
			return true
		}
	}
	return false
}

// Misses returns one page of the misses that q asks for, and how many there are. Misses of a single
// host are one list.
func (m *Model) Misses(q MissQuery, page, rows int) Misses {
	jobs, facts, found := m.matching(q)
	l := Misses{Query: q, Until: time.Now().Unix()}
	row := func(i int32) MissRow { return m.missRow(&jobs[i]) }
	if q.Group && len(found.hosts) > 1 {
		m.missGroups(&l, row, facts, found, page)
		return l
	}
	if len(found.rows) > 0 && (q.Host != "" || q.Group) {
		head := m.missGroup(facts[found.rows[0]].host, hostSpan{0, len(found.rows), askedIn(found.rows, facts)})
		head.Until, l.Head = l.Until, &head
	}
	l.Pager = newPager("misses", q.values(), page, rows, len(found.rows))
	for _, i := range found.rows[l.Pager.lo:l.Pager.hi] {
		l.Rows = append(l.Rows, row(i))
	}
	return l
}

func askedIn(rows []int32, facts []missFact) (n int) {
	for _, i := range rows {
		n += facts[i].asked
	}
	return n
}

// Miss returns the row of one URL of a miss, whose buttons approve that and no other. Its error is
// fs.ErrNotExist where there is no such miss.
func (m *Model) Miss(s fsstore.Shown) (MissRow, error) {
	j, ok := m.view.Job(fsstore.Misses, s.Name)
	if !ok {
		return MissRow{}, fs.ErrNotExist
	}
	for _, v := range j.Asked.Variants {
		if v.Sum() == s.Sum {
			asked := *j.Asked // the view's own stays as it is
			asked.Variants = []job.Variant{v}
			j.Asked = &asked
			break
		}
	}
	return m.missRow(&j), nil
}

func (m *Model) missRow(j *fsstore.JobFile) MissRow {
	a := j.Asked
	r := MissRow{
		ID:      rowID("misses", j.Name),
		Key:     j.Name,
		First:   a.First,
		Last:    a.Last,
		Count:   a.N,
		AtLeast: a.AtLeast,
		Clients: a.AddrCount,
		Askers:  askers(a.Clients),
		Note:    key.RedactText(j.Note),
		Tools:   len(a.Clients),
	}
	r.MoreClients = r.Clients - len(r.Askers)
	r.Variants = variantsOf(j, a.Variants, maxShown)
	r.Variants.More = a.URLCount - len(r.Variants.Rows)
	r.Shown = r.Variants.Rows[0].shown.String()
	r.URL = r.Variants.Rows[0].URL
	r.Acts = missActs(r.Variants)
	r.Facts = m.origins.of(j.Name)
	r.Beside = m.besideMiss(j.Name, r.Shown)
	r.Lines = r.Variants.lines(r.Acts)
	r.Hints = m.hints(j)
	return r
}

// hints returns what to know of a miss before it is approved.
func (m *Model) hints(j *fsstore.JobFile) []string {
	path, _, asked := strings.Cut(j.Job.URL, "?")
	list := m.store.Hints(j.Job.URL, func(yield func(string) bool) {
		for _, other := range m.view.Jobs(fsstore.Misses) {
			if asked && strings.HasPrefix(other.Job.URL, path+"?") && !yield(other.Job.URL) {
				return
			}
		}
	})
	for i := range list {
		list[i] = Cut(key.RedactText(list[i]), 600)
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
		if i < 0 && len(list) < maxShown {
			i, list = len(list), append(list, asker{Addr: c.Addr})
		}
		if i >= 0 && len(list[i].Tools) < maxShown {
			list[i].Tools = append(list[i].Tools, c)
		}
	}
	return list
}
