package show

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/savings"
	"fromcache/templates"
)

// Stats is what the cache saved, and what it costs that nobody has decided.
type Stats struct {
	*savings.Report
	Undecided savings.Undecided
	Window    int // days
	Windows   []window
	Time      string // not waited; "": not known
	Charts    []chart
	Tables    []table
	Days      []savings.DayTotal // newest first, those on which something was counted
	Costly    []topRow
}

// window is a number of days that can be looked at.
type window struct {
	Days int
	Href string
	On   bool
}

// table is what was saved by one kind of thing.
type table struct {
	By, CSV string // "host", and where all of it is
	Rows    []shareRow
	More    int // rows that only the CSV has
}

type shareRow struct {
	savings.Share
	Label, Href string
	Part        string // of the largest, in per cent; "" of others
}

type topRow struct {
	Name, Href, Amount, Detail string
}

// windows are the days that the page offers, the second at first.
var windows = []int{7, 30, 90}

// WindowOf returns how many days the address of a page asks for.
func WindowOf(v url.Values) int {
	n, _ := strconv.Atoi(v.Get("days"))
	if slices.Contains(windows, n) {
		return n
	}
	return windows[1]
}

// Report returns what was saved in the last days, with the URLs of artifacts.
func (m *Model) Report(days int) (*savings.Report, error) {
	all, err := m.store.Stats(max(days, savings.RateDays))
	if err != nil {
		return nil, err
	}
	r := savings.Of(all, days)
	r.Name(func(k string) string {
		a, found := m.view.Artifact(k)
		if !found {
			return ""
		}
		return URL(a.URL, "")
	})
	return r, nil
}

// Stats returns what was counted in the last days.
func (m *Model) Stats(days int) (*Stats, error) {
	r, err := m.Report(days)
	if err != nil {
		return nil, err
	}
	p := &Stats{Report: r, Window: days, Undecided: m.undecided(), Costly: m.costly()}
	for _, n := range windows {
		p.Windows = append(p.Windows, window{n, "stats?days=" + strconv.Itoa(n), n == days})
	}
	if n, known := r.Seconds(); known {
		p.Time = savings.Duration(n)
	}
	p.Charts = chartsOf(r)
	for _, d := range slices.Backward(r.Days) {
		if d.Sum != (savings.Sum{}) {
			p.Days = append(p.Days, d)
		}
	}
	for by, shares := range map[string][]savings.Share{"host": r.Hosts, "network": r.Networks, "artifact": r.Artifacts} {
		p.Tables = append(p.Tables, tableOf(by, days, shares))
	}
	slices.SortFunc(p.Tables, func(a, b table) int {
		return slices.Index(savings.Tables, a.By) - slices.Index(savings.Tables, b.By)
	})
	return p, nil
}

// csvOf returns where a table of the report of some days is.
func csvOf(by string, days int) string {
	return "stats.csv?" + url.Values{"by": {by}, "days": {strconv.Itoa(days)}}.Encode()
}

// CSV returns where the table of days is.
func (p *Stats) CSV() string { return csvOf("day", p.Window) }

func (m *Model) undecided() (u savings.Undecided) {
	for _, j := range m.view.Jobs(fsstore.Misses) {
		if j.Asked != nil {
			u.Miss(j.Asked.N)
		}
	}
	u.Late, u.Bytes = m.view.Missed()
	return u
}

// mostBars is how many bars a chart has at most; of more days each bar is a week, or a pointer and
// a key would not find one.
const mostBars = 31

func chartsOf(r *savings.Report) []chart {
	each := 1
	if len(r.Days) > mostBars {
		each = 7
	}
	var bytes, requests []point
	for end := len(r.Days); end > 0; end -= each {
		days := r.Days[max(0, end-each):end]
		b, q := point{when: span(days)}, point{when: span(days)}
		for _, d := range days {
			b.up, b.down = b.up+d.Served, b.down+d.Fetched
			q.up, q.down = q.up+d.Hits, q.down+d.Misses
		}
		bytes, requests = append(bytes, b), append(requests, q)
	}
	slices.Reverse(bytes)
	slices.Reverse(requests)
	bytesTitle, requestsTitle := templates.Word("stats.daily.bytes"), templates.Word("stats.daily.requests")
	if each > 1 {
		bytesTitle, requestsTitle = templates.Word("stats.weekly.bytes"), templates.Word("stats.weekly.requests")
	}
	return []chart{
		chartOf("bytes", bytesTitle, templates.Word("stats.served"), templates.Word("stats.fetched"), bytes, true),
		chartOf("requests", requestsTitle, templates.Word("stats.hits"), templates.Word("stats.misses"), requests, false),
	}
}

// span returns the days that a bar is of: 3 Nov, or 3–9 Nov.
func span(days []savings.DayTotal) string {
	first, err := time.Parse(time.DateOnly, days[0].Date)
	last, err2 := time.Parse(time.DateOnly, days[len(days)-1].Date)
	switch {
	case err != nil || err2 != nil:
		return days[0].Date
	case len(days) == 1:
		return first.Format("2 Jan")
	case first.Month() == last.Month():
		return first.Format("2–") + last.Format("2 Jan")
	}
	return first.Format("2 Jan – ") + last.Format("2 Jan")
}

// shownShares is how many rows of a table the page has; all are in the CSV.
const shownShares = 10

func tableOf(by string, days int, shares []savings.Share) table {
	t := table{By: by, CSV: csvOf(by, days), More: max(0, len(shares)-shownShares)}
	most := int64(1)
	for i := range shares {
		if shares[i].Name != fsstore.StatsOfOthers {
			most = max(most, shares[i].Served)
		}
	}
	for _, s := range shares[:min(shownShares, len(shares))] {
		row := shareRow{Share: s, Label: s.Label()}
		if s.Name != fsstore.StatsOfOthers {
			row.Part = percent(float64(s.Served) / float64(most) * 100)
		}
		if by == "artifact" && s.URL != "" {
			row.Label, row.Href = s.URL, pageOf(s.Name)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

const topRows = 10

// costly returns the misses that were asked for most: each time the client
// downloaded from the origin.
func (m *Model) costly() (list []topRow) {
	_, facts, found := m.matching(MissQuery{Sort: "asked"})
	for _, i := range found.rows[:min(topRows, len(found.rows))] {
		f := &facts[i]
		list = append(list, topRow{
			Cut(f.url, 600), "misses?" + url.Values{"q": {f.url}}.Encode(),
			templates.Word("miss.times", f.asked), templates.Word("stats.costly.by", f.clients),
		})
	}
	return list
}
