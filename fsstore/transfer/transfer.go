// Package transfer carries artifacts from one cache to another: what a Source holds, or files with
// their URLs, into this data directory (Import), and what is held here into a bundle, which is a
// data directory too (Export).
//
//	source.go  a data directory that is read      list.go   files, and the list of their URLs
//	blob.go    copy bytes and compute the digest  meta.go   what a meta of elsewhere may say
//	import.go  commit what came                   export.go write a bundle
//	wants.go   misses, and the list of them that queue/ takes
//
// Bytes go to a file in tmp/ while their digest is computed, are fsynced, and get their name in
// blobs/ only then; the artifact is held once its meta is renamed. So a transfer that is killed
// leaves whole artifacts alone, and run again it skips what is there.
package transfer

import (
	"os"

	"fromcache/fsstore/active"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

// Carrier carries artifacts into one data directory.
type Carrier struct {
	tree    *tree.Tree
	health  *health.Monitor
	counts  *counts.Counts
	queries *queries.Rules
	held    *held.Cache
	spool   *spool.Spool
	misses  *misses.Misses
	verbs   *verbs.Verbs
	claims  *active.Claims
}

// New returns the Carrier of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, c *counts.Counts, q *queries.Rules, a *held.Cache,
	p *spool.Spool, m *misses.Misses, v *verbs.Verbs, cs *active.Claims) *Carrier {
	return &Carrier{t, h, c, q, a, p, m, v, cs}
}

// Incoming is an artifact that comes from elsewhere. Nothing in it is trusted.
type Incoming struct {
	URL   string    // whole; "" where only its redacted form in Meta is known
	Key   string    // that it had there, "" where it had none
	Meta  held.Meta // SHA256 is "" where the digest is not known; Size counts only with a Claim
	Hits  int64     // times that it was served there
	From  string    // where it came from, for the job's log
	Judge bool      // its kind is judged although its digest is known: nobody has judged it before
	Open  func() (*os.File, error)
}

// Outcome is what became of an Incoming.
type Outcome int

// The outcomes of Import and Export.
const (
	Taken Outcome = iota // held now
	Same                 // these bytes were held already
	Newer                // what is held was fetched later, or at the same time, and stays
)
