package show

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/templates"
)

// maxShown is how many clients and URLs a row shows.
const maxShown = 5

// Variants are the URLs of one miss, first the one that a shell's mv would approve.
// Where there are several, each has its own button.
type Variants struct {
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

func variantsOf(j *fsstore.JobFile, all []job.Variant, most int) Variants {
	fetch := j.Job.FetchURL()
	if j.Asked != nil {
		fetch = j.Asked.Fetch
	}
	v := Variants{All: "job?" + url.Values{"in": {string(fsstore.Misses)}, "name": {j.Name}}.Encode()}
	order := slices.Clone(all)
	slices.Reverse(order)
	// The one that is fetched comes first, then the newest, and line 1 is last.
	slices.SortStableFunc(order, func(a, b job.Variant) int {
		return cmp.Compare(toInt(b.URL == fetch), toInt(a.URL == fetch))
	})
	if n := len(order); n > most {
		order = append(order[:most-1], order[n-1])
	}
	for i := range order {
		o := &order[i]
		m := fsstore.Shown{Name: j.Name, Sum: o.Sum()}
		v.Rows = append(v.Rows, variantRow{
			URL(o.URL, j.Name), o.Addr, o.Tool, m.Sum[:12], o.First,
			action("approve", "", "key", m.String()), m,
		})
	}
	if len(all) > 1 {
		v.Differ = cmp.Or(
			Cut(key.RedactText(strings.Join(job.Differences(all), ", ")), 200),
			templates.Word("variants.order"),
		)
	}
	return v
}

// lines are the actions of a miss, with an approval of each URL where it has several.
func (v Variants) lines(acts []templates.Action) (list []templates.Action) {
	if len(v.Rows) > 1 {
		for i := range v.Rows {
			a := v.Rows[i].Act
			a.Label += " @" + v.Rows[i].Sum
			list = append(list, a)
		}
	}
	return append(list, acts...)
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// missActs are the buttons of one miss; where it has several URLs each of them
// has its own to approve it.
func missActs(v Variants) []templates.Action {
	m := v.Rows[0].shown
	file := string(fsstore.Misses) + "/" + m.Name
	list := []templates.Action{
		action("dismiss", "quiet", "key", m.Name),
		action("deny", "quiet warn", "key", m.Name),
	}
	list[0].File, list[1].File = file, file
	list[0].In = string(fsstore.Misses)
	if len(v.Rows) == 1 {
		list = append([]templates.Action{first(v.Rows[0].Act)}, list...)
		list[0].File = file
	}
	return append(list, action("ask", "quiet", "key", m.String()), action("digests", "quiet", "key", m.String()))
}
