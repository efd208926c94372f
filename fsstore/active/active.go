// Package active owns active/ and tmp/*.part: the jobs that are being fetched. A Claim is one such
// job, from the rename that takes it out of queue/ to the one that takes it out of active/.
//
//	claim.go    take a job from queue/      batch.go    take a file of many URLs apart
//	part.go     the bytes so far            resume.go   go on with the part of an earlier claim
//	publish.go  commit an artifact          end.go      the other ways in which a claim ends
//	added.go    lines that people append meanwhile
//	recover.go  jobs whose owner has died   put.go      a file that an operator carries in
//	reserve.go  room on the disk            renamed.go  artifacts that an earlier rule named
//
// The owner of a file in active/ holds its flock, so that everybody sees when the owner has died.
package active

import (
	"errors"
	"sync"
	"time"

	"fromcache/fsstore/allowed"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/hosts"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

// Claims are the jobs of one data directory that are being fetched.
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
	allowed *allowed.Rules
	hosts   *hosts.Hosts
	space   space

	endings sync.Mutex
	ends    [4]tree.Visits // those of recoverNames, in its order; of endings
}

// New returns the Claims of one data directory, on the rooms below it. Claims say in their jobs
// that the host of o made them.
func New(t *tree.Tree, h *health.Monitor, c *counts.Counts, q *queries.Rules, a *held.Cache,
	p *spool.Spool, m *misses.Misses, v *verbs.Verbs, l *allowed.Rules, o *hosts.Hosts) *Claims {
	return &Claims{shared{
		tree: t, health: h, counts: c, queries: q, held: a, spool: p, misses: m, verbs: v, allowed: l,
		hosts: o,
	}}
}

// ErrLost says that an operator has moved or removed the claim's file. Call Cancel.
var ErrLost = errors.New("the job left active/ while it was being fetched")

// Started is what the origin said in the header of an answer whose first bytes have arrived.
type Started struct {
	Size     int64     // of the whole artifact; -1 unknown
	ETag     string    // a strong one, or "". A later claim may resume by it
	Modified time.Time // a later claim may resume by it where there is no ETag; or zero
	From     int64     // offset of the answer's first byte
}
