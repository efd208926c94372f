package plan

import (
	"strconv"

	"fromcache/shim/call"
)

// waitLimit returns a question's Limit. A caller of wget -b expects it to return at once.
func waitLimit(g *call.Group) float64 {
	if g.Background {
		return -1
	}
	return limit(g.MaxTime)
}

// limit returns the seconds of curl's --max-time; less than zero where it stands in a configuration
// file or is no number, because then the time that was waited for can't be taken off it.
func limit(w call.Word) float64 {
	if w.Text == "" {
		return 0
	}
	seconds, err := strconv.ParseFloat(w.Text, 64)
	if err != nil || seconds != 0 && w.Arg < 0 {
		return -1
	}
	return seconds
}

// leftOver returns the arguments for a call that waited, and whether they are a copy: --max-time is
// what is left of it, so that the call ends when it would have ended.
func (p *planner) leftOver() (args []string, changed bool) {
	args = p.Args
	for _, g := range p.groups {
		most := limit(g.MaxTime)
		if p.waited == 0 || most <= 0 {
			continue
		}
		if !changed {
			args, changed = append([]string(nil), args...), true
		}
		left := max(most-p.waited, min(1, most/2), 0.001) // 0 would be no limit
		args[g.MaxTime.Arg] = args[g.MaxTime.Arg][:g.MaxTime.Skip] +
			strconv.FormatFloat(left, 'f', 3, 64)
	}
	return args, changed
}
