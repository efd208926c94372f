package upkeep

import "strings"

// adviseReplica says of each problem of a replica what helps there: another sync, or a look at the
// cache that it is a copy of.
func (c *checker) adviseReplica() {
	for i := range c.r.Problems {
		p := &c.r.Problems[i]
		switch {
		case strings.HasPrefix(p.Do, "chown"):
		case strings.HasPrefix(p.Path, "blobs/"):
			p.Do = "rm it here: the next `fromcache sync` copies it again; till then it is a miss"
		case strings.HasPrefix(p.Path, "meta/"):
			p.Do = "run `fromcache sync` again; if it stays, run `fromcache fsck` where the replica " +
				"is copied from"
		}
	}
}
