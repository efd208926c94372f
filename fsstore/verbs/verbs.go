// Package verbs is what an operator does: approve, add, dismiss, deny and allow, cancel, retry,
// evict. Each verb is an mv or rm that a person could do in a shell, with a line in the log of the
// job. Its commit is that rename. Each verb has a file of its name, but allow, which is in deny.go;
// shown.go is which of a miss's URLs a person has seen and approves.
package verbs

import (
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
)

// Verbs are what an operator does to a job or an artifact.
type Verbs struct {
	tree    *tree.Tree
	health  *health.Monitor
	queries *queries.Rules
	held    *held.Cache
	spool   *spool.Spool
	misses  *misses.Misses
}

// New returns the Verbs of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, q *queries.Rules, a *held.Cache, p *spool.Spool,
	m *misses.Misses) *Verbs {
	return &Verbs{tree: t, health: h, queries: q, held: a, spool: p, misses: m}
}
