package upkeep

import (
	"slices"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
)

// walk checks each file of a directory. It holds a thousand names at once, because there may be a
// million, and is done with most of them by asking for many at once.
func (c *checker) walk(dir string, inOrder bool, of []func(*checker, *file)) error {
	if inOrder {
		return c.walkInOrder(dir, of)
	}
	readers, err := c.s.held.NewReaders(c.atOnce)
	if err != nil {
		return err
	}
	defer readers.Close()
	return c.s.tree.EachAllNames(dir, func(names []string) error {
		probes := tree.LoadWith(readers, names, func(r *held.Reader, name string) probe {
			return c.probe(r, dir, name, of)
		})
		for i, p := range probes {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			if p.isWell {
				c.r.Artifacts += p.artifacts
				c.r.Blobs += p.blobs
				c.r.Jobs += p.jobs
				continue
			}
			c.checkName(dir, names[i], of)
		}
		return c.ctx.Err()
	})
}

// walkInOrder checks the files of a small directory one after the other, by name.
func (c *checker) walkInOrder(dir string, of []func(*checker, *file)) error {
	names, err := c.s.tree.AllNames(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		c.checkName(dir, name, of)
	}
	return nil
}

// probe is what a first look at one name has found.
type probe struct {
	isWell                 bool // there is nothing to report, to repair or to read
	artifacts, blobs, jobs int
}

// probe checks a name and keeps nothing but whether it is well, so that many can be asked for at
// once. What is not well is checked again, in order.
func (c *checker) probe(r *held.Reader, dir, name string, of []func(*checker, *file)) probe {
	if dir == "blobs" && !c.o.Quick {
		return probe{} // its bytes are to be read
	}
	alone := checker{s: c.s, ctx: c.ctx, o: FsckOptions{Quick: true}, server: c.server, reader: r}
	alone.checkName(dir, name, of)
	return probe{
		isWell:    len(alone.r.Problems) == 0 && len(alone.links) == 0,
		artifacts: alone.r.Artifacts, blobs: alone.r.Blobs, jobs: alone.r.Jobs,
	}
}
