package active

import "fromcache/fsstore/allowed"

// Limits returns what the rule in allowed/ that approved the job asks of the download; nothing
// where a person approved it. Its error is a *allowed.RefusalError where the rule allows it no more.
func (c *Claim) Limits() (allowed.Limits, error) { return c.allowed.LimitsOf(&c.Job, c.url) }

// CheckLimits returns a *allowed.RefusalError where n bytes are more than the rule allows.
func (c *Claim) CheckLimits(l allowed.Limits, n int64) error {
	return c.allowed.CheckSize(l, c.Key, n)
}
