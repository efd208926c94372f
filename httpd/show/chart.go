package show

import (
	"math"
	"strconv"
	"strings"

	"fromcache/templates"
)

// chart is two series of bars beside each other over one axis. All places are per cent of the
// drawing, so that it fits any screen while its text keeps its size.
type chart struct {
	ID, Title      string
	Up, Down       string // what the bars are
	UpSum, DownSum string
	Grid           []gridLine
	Marks          []gridLine // of the axis of time
	Bars           []bar
}

// gridLine is a line, or a mark, and what it says.
type gridLine struct{ At, Text, Anchor string }

// bar is a day, or some days.
type bar struct {
	Slot, SlotW         string // where the pointer counts as over it
	UpX, UpY, UpH       string
	DownX, DownY, DownH string
	W                   string
	When, Text          string
}

// readout is how many per cent at the top of a chart are kept for the values of the bar under the
// pointer.
const readout = 20.0

// point is what a bar shows.
type point struct {
	when     string
	up, down int64
}

// chartOf draws points. unit is what the numbers are rounded by: 1024 for bytes, 1000 for others.
func chartOf(id, title, up, down string, points []point, bytes bool) chart {
	format := templates.Count
	if bytes {
		format = templates.Size
	}
	c := chart{ID: id, Title: title, Up: up, Down: down}
	var most, upSum, downSum int64
	for _, p := range points {
		most = max(most, p.up, p.down)
		upSum, downSum = upSum+p.up, downSum+p.down
	}
	c.UpSum, c.DownSum = format(upSum), format(downSum)
	step := roundStep(most, bytes)
	lines := max(1, (most+step-1)/step)
	top := float64(lines * step)
	at := func(n int64) float64 { return 100 - float64(n)/top*(100-readout) }
	for i := range lines + 1 {
		c.Grid = append(c.Grid, gridLine{At: percent(at(i * step)), Text: strings.Replace(format(i*step), ".0 ", " ", 1)})
	}
	slot := 100 / float64(len(points))
	for i, p := range points {
		x, u, d := float64(i)*slot, at(p.up), at(p.down)
		c.Bars = append(c.Bars, bar{
			Slot: percent(x), SlotW: percent(slot), W: percent(slot * .38),
			UpX: percent(x + slot*.11), UpY: percent(u), UpH: percent(100 - u),
			DownX: percent(x + slot*.51), DownY: percent(d), DownH: percent(100 - d),
			When: p.when, Text: templates.Word("stats.bar", format(p.up), up, format(p.down), down),
		})
	}
	c.Marks = marksOf(points, slot)
	return c
}

// mostMarks is how many dates fit below a chart on a phone.
const mostMarks = 4

func marksOf(points []point, slot float64) (list []gridLine) {
	every := (len(points) + mostMarks - 1) / mostMarks
	for i := 0; i < len(points); i += every {
		m := gridLine{At: percent((float64(i) + .5) * slot), Text: points[i].when, Anchor: "middle"}
		switch i {
		case 0:
			m.At, m.Anchor = percent(0), "start"
		case len(points) - 1:
			m.At, m.Anchor = percent(100), "end"
		}
		list = append(list, m)
	}
	return list
}

// roundStep returns a step of 1, 2 or 5, times a power of ten, times a unit, of which at most five
// reach to most.
func roundStep(most int64, bytes bool) int64 {
	unit := 1.0
	for bytes && float64(most)/unit >= 1024 {
		unit *= 1024
	}
	least := max(1, float64(most)/unit/5)
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, n := range []float64{1, 2, 5, 10} {
		if n*power >= least*(1-1e-9) {
			return max(1, int64(math.Round(n*power*unit)))
		}
	}
	return max(1, most)
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + "%" }
