// Package counts owns hits/ (how often each artifact was served) and stats/ (what was counted each
// day). Numbers are gathered in memory and added to the files every ten seconds, because a write for
// each hit would cost more than the hit: a crash loses at most those.
package counts

import (
	"fromcache/fsstore/internal/tree"
)

// Counts are the numbers in hits/ and stats/, gathered in memory and added up now and then.
type Counts struct {
	tree   *tree.Tree
	served hitBook
	stats  statBook
}

// New returns the Counts of one data directory, on the rooms below it.
func New(t *tree.Tree) *Counts {
	return &Counts{tree: t}
}

// Gathered is how many hits are in memory, not yet in hits/.
func (s *Counts) Gathered() int64 { return s.served.Sum() }
