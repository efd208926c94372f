package active

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// adopt goes on with the newest part that this job may resume, or returns fs.ErrNotExist.
func (p *Part) adopt(ctx context.Context) error {
	keys := append(p.c.artifactID().Names, p.c.Key)
	for _, name := range partsOf(p.c.tree, keys...) {
		_, worker, _ := tree.SplitPart(name)
		if !vouchesFor(&p.c.Job, worker) { //guard:TestAPartIsOfItsJob
			continue
		}
		err := p.adoptFile(ctx, p.c.tree.Path("tmp", name), worker)
		if isOwned(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, tree.ErrHardLinked) {
			continue
		}
		return err
	}
	return fs.ErrNotExist
}

// vouchesFor reports whether the part of a worker holds the version that the newest start in a
// job's log names: that worker wrote the start, or took the part over after it. Another job of the
// same key may have fetched another version.
func vouchesFor(j *job.Job, worker string) bool {
	started := false
	for _, e := range slices.Backward(j.Events) {
		switch e.Kind {
		case job.Start:
			started = true
		case job.Claim:
			if spool.IsClaimOf(e, worker) {
				return true
			}
			if started {
				return false
			}
		}
	}
	return false
}

// adoptFile locks a part, cuts off what may be missing, gives it this claim's name, and hashes it.
// A part that has a hard link is left, because its other name could change it once it is a blob. A
// part that the disk does not give back is removed, because each later claim would adopt it again.
func (p *Part) adoptFile(ctx context.Context, path, worker string) error {
	f, err := tree.OpenLocked(path, tree.OpenAppend)
	if err != nil {
		return err
	}
	p.f = f
	err = p.c.trimToKept(f, worker) //guard:TestACutOffPartGetsNoNewName
	if err == nil {
		err = os.Rename(path, p.path)
	}
	if err == nil {
		path = p.path
		err = p.rehash(ctx) //guard:TestResumeHashesTheFile
	}
	if err == nil {
		return nil
	}
	p.close()
	p.reset()
	if tree.IsDiskError(err) { //guard:TestAPartWithABadSpot
		p.c.tree.Log.Error("a part can't be read back, and is fetched from the start",
			"key", p.c.Key, "err", err)
		if err = os.Remove(path); err == nil {
			err = fs.ErrNotExist
		}
	}
	return err
}

// trimToKept cuts a part to the bytes that the log says are on the disk. It keeps all of it where
// the worker ran since this machine was started and nothing is missing, because only a power cut
// leaves zeros in the place of what was not written. It comes before the part gets this claim's
// name, which says that it was written since this start.
func (c *Claim) trimToKept(f *os.File, worker string) error {
	info, err := f.Stat()
	if err != nil || info.Size() <= c.Job.Kept() {
		return err
	}
	if c.hosts.IsOfThisBoot(&c.Job, worker) && //guard:TestAPartAfterAPowerCut
		!hasHole(f, info.Size()) { //guard:TestAPartAfterAPowerCut
		return nil
	}
	c.tree.Log.Error("a part was being written when the power, or its disk, went: "+
		"it goes on from what is known to be on the disk",
		"key", c.Key, "bytes", info.Size(), "kept", c.Job.Kept())
	return f.Truncate(c.Job.Kept())
}

// hasHole reports whether f has a place that was never written to, as a disk leaves that goes away
// and comes back while the machine runs. It reports false where the file system can't say. What the
// kernel has cached of f is dropped first, because it counts as written.
func hasHole(f *os.File, size int64) bool {
	tree.DropCached(f, 0, 0)
	at, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_HOLE)
	return err == nil && at < size
}

// rehash reads the part to its end and hashes it.
func (p *Part) rehash(ctx context.Context) error {
	buf := make([]byte, 1<<20)
	for ctx.Err() == nil {
		n, err := p.f.ReadAt(buf, p.size)
		p.hash(buf[:n])
		p.setSize(p.size + int64(n))
		if err == io.EOF {
			p.kept = p.size
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
