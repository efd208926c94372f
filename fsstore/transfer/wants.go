package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/verbs"
)

// Misses yields what the source's clients asked for, by the name in misses/ and sorted by it.
func (s *Source) Misses() iter.Seq2[Miss, error] {
	return func(yield func(Miss, error) bool) {
		names, err := s.tree.Names(string(tree.Misses))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Miss{}, err)
			return
		}
		slices.Sort(names)
		for _, name := range names {
			b, err := tree.ReadFile(s.tree.JobPath(tree.Misses, name), tree.MaxJobFile)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			jobs := job.Parse(b).Jobs
			if err == nil && len(jobs) != 1 {
				err = errors.New("it is no file of one miss")
			}
			if err != nil {
				err = fmt.Errorf("misses/%.200q: %w", name, err)
				jobs = []job.Job{{}}
			}
			if !yield(Miss{name, &jobs[0]}, err) {
				return
			}
		}
	}
}

// Miss is a file of misses/.
type Miss struct {
	Name string
	Job  *job.Job
}

// MaxWants is the size in bytes up to which queue/ takes a list.
const MaxWants = tree.MaxJobFile

// errSecret is the error for a miss that Want can't write.
var errSecret = errors.New("its URL holds a credential, or can't be told without what may be one, " +
	"and is not written: add it by hand where it can be fetched")

// Want returns what a list in queue/ says of a miss: its URL and options, a line each. Elsewhere
// that brings the artifact of this very miss. A signature is left out of the URL, because it is no
// part of the key and must not travel; what remains of a URL must hold no credential.
func (s *Source) Want(m Miss) (string, error) {
	made, err := s.queries.Parse(m.Job.URL)
	if err != nil {
		return "", err
	}
	add := verbs.AdditionOf(m.Job)
	for _, raw := range []string{m.Job.FetchURL(), m.Job.URL} { // as approve does, the newest first
		u, err := s.queries.Parse(raw)
		if err != nil || u.Sum() != made.Sum() {
			continue
		}
		for _, add.URL = range []string{u.Whole(), u.String()} {
			if key.Redact(add.URL) == add.URL && !key.IsRedacted(add.URL) &&
				!key.HoldsToken(add.URL) {
				return add.URL + "\n" + verbs.OptionLines(add), nil
			}
		}
	}
	return "", errSecret
}

// IsOf reports whether a miss is of a URL.
func (s *Source) IsOf(m Miss, rawURL string) bool {
	u, err := s.queries.Parse(rawURL)
	made, madeErr := s.queries.Parse(m.Job.URL)
	return err == nil && madeErr == nil && u.Sum() == made.Sum()
}
