package active

// What the tests in this folder reach of the inside.

import (
	"os"

	"fromcache/fsstore/held"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

const ForeignIdle = foreignIdle

var BatchStem = batchStem

// NewClaim is a claim whose job has no line of it yet. Take gives it its path.
func NewClaim(s *Claims, worker string, j job.Job, f *os.File, path string, u key.URL) *Claim {
	return &Claim{Key: u.Key(), Worker: worker, Job: j, shared: &s.shared, f: f, path: path, url: u}
}

func (cs *Claims) Host() string { return cs.host }

func (cs *Claims) Boot() string { return cs.boot }

// CallMachine gives this machine another name and another start.
func (cs *Claims) CallMachine(host, boot string) { cs.host, cs.boot = host, boot }

func (cs *Claims) ClaimBatch(f *os.File, name string, p job.File, read int) error {
	return cs.claimBatch(f, name, p, read)
}

func (cs *Claims) ClaimFile(f *os.File, name string) (*Claim, error) { return cs.claimFile(f, name) }

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

func (c *Claim) Reading(n int, url string) *Claim { return c.reading(n, url) }

func (c *Claim) Take(from, stem string) (*Claim, error) { return c.take(from, stem) }

func (c *Claim) PutPart() (*Part, error) { return put{c}.putPart() }

// Expand takes a list apart, of which it gets no further than these jobs.
func (c *Claim) Expand(jobs []job.Job) error {
	return (&batch{c, jobs, map[string]int{}, map[job.Kind]int{}}).expand()
}

func (p *Part) F() *os.File { return p.f }

func (p *Part) Close() { p.close() }

func (p *Part) Seal() error { return p.seal() }

func (p *Part) ToBlob() (digest string, err error) { return p.toBlob() }

func (c *Claim) URLKey() key.URL { return c.url }

func (c *Claim) Meta(digest string, size int64, o Origin) *held.Meta { return c.meta(digest, size, o) }
