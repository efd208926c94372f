package active

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

// headSize is how much of a part's beginning is kept in memory, to see what kind of file it is.
const headSize = 1 << 10

// Part is the file that a claim downloads into: tmp/<key>@<worker>.part, flocked by its writer. It
// outlives the process, so that the next claim of the key can go on with it. One goroutine uses a
// Part.
type Part struct {
	c    *Claim
	f    *os.File // nil once the part is closed
	path string
	size int64
	kept int64     // bytes that were on the disk when keep last ran, or the part was adopted
	lost error     // the first error of an fsync; see sync
	sum  hash.Hash // of the bytes in the file
	head []byte
}

// Part returns the claim's part. With resume it is the newest part of the key that nobody has
// locked, if the log of this job vouches for it. Part then hashes it again from the file, because
// the disk may not hold what was once received. That takes minutes for a large part; when ctx ends
// Part returns its error, and the part stays for the next claim. A part that can't be read back is
// removed. Without resume, and where there is no such part, the part is empty. Parts of the key
// that are not used are removed.
func (c *Claim) Part(ctx context.Context, resume bool) (*Part, error) {
	if c.part != nil {
		return c.part, nil
	}
	p := &Part{c: c, path: c.tree.Path("tmp", tree.PartName(c.Key, c.Worker)), sum: sha256.New()}
	err := fs.ErrNotExist
	if resume {
		err = p.adopt(ctx)
	} else {
		for _, name := range partsOf(c.tree, c.Key) {
			c.tree.RemoveUnlocked(c.tree.Path("tmp", name))
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		if p.f, err = c.tree.WriteTemp(nil, 0o660, false); err == nil {
			err = tree.RenameOver(p.f, p.path)
		}
	}
	if err != nil {
		return nil, err
	}
	c.part = p
	return p, nil
}

// partsOf lists the parts of these keys, newest first.
func partsOf(t *tree.Tree, keys ...string) (parts []string) {
	names, err := t.Names("tmp")
	if err != nil {
		return nil
	}
	written := map[string]int64{}
	for _, name := range names {
		var st unix.Stat_t
		k, _, ok := tree.SplitPart(name)
		if ok && slices.Contains(keys, k) && unix.Lstat(t.Path("tmp", name), &st) == nil {
			parts, written[name] = append(parts, name), st.Mtim.Nano()
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Compare(written[b], written[a]) })
	return parts
}

// Size is the number of bytes in the part.
func (p *Part) Size() int64 { return p.size }

// Path is where the part lies, for a program that reads it.
func (p *Part) Path() string { return p.path }

// Head is the beginning of the part, at most 1 KiB.
func (p *Part) Head() []byte { return p.head }

// Write appends b to the file and hashes it, both at once on two cores. After an error the part may
// hold a piece of b and must not be written to again. It can still be kept for a resume, which
// hashes the file anew.
func (p *Part) Write(b []byte) (int, error) {
	if p.f == nil {
		return 0, fs.ErrClosed
	}
	hashed := make(chan struct{})
	go func() {
		p.hash(b)
		close(hashed)
	}()
	n, err := p.f.Write(b)
	<-hashed
	p.setSize(p.size + int64(n))
	p.flushBehind(int64(n))
	isJob := p.c.f != nil // a put is none, and is not resumed
	if err == nil && isJob && p.size >= p.kept+max(keepStep, p.kept/4) {
		err = p.keep()
	}
	return n, err
}

// keepStep is after how many new bytes, or a quarter of those before where that is more, a part is
// fsynced while it is written: a power cut, or the death of another host, costs no more of it. A log
// has room for these lines, because a part of a TiB gets 40.
const keepStep = 64 << 20

// keep makes the part durable, and has the log say how much that is.
func (p *Part) keep() error {
	if err := p.sync(); err != nil {
		return err
	}
	p.kept = p.size
	return p.c.log(job.Event{Kind: job.Kept, Count: 1, Size: p.size})
}

// sync fsyncs the part. After an error it fails for good, because a later fsync may succeed without
// the bytes that were lost, fsync(2).
func (p *Part) sync() error {
	if p.lost == nil {
		p.lost = p.f.Sync() //guard:TestEachStepIsSynced
	}
	return p.lost
}

func (p *Part) hash(b []byte) {
	if n := headSize - len(p.head); n > 0 {
		p.head = append(p.head, b[:min(n, len(b))]...)
	}
	p.sum.Write(b)
}

func (p *Part) setSize(n int64) {
	p.size = n
	p.c.written.Store(n)
}

// writeBehind is how many bytes are written before the kernel is asked to begin to put them on the
// disk, so that the fsync at the end finds little left to do.
const writeBehind = 8 << 20

func (p *Part) flushBehind(n int64) {
	from, to := (p.size-n)/writeBehind, p.size/writeBehind
	if from == to {
		return
	}
	tree.FlushBehind(p.f, from*writeBehind, (to-from)*writeBehind)
}

// Restart empties the part, because the origin sends something else than it began with. Call Start
// before anything is written: the job must not vouch for the old bytes.
func (p *Part) Restart() error {
	if err := p.f.Truncate(0); err != nil {
		return err
	}
	p.reset()
	return nil
}

func (p *Part) reset() {
	p.sum.Reset()
	p.head = p.head[:0]
	p.setSize(0)
	p.kept = 0
}

// SHA256 is the digest of what is in the part, in 64 hex digits.
func (p *Part) SHA256() string {
	return held.SumHex([32]byte(p.sum.Sum(nil)))
}

// WriteTo copies the part to w from its file: for a digest that an origin announced only after
// bytes were written.
func (p *Part) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(p.f, 0, p.size))
}

// Discard unlinks the part, because its bytes failed a check.
func (p *Part) Discard() error {
	if p.f == nil {
		return nil
	}
	err := os.Remove(p.path)
	if errors.Is(err, fs.ErrNotExist) { // it is a blob by now, which nothing names
		err = nil
	}
	p.close()
	p.c.written.Store(0)
	return err
}

// close unlocks the part and leaves its file.
func (p *Part) close() {
	p.f.Close()
	p.f, p.c.part = nil, nil
}

// syncPart fsyncs the claim's part and has the log say how many bytes are safe, for a claim that
// comes after a power cut.
func (c *Claim) syncPart() {
	if c.part == nil || c.part.f == nil {
		return
	}
	n := c.part.size
	err := c.part.sync()
	if err != nil { // nobody knows which of its bytes are on the disk
		err = errors.Join(err, c.part.Discard())
	} else if n != c.Job.Kept() {
		err = c.log(job.Event{Kind: job.Kept, Count: 1, Size: n})
	}
	c.health.Complain("part", err)
}

// seal makes the part's bytes durable and gives them their final mode.
func (p *Part) seal() error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != p.size { //guard:TestSomebodyElseWritesToAPart
		return fmt.Errorf("%s has %d bytes where %d were written: somebody else wrote to it",
			p.path, info.Size(), p.size)
	}
	if err := p.sync(); err != nil {
		return errors.Join(err, p.Discard())
	}
	return p.f.Chmod(0o444)
}

// toBlob makes the part a blob, whose name in blobs/ is durable when toBlob returns.
func (p *Part) toBlob() (digest string, err error) {
	digest = p.SHA256()
	if !tree.StillNames(p.f, p.path) { //guard:TestAPartHasOneWriter
		return "", fmt.Errorf("%s was replaced while it was written", p.path)
	}
	return digest, p.c.held.Publish(p.path, digest)
}
