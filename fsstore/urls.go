package fsstore

import "fromcache/fsstore/key"

// Parse normalises rawURL by the rules that hold on this directory: what all
// that take a URL from outside, or from a job, must call, for two that differ
// would give one URL two names. Its error is a *key.Error.
func (s *Store) Parse(rawURL string) (key.URL, error) {
	return key.Parse(rawURL, s.opt.Rule)
}
