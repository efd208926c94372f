package show

import (
	"cmp"
	"net/url"
	"slices"

	"fromcache/templates"
)

// MissGroup is the misses of one host, of which a page shows the most wanted.
type MissGroup struct {
	ID, Name      string
	Rule          string // the rule in allowed/ that speaks for the host; "": none
	Misses, Asked int
	Rows          []MissRow
	Rest          []MissRow // folded
	More          int       // that are on no page but All
	All           string    // address of the page with all of them
	Until         int64     // when the page was made
	Deny          templates.Action
}

const (
	shownOfHost  = 5  // rows of a host that are not folded
	foldedOfHost = 20 // rows behind these
)

// missOrder is what a query finds: the misses in their order, and where each host begins.
type missOrder struct {
	rows  []int32
	hosts []hostSpan // none where the order is not by host
	pages []int      // the first host of each page
}

// hostSpan is the part of rows that are of one host.
type hostSpan struct{ lo, hi, asked int }

// orderMisses sorts what q has found. Hosts come by what all of their misses cost together.
func (q MissQuery) orderMisses(found []int32, facts []missFact) missOrder {
	cost := map[string]float64{}
	if q.Group {
		for _, i := range found {
			cost[facts[i].host] += facts[i].demand
		}
	}
	slices.SortFunc(found, func(i, j int32) int {
		a, b := &facts[i], &facts[j]
		if q.Group && a.host != b.host {
			return cmp.Or(cmp.Compare(cost[b.host], cost[a.host]), cmp.Compare(a.host, b.host))
		}
		return cmp.Or(q.compare(a, b), cmp.Compare(a.first, b.first), cmp.Compare(i, j))
	})
	o := missOrder{rows: found}
	if q.Group {
		o.split(facts)
	}
	return o
}

// split finds where hosts begin, and fills pages with whole hosts.
func (o *missOrder) split(facts []missFact) {
	rows := perPage
	for n, i := range o.rows {
		if n == 0 || facts[i].host != facts[o.rows[n-1]].host {
			o.hosts = append(o.hosts, hostSpan{lo: n})
		}
		h := &o.hosts[len(o.hosts)-1]
		h.hi, h.asked = n+1, h.asked+facts[i].asked
	}
	for n, h := range o.hosts {
		takes := min(h.hi-h.lo, shownOfHost+foldedOfHost)
		if rows += takes; rows > perPage {
			o.pages, rows = append(o.pages, n), takes
		}
	}
}

// perPage is how many rows a page of hosts has at most.
const perPage = 100

// hostsOn returns the hosts of a page, which begins with 1.
func (o *missOrder) hostsOn(page int) (hosts []hostSpan, at int) {
	page = min(max(1, page), max(1, len(o.pages)))
	if len(o.pages) == 0 {
		return nil, page
	}
	end := len(o.hosts)
	if page < len(o.pages) {
		end = o.pages[page]
	}
	return o.hosts[o.pages[page-1]:end], page
}

// missGroups fills in a page of hosts.
func (m *Model) missGroups(l *Misses, row func(int32) MissRow, facts []missFact, o *missOrder, page int) {
	hosts, page := o.hostsOn(page)
	for _, h := range hosts {
		g := m.missGroup(facts[o.rows[h.lo]].host, h)
		g.Until = l.Until
		for _, i := range o.rows[h.lo:min(h.lo+shownOfHost, h.hi)] {
			g.Rows = append(g.Rows, row(i))
		}
		for _, i := range o.rows[min(h.lo+shownOfHost, h.hi):min(h.lo+shownOfHost+foldedOfHost, h.hi)] {
			g.Rest = append(g.Rest, row(i))
		}
		g.More = g.Misses - len(g.Rows) - len(g.Rest)
		l.Groups = append(l.Groups, g)
	}
	p := newPager("misses", l.Query.values(), page, 1, len(o.pages))
	if len(hosts) > 0 {
		p.From = o.pages[page-1] + 1
		p.To = p.From + len(hosts) - 1
	}
	p.Hosts, p.Total = len(o.hosts), len(o.rows)
	l.Pager = p
}

func (m *Model) missGroup(host string, h hostSpan) MissGroup {
	g := MissGroup{
		ID: rowID("host", host), Name: host, Rule: m.store.Allowed.NameFor(host),
		Misses: h.hi - h.lo, Asked: h.asked,
		All: "misses?" + url.Values{"host": {host}}.Encode(),
	}
	g.Deny = templates.Action{
		Verb: "deny", Label: templates.Word("group.deny"), Look: "quiet warn", Form: "act",
		Field: "key", Value: host, Ask: templates.Word("denyhost.ask", host),
	}
	return g
}
