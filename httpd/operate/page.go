package operate

import (
	"path"
	"slices"
)

// localRows is how many rows Local gives at once where nobody says: many, because each page lists
// the directory, and not all, because they are in memory.
const localRows = 10_000

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
