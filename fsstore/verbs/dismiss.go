package verbs

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// dismissFrom is where Dismiss looks for a file that it is not told the directory of.
var dismissFrom = []tree.State{tree.Misses, tree.Failed, tree.Cancelled}

// Dismiss removes a miss, or a job that has ended. Nothing keeps a client from asking again. Of
// several files of that name it removes the miss, else the job whose log is newest.
func (s *Verbs) Dismiss(name string, by spool.Operator) error { return s.DismissIn("", name, by) }

// DismissIn is Dismiss of the file in one directory and in no other.
func (s *Verbs) DismissIn(st tree.State, name string, _ spool.Operator) error {
	if !tree.Plain(name) { //guard:TestVerbsStayInTheirDirectories
		return spool.Absent(tree.Misses, name)
	}
	for _, j := range s.candidates(st, name, dismissFrom) {
		err := os.Remove(s.tree.JobPath(j.State, j.Name))
		if !errors.Is(err, fs.ErrNotExist) {
			if j.State == tree.Failed {
				os.Remove(s.tree.JobPath(j.State, j.Name+".why"))
			}
			return err
		}
	}
	return spool.Absent(cmp.Or(st, tree.Misses), name)
}

// candidates returns the files that a verb tries, in their order. With st it is that directory
// alone. Without, misses come first, then jobs by the newest line of their logs, because of
// several jobs of a key an operator means the newest.
func (s *Verbs) candidates(st tree.State, name string, all []tree.State) []spool.JobFile {
	var list []spool.JobFile
	for _, from := range all {
		if st != "" && st != from { //guard:TestVerbsTakeTheFileThatIsMeant
			continue
		}
		names := endedNames(name)
		if st == "" && key.Valid(name) {
			names = append(names, s.spool.NumberedNames(from, name)...)
		}
		for _, n := range names {
			list = append(list, spool.JobFile{State: from, Name: n})
		}
	}
	if st != "" { //guard:TestVerbsTakeTheVeryName
		return list // a row's own name comes before those that it may have had
	}
	jobs := list
	for len(jobs) > 0 && jobs[0].State == tree.Misses {
		jobs = jobs[1:] // a miss is no job's history
	}
	for i := range jobs {
		if j, err := s.spool.JobFile(jobs[i].State, jobs[i].Name); err == nil {
			jobs[i].Job = j.Job
		}
	}
	slices.SortStableFunc(jobs, spool.NewestFirst)
	return list
}

// endedNames returns the names under which an ended job may be found. A job that was just
// cancelled has its name of active/ until its worker notices, and <key>.job from then on.
func endedNames(name string) []string {
	names := []string{name, name + ".job"}
	if stem, _, ok := tree.SplitActive(name); ok {
		names = append(names, stem+".job")
	}
	return names
}

// Clear removes all jobs in done/ and cancelled/, and returns how many. failed/ stays, because a
// person must look at it.
func (s *Verbs) Clear(by spool.Operator) (n int, err error) {
	defer func() { s.tree.Log.Info("cleared", "jobs", n, "via", by.Via, "addr", by.Addr) }()
	for _, st := range []tree.State{tree.Done, tree.Cancelled} {
		names, err := s.tree.Names(string(st))
		if err != nil {
			return n, err
		}
		for _, name := range names {
			if err := os.Remove(s.tree.JobPath(st, name)); err == nil {
				n++
			} else if !errors.Is(err, fs.ErrNotExist) {
				return n, err
			}
		}
	}
	return n, nil
}
