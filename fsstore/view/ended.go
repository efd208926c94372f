package view

import (
	"slices"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
)

// Ended returns at most n jobs of done/ from one on, those that ended last first, as their files are
// now, and how many there are. While done/ is being read these are of those that have been read.
func (v *View) Ended(from, n int) (list []spool.JobFile, total int) {
	v.freshen("done", patience)
	return v.read(v.ended.Newest(from, n)), v.ended.Len()
}

// FindEnded returns at most n jobs of done/ that have a text, in lower case, those that ended last
// first, and how many have it: see ended.Search. keys are those of jobs that a client asked for who has
// the text, of the first most.
func (v *View) FindEnded(text string, n, most int) (list []spool.JobFile, keys []string, total int) {
	v.freshen("done", patience)
	found, total := v.ended.Search(text, most)
	var names []string
	for i, m := range found {
		if i < n {
			names = append(names, m.Name)
		}
		if k := tree.StemOf(m.Name); m.ByClient && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return v.read(names), keys, total
}

// EndedAfter returns at most n names of jobs in done/ behind one, by name.
func (v *View) EndedAfter(name string, n int) []string {
	v.freshen("done", forEver)
	if v.ended.Len() <= few {
		v.relist("done")
	}
	return v.ended.After(name, n)
}

// ReadingEnded is Reading of done/.
func (v *View) ReadingEnded() (read, total int, yes bool) {
	read, total = v.ended.Progress()
	return min(read, total), total, !v.ended.IsLoaded()
}

// read reads the files of jobs. One that is gone is left out.
func (v *View) read(names []string) (list []spool.JobFile) {
	for _, j := range tree.LoadAll(v.tree.AtOnceBeside(), names, func(name string) spool.JobFile {
		j, err := v.loadJob(tree.Done, name)
		if err != nil {
			v.ended.Refresh(name)
			return spool.JobFile{}
		}
		return j
	}) {
		if j.Name != "" {
			list = append(list, j)
		}
	}
	return list
}
