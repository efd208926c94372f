package show

import (
	"net/url"
	"slices"
	"strconv"

	"fromcache/fsstore"
	"fromcache/templates"
)

// statsDays is how far back the plots go.
const statsDays = 90

// Stats is what was counted, as plots and as tables.
type Stats struct {
	Plots  []plot
	Days   []dayRow // newest first
	Saved  []topRow
	Costly []topRow
}

// plot is two series of bars, one above the line and one below it.
type plot struct {
	Title, Up, Down  string // what the bars are
	UpMax, DownMax   string
	First, Last      string // dates
	Axis             string
	Bars             []bar
	UpTotal, DownSum string
}

// bar is one day, in the units of the plot's view box.
type bar struct {
	X, UpY, UpH, DownY, DownH string
	Text                      string
}

type dayRow struct {
	Date, Served, Fetched, Hits, Misses string
}

type topRow struct {
	Name, Href, Amount, Detail string
}

// Stats returns what was counted.
func (m *Model) Stats() (*Stats, error) {
	days, err := m.store.Stats(statsDays)
	if err != nil {
		return nil, err
	}
	size, count := templates.Size, templates.Count
	p := &Stats{
		Plots: []plot{
			plotOf("Bytes a day", "served to clients", "fetched from origins", days,
				fsstore.StatServedBytes, fsstore.StatFetchedBytes, size),
			plotOf("Requests a day", "hits", "misses", days, fsstore.StatHits, fsstore.StatMisses, count),
		},
		Saved: m.saved(), Costly: m.costly(),
	}
	for _, d := range slices.Backward(days) {
		if !d.IsQuiet() {
			p.Days = append(p.Days, dayRow{
				d.Date, size(d.N[fsstore.StatServedBytes]), size(d.N[fsstore.StatFetchedBytes]),
				count(d.N[fsstore.StatHits]), count(d.N[fsstore.StatMisses]),
			})
		}
	}
	return p, nil
}

// The view box of a plot is 900 wide, ten for each day, and 200 high.
const (
	barStep = 10
	reach   = 192 // what both series share; their line is where their maxima put it
)

func plotOf(
	title, up, down string, days []fsstore.Day, upName, downName string,
	format func(int64) string,
) plot {
	var upMost, downMost, upSum, downSum int64
	for _, d := range days {
		upMost, downMost = max(upMost, d.N[upName]), max(downMost, d.N[downName])
		upSum, downSum = upSum+d.N[upName], downSum+d.N[downName]
	}
	most := max(upMost+downMost, 1)
	middle := 4 + float64(upMost)/float64(most)*reach
	p := plot{
		Axis: decimal(middle), Title: title, Up: up, Down: down,
		UpMax: format(upMost), DownMax: format(downMost),
		UpTotal: format(upSum), DownSum: format(downSum),
	}
	for i, d := range days {
		u, v := height(d.N[upName], most), height(d.N[downName], most)
		p.Bars = append(p.Bars, bar{
			X: strconv.Itoa(i*barStep + 1), UpY: decimal(middle - u), UpH: decimal(u),
			DownY: decimal(middle), DownH: decimal(v),
			Text: d.Date + ": " + format(d.N[upName]) + " " + up + ", " + format(d.N[downName]) + " " + down,
		})
	}
	p.First, p.Last = days[0].Date, days[len(days)-1].Date
	return p
}

// height returns the height of a bar; all but 0 is visible.
func height(n, most int64) float64 {
	if n <= 0 {
		return 0
	}
	return max(1, float64(n)/float64(most)*reach)
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

const topRows = 10

// saved returns the artifacts that saved most bytes from origins: hits × size.
func (m *Model) saved() (list []topRow) {
	all := m.view.Artifacts()
	for _, i := range m.computed.artifacts(all, "", "saved") {
		a := all[i]
		if len(list) == topRows || a.Hits == 0 {
			break
		}
		row := m.artifactRow(a)
		saved := *a
		saved.Hits = row.Hits
		list = append(list, topRow{
			row.URL, row.Page, templates.Size(saved.Saved()),
			templates.Count(row.Hits) + " × " + templates.Size(a.Size),
		})
	}
	return list
}

func clientsOf(n int) string {
	if n == 1 {
		return "by one client"
	}
	return "by " + strconv.Itoa(n) + " clients"
}

// costly returns the misses that were asked for most: each time the client
// downloaded from the origin.
func (m *Model) costly() (list []topRow) {
	_, facts, found := m.matching(MissQuery{Sort: "asked"})
	for _, i := range found[:min(topRows, len(found))] {
		f := &facts[i]
		list = append(list, topRow{
			Cut(f.url, 600), "misses?" + url.Values{"q": {f.url}}.Encode(),
			templates.Count(int64(f.asked)) + " ×", clientsOf(f.clients),
		})
	}
	return list
}
