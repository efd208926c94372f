package operate

import (
	"path"
	"slices"
)

// localRows is how many rows Local gives at once where nobody says: many, because each page lists
// the directory, and not all, because they are in memory.
const localRows = 10_000

// mostLooked is how many names one page looks at, because few may match of a million. A page that has
// fewer rows than were asked for so has a cursor, and another page behind it.
const mostLooked = 20_000

// looked is how many names are to be looked at for a page without a glob: some may have gone.
func (p Page) looked() int {
	if p.Match != "" {
		return mostLooked
	}
	limit := p.Limit
	if limit == 0 {
		limit = localRows
	}
	return limit + 1
}

// someRows is rows of names that are all behind the cursor and may go on behind the last one.
func (p Page) someRows(sorted []string, add func(name string) (bool, error)) (next string, err error) {
	next, err = p.rows(sorted, add)
	if err == nil && next == "" && len(sorted) == p.looked() {
		next = sorted[len(sorted)-1]
	}
	return next, err
}

// matches reports whether the glob matches one of the names. A glob that is none matches nothing.
func (p Page) matches(names ...string) bool {
	return p.Match == "" || slices.ContainsFunc(names, func(name string) bool {
		ok, _ := path.Match(p.Match, name)
		return ok
	})
}

// rows calls add for the sorted names after the cursor until as many as are wanted were added, and
// returns the cursor of the next page: the last name that was looked at.
func (p Page) rows(sorted []string, add func(name string) (bool, error)) (next string, err error) {
	limit := p.Limit
	if limit == 0 {
		limit = localRows
	}
	from, found := slices.BinarySearch(sorted, p.After)
	if found {
		from++
	}
	for i, name := range sorted[from:] {
		ok, err := add(name)
		if err != nil {
			return "", err
		}
		if ok {
			limit--
		}
		if limit == 0 && from+i+1 < len(sorted) {
			return name, nil
		}
	}
	return "", nil
}
