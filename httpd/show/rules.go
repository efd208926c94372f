package show

import (
	"slices"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/templates"
)

// Rules are the standing decisions: what is approved without a person, and what is never recorded.
type Rules struct {
	Allowed    []RuleRow
	Denied     []DenialRow
	MoreDenied int    // denials that are not shown
	For        string // the host that a rule is to be made for; "": none was chosen
}

// AllDenied is how many denials there are.
func (r Rules) AllDenied() int { return len(r.Denied) + r.MoreDenied }

// RuleRow is a file in allowed/.
type RuleRow struct {
	ID, Name string
	Lines    []string // what narrows it
	Until    time.Time
	Took     fsstore.AllowedUse
	Budget   int64 // 0: none
	Left     int64 // bytes of the budget
	Days     int
	Why      string // why it allows nothing, or nothing just now
	Note     string // what to know of what it allows
	Acts     []templates.Action
}

// DenialRow is a file in denied/.
type DenialRow struct {
	ID, Name string
	URL      string // redacted; "" where it is of a host
	Acts     []templates.Action
}

// maxDenials is how many denials a page shows. Those of hosts come first.
const maxDenials = 100

// Rules reads allowed/ and denied/.
func (m *Model) Rules() (list Rules, err error) {
	all, err := m.store.Allowed.List()
	if err != nil {
		return list, err
	}
	for i := range all {
		row, err := m.ruleRow(&all[i])
		if err != nil {
			return list, err
		}
		list.Allowed = append(list.Allowed, row)
	}
	names, err := m.store.JobNames(fsstore.Denied)
	slices.SortStableFunc(names, func(a, b string) int { return isKey(a) - isKey(b) })
	list.MoreDenied = max(0, len(names)-maxDenials)
	for _, name := range names[:len(names)-list.MoreDenied] {
		list.Denied = append(list.Denied, m.denialRow(name))
	}
	return list, err
}

func isKey(name string) int {
	if key.Valid(strings.TrimSuffix(name, ".job")) {
		return 1
	}
	return 0
}

func (m *Model) ruleRow(r *fsstore.AllowedRule) (RuleRow, error) {
	use, err := m.store.Allowed.UseOf(r)
	row := RuleRow{
		ID: rowID("allowed", r.Name), Name: Cut(r.Name, 300), Took: use, Budget: r.Budget,
		Left: max(0, r.Budget-use.Spent), Days: r.Days(), Note: r.Warning(), Lines: ruleLines(r), Until: r.Until,
		Why: m.store.Allowed.WhyStopped(r),
	}
	if r.Flaw != "" {
		row.Why = templates.Word("rule.flaw", key.RedactText(r.Flaw))
	}
	remove := first(action("unrule", "quiet warn", "key", r.Name))
	remove.File = "allowed/" + r.Name
	row.Acts = []templates.Action{remove}
	return row, err
}

// ruleLines is what narrows a rule, in words.
func ruleLines(r *fsstore.AllowedRule) (lines []string) {
	for _, p := range r.Paths[:min(len(r.Paths), maxShown)] {
		lines = append(lines, templates.Word("rule.line.path", Cut(key.RedactText(p), 300)))
	}
	if r.MaxSize > 0 {
		lines = append(lines, templates.Word("rule.line.max", templates.Size(r.MaxSize)))
	}
	if r.Digest {
		lines = append(lines, templates.Word("rule.line.digest"))
	}
	return lines
}

func (m *Model) denialRow(name string) DenialRow {
	row := DenialRow{ID: rowID("denied", name), Name: Cut(name, 300)}
	if j, err := m.store.JobFile(fsstore.Denied, name); err == nil && j.Job.URL != "" {
		row.URL = URL(j.Job.FetchURL(), "")
	}
	back := first(action("undeny", "quiet", "key", name))
	back.File = "denied/" + name
	row.Acts = []templates.Action{back}
	return row
}
