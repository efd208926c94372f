package transfer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/tokens"
)

// Export writes an artifact of a Source into this data directory, a bundle, with its meta as it is,
// which holds no credential, and with its hits. It writes no job, so that no URL comes along that
// the meta has redacted. The rest is as with Import.
func (c *Carrier) Export(ctx context.Context, in *Incoming, progress func(n int64)) (Outcome, error) {
	return c.place(ctx, in, progress)
}

// CheckBundle returns an error where the data directory is a cache of its own: it has a job, a miss,
// a denial or a token. Export would pass by its denials, and leave no job in its done/.
func (c *Carrier) CheckBundle() error {
	for _, st := range []tree.State{
		tree.Queue, tree.Active, tree.Done, tree.Denied, tree.Misses, tokens.Dir,
	} {
		names, err := c.tree.Names(string(st))
		if err != nil {
			return err
		}
		if len(names) > 0 { //guard:TestExportIsToABundle
			return fmt.Errorf("%s is a cache of its own, not a bundle (it has %s/%.200q): "+
				"use fromcache import there", c.tree.Root, st, names[0])
		}
	}
	return nil
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
