// Package upkeep removes what is no longer needed and checks what is there. gc.go removes blobs that
// no meta names, old jobs and old files in tmp/, and brake.go stops it where too much would go. check.go
// is what fsck does once, and scrub for ever.
package upkeep

import (
	"time"

	"fromcache/fsstore/active"
	"fromcache/fsstore/allowed"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/hosts"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/tokens"
	"fromcache/fsstore/verbs"
)

// Keeper removes what has had its time, and checks what is held.
type Keeper struct {
	tree     *tree.Tree
	health   *health.Monitor
	counts   *counts.Counts
	tokens   *tokens.Tokens
	queries  *queries.Rules
	held     *held.Cache
	spool    *spool.Spool
	verbs    *verbs.Verbs
	allowed  *allowed.Rules
	hosts    *hosts.Hosts
	active   *active.Claims
	problems problemBook
	scrub    scrubBook
	brakeDue time.Time     // when Run tries a gc that was held back again; zero: none was
	history  time.Duration // how long done/ and cancelled/ keep a job
}

// New returns the Keeper of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, c *counts.Counts, k *tokens.Tokens, q *queries.Rules,
	a *held.Cache, p *spool.Spool, v *verbs.Verbs, l *allowed.Rules, o *hosts.Hosts, j *active.Claims,
	history time.Duration) *Keeper {
	return &Keeper{
		tree: t, health: h, counts: c, tokens: k, queries: q, held: a, spool: p, verbs: v, allowed: l,
		hosts: o, active: j, history: history,
	}
}

// GCOptions of a collection.
type GCOptions struct {
	DryRun bool
	Older  time.Duration // unlink blobs that have been out of service for longer; 0: 24 h
	Force  bool          // ignore the Brake

	atOnce   int  // files to read at the same time; 0: as a verb does
	keepGone bool // unlink no blob
	tmpOnly  bool // take no blob out of service
}

// GCReport is what a collection did, or with DryRun would do.
type GCReport struct {
	Gone     []string // blobs taken out of service: moved to tmp/<digest>.gone
	Held     []string // blobs that the Brake kept in service
	Restored []string // blobs put back into service
	Unlinked []string // names in tmp/
	Bytes    int64    // freed by Unlinked
}

// FsckOptions of a check.
type FsckOptions struct {
	Quick    bool // read no blob
	Repair   bool
	Progress func(done, total int64) // bytes
}

// FsckReport lists every problem of a tree.
type FsckReport struct {
	Artifacts, Blobs, Jobs int
	Bytes                  int64
	Problems               []health.Problem
	Rotten                 []string // names in tmp/ of rotten blobs, which only a person removes
}
