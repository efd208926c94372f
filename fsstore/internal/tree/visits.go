package tree

import "time"

// Visits are looks at the names of a directory, which may have a million, from time to time.
type Visits struct {
	seen   DirSeen
	again  bool // some names are to be looked at again, or all
	many   bool
	listed time.Time
}

// A directory with more names than manyNames is listed once in restMany at most, because to list a
// million takes a second.
const (
	manyNames = 100_000
	restMany  = 2 * time.Minute
)

// Visit calls do with each plain name of a directory if names may have come to it since the last time,
// or if do asked for that then by returning true. It may come to do so later where there are many.
func (v *Visits) Visit(t *Tree, dir string, do func(name string) (again bool)) error {
	differ, err := v.seen.NamesMayDiffer(t, dir)
	v.again = v.again || differ || err != nil
	if err != nil || !v.again || v.many && time.Since(v.listed) < restMany {
		return err
	}
	n := 0
	v.again, v.listed = false, time.Now()
	err = t.EachNames(dir, func(names []string) error {
		n += len(names)
		for _, name := range names {
			if do(name) {
				v.again = true
			}
		}
		return nil
	})
	v.many, v.again = n > manyNames, v.again || err != nil
	return err
}
