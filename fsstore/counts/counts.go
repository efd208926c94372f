// Package counts owns hits/ (how often each artifact was served) and stats/ (what was counted each
// day). Numbers are gathered in memory and added to the files every ten seconds, because a write
// for each hit would cost more than the hit. A crash loses those of the last ten seconds.
package counts

import (
	"fromcache/fsstore/internal/tree"
)

// Counts counts in memory, and adds to hits/ and stats/ when FlushHits and FlushStats are called.
type Counts struct {
	tree   *tree.Tree
	served hitBook
	stats  statBook
}

// New returns the Counts of one data directory, on the rooms below it.
func New(t *tree.Tree) *Counts {
	return &Counts{tree: t}
}

// PendingHits returns how many hits are in memory, not yet in hits/.
func (s *Counts) PendingHits() (n int64) {
	s.served.mu.Lock()
	defer s.served.mu.Unlock()
	for _, hits := range s.served.n {
		n += hits
	}
	return n
}
