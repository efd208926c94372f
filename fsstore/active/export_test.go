package active

// What the tests in this folder reach of the inside.

import (
	"os"

	"fromcache/fsstore/held"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

var BatchStem = batchStem

// ReadClaim is the claim of a file that has been read as text, before its rename.
func (cs *Claims) ReadClaim(f *os.File, name, text string) *Claim {
	jobs := job.Parse([]byte(text)).Jobs
	c := cs.newClaim(f, name, jobs, len(text))
	if c.stem = batchStem(name); len(jobs) == 1 {
		c.url, _ = c.urlToFetch()
		c.Key, c.stem = c.url.Key(), c.url.Key()
	}
	return c
}

func (c *Claim) ClaimBatch(name string, p job.File) error { return c.claimBatch(name, p) }

func (cs *Claims) NewPut(a verbs.Addition, by spool.Operator) (*Claim, string, error) {
	c, history, err := cs.newPut(a, by)
	return c.Claim, history, err
}

// F is the claim's file in active/.
func (c *Claim) F() *os.File { return c.f }

// SetF has the claim go on with another open file, which may take no line.
func (c *Claim) SetF(f *os.File) { c.f = f }

// Close closes the claim's files, as a kill does.
func (c *Claim) Close() { c.close() }

func (c *Claim) Commit(m *held.Meta) (*held.Artifact, error) { return c.commit(m) }

func (c *Claim) Finish(e job.Event) error { return c.finish(e) }

func (c *Claim) Take(name string) (*Claim, error) { return c.take(name) }

func (c *Claim) PutPart() (*Part, error) { return put{c}.putPart() }

// Expand takes a list apart, of which it gets no further than these jobs.
func (c *Claim) Expand(jobs []job.Job) error {
	return (&batch{c, jobs, map[string]int{}, map[job.Kind]int{}}).expand()
}

func (p *Part) F() *os.File { return p.f }

// SetF has the part go on with another open file, which may not be one that can be synced.
func (p *Part) SetF(f *os.File) { p.f = f }

func (p *Part) Keep() error { return p.keep() }

func (p *Part) Close() { p.close() }

func (p *Part) Seal() error { return p.seal() }

func (p *Part) ToBlob() (digest string, err error) { return p.toBlob() }

func (c *Claim) Meta(digest string, size int64, o held.Origin) *held.Meta {
	return c.meta(digest, size, o)
}
