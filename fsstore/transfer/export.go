package transfer

import (
	"context"
	"strings"
	"time"

	"fromcache/fsstore/internal/tree"
)

// Export writes an artifact of a Source into this data directory, a bundle, with its meta as it is,
// which holds no credential, and with its hits. It writes no job, so that no URL comes along that
// the meta has redacted. The rest is as with Import.
func (c *Carrier) Export(ctx context.Context, in *Incoming, progress func(n int64)) (Outcome, error) {
	return c.place(ctx, in, progress)
}

// SweepBundle removes what an interrupted Export left half-written. It leaves files of the last
// minute, whose writer may be at work.
func (c *Carrier) SweepBundle() error {
	names, err := c.tree.TmpNames()
	for _, name := range names {
		if strings.HasPrefix(strings.TrimPrefix(name, "."), tree.TempPrefix) {
			c.tree.RemoveOld(c.tree.Path("tmp", name), time.Minute)
		}
	}
	return err
}
