// Package active owns active/ and tmp/*.part. A Claim is one job that this process fetches, from
// the rename that takes it out of queue/ to the commit: claim, part, publish, end. A file in active/
// is flocked by its owner, so that everybody sees when the owner has died;
// Recover then finishes or requeues the job.
package active

import (
	"errors"
	"time"

	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

// Claims are the jobs that are being fetched: active/, and the parts in tmp/.
type Claims struct{ shared }

// shared is what all claims of one data directory have in common.
type shared struct {
	tree    *tree.Tree
	health  *health.Monitor
	counts  *counts.Counts
	queries *queries.Rules
	held    *held.Cache
	spool   *spool.Spool
	misses  *misses.Misses
	verbs   *verbs.Verbs
	host    string
	boot    string // 8 random hex digits of this start of the machine
	space   space
	idle    observer // files of other hosts, and how long they have stood still
}

// New returns the Claims of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, c *counts.Counts, q *queries.Rules, a *held.Cache, p *spool.Spool, m *misses.Misses, v *verbs.Verbs, host string) *Claims {
	return &Claims{shared{tree: t, health: h, counts: c, queries: q, held: a, spool: p, misses: m, verbs: v, host: host, boot: tree.BootID()}}
}

// ErrLost: the claim is no longer ours, because an operator moved or
// removed its file in active/. Call Cancel.
var ErrLost = errors.New("the job left active/ while it was being fetched")

// Started is what the origin promised in the header of the answer whose first
// bytes have arrived.
type Started struct {
	Size int64  // of the whole artifact; -1 unknown
	ETag string // strong, else "": only a strong one lets a later claim resume
	From int64  // offset at which the answer goes on

	Modified time.Time // that a later claim may resume by as well, where there is no ETag; else zero
}

// Origin is the provenance of a fetched artifact. The store redacts it.
type Origin struct {
	FinalURL  string
	Redirects []string
	Header    map[string]string
	Ranges    bool     // it answered 206, or said Accept-Ranges: bytes
	Notes     []string // what a person may want to know of it, in words
}
