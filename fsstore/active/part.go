package active

import (
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
	"fromcache/fsstore/spool"
)

// headSize is how much of a part's beginning is kept for a look at what the
// bytes are.
const headSize = 1 << 10

// Part is the file that a claim downloads into: tmp/<key>@<worker>.part,
// flocked by its writer. It outlives the process; the next claim of the key
// may adopt it. One goroutine uses it.
type Part struct {
	c    *Claim
	f    *os.File
	path string
	size int64
	sum  hash.Hash // of the bytes in the file
	head []byte
}

// Part returns the claim's part: with resume the newest one of its key that
// nobody holds, hashed again from the file, for what a hash of what was once
// received says nothing of what is on the disk; one that the disk does not give
// back is removed. That may take minutes unless ctx ends, whose error it then
// returns, and the part stays for the next claim. Without, or where there is
// none, it is empty. What other claims left is removed when it is not used.
func (c *Claim) Part(ctx context.Context, resume bool) (*Part, error) {
	if c.part != nil {
		return c.part, nil
	}
	p := newPart(c, nil)
	err := fs.ErrNotExist
	if resume {
		err = p.adopt(ctx)
	} else {
		c.dropParts(c.Key)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = p.create()
	}
	if err != nil {
		return nil, err
	}
	c.part = p
	return p, nil
}

// newPart is a part that is empty, in the file f where it has one.
func newPart(c *Claim, f *os.File) *Part {
	p := &Part{c: c, f: f, path: c.tree.Path("tmp", tree.PartName(c.Key, c.Worker)), sum: sha256.New()}
	if f != nil {
		p.path = f.Name()
	}
	return p
}

func (p *Part) create() error {
	f, err := p.c.tree.WriteTemp(nil, 0o660, false)
	if err != nil {
		return err
	}
	if err := tree.RenameOver(f, p.path); err != nil {
		return err
	}
	p.f = f
	return nil
}

// partsOf lists the parts of these keys, newest first.
func (cs *shared) partsOf(keys ...string) []string {
	names, err := cs.tree.Names("tmp")
	if err != nil {
		return nil
	}
	var parts []string
	var times []int64
	for _, name := range names {
		if stem, _, ok := tree.SplitPart(name); !ok || !slices.Contains(keys, stem) {
			continue
		}
		var st unix.Stat_t
		if unix.Lstat(cs.tree.Path("tmp", name), &st) != nil {
			continue
		}
		i := len(parts)
		for i > 0 && times[i-1] < st.Mtim.Nano() {
			i--
		}
		parts = append(parts[:i], append([]string{name}, parts[i:]...)...)
		times = append(times[:i], append([]int64{st.Mtim.Nano()}, times[i:]...)...)
	}
	return parts
}

func (p *Part) adopt(ctx context.Context) error {
	for _, name := range p.c.partsOf(p.c.partKeys()...) {
		_, worker, _ := tree.SplitPart(name)
		if !p.c.wrotePart(worker) { //guard:TestAPartIsOfItsJob
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

// partKeys are the keys under which its parts may lie.
func (c *Claim) partKeys() []string { return append(c.artifactID().Names, c.Key) }

// wrotePart reports whether the part of a worker holds what this job's newest start
// vouches for: that worker wrote the start, or took the part over after it.
// Another job of the same key may have fetched another version.
func (c *Claim) wrotePart(worker string) bool {
	started := false
	for _, e := range slices.Backward(c.Job.Events) {
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

// adoptFile locks a part, cuts off what may be missing in it, gives it this claim's name, and hashes
// it. A part with a second name, a hard link, is left: who has that could change it once it is a blob.
func (p *Part) adoptFile(ctx context.Context, path, worker string) error {
	f, err := tree.OpenLocked(path, tree.OpenAppend)
	if err != nil {
		return err
	}
	own := p.path
	p.f, p.path = f, path
	err = p.c.trimToKept(f, worker) //guard:TestACutOffPartGetsNoNewName
	if err == nil {
		err = os.Rename(path, own)
	}
	if err == nil {
		p.path = own
		err = p.rehash(ctx) //guard:TestResumeHashesTheFile
	}
	if tree.IsDiskError(err) { //guard:TestAPartWithABadSpot
		err = p.discardUnreadable(err)
		p.path = own
		return err
	}
	if err != nil {
		p.f, p.path = nil, own
		f.Close()
	}
	return err
}

// trimToKept cuts a part to the bytes that the job says are kept, unless its worker ran since this machine
// was started and nothing is missing: after a power cut a file has its size back, and zeros for what
// had not been written yet. It does so before the part has the name of this claim, which is of this
// start of the machine.
func (c *Claim) trimToKept(f *os.File, worker string) error {
	info, err := f.Stat()
	if err != nil || info.Size() <= c.Job.Kept() {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if c.ofThisBoot(worker) && //guard:TestAPartAfterAPowerCut
		!hasHole(f, info.Size()) { //guard:TestAPartAfterAPowerCut
		return nil
	}
	c.tree.Log.Error("a part was being written when the power, or its disk, went: it goes on from what is known to be on the disk",
		"key", c.Key, "bytes", info.Size(), "kept", c.Job.Kept())
	return errors.Join(f.Truncate(c.Job.Kept()), f.Sync())
}

// ofThisBoot reports whether a worker claimed the job since this machine started.
func (c *Claim) ofThisBoot(worker string) bool {
	return slices.ContainsFunc(c.Job.Events, func(e job.Event) bool { return e.Kind == job.Claim && spool.IsClaimOf(e, c.boot+" "+worker) })
}

// hasHole reports whether there is a place in f that nothing was written to, where the file system
// can say: a disk that went away and came back while the machine ran leaves such places. What is in
// memory of one is forgotten first, because it counts as written.
func hasHole(f *os.File, size int64) bool {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	at, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_HOLE)
	return err == nil && at < size
}

// syncPart fsyncs the part and has the job say so, for a claim that comes after a power cut.
func (c *Claim) syncPart() {
	if c.part == nil || c.part.f == nil {
		return
	}
	n := c.part.size
	err := c.part.f.Sync() //guard:TestEachStepIsSynced
	if err != nil {        // the kernel may call its pages clean from now on
		err = errors.Join(err, c.part.Discard())
	} else if n != c.Job.Kept() {
		err = c.log(job.Event{Kind: job.Kept, Count: 1, Size: n})
	}
	c.health.Complain("part", err)
}

// discardUnreadable removes what the disk does not give back, because each claim would adopt it again.
func (p *Part) discardUnreadable(why error) error {
	p.c.tree.Log.Error("a part can't be read back, and is fetched from the start", "key", p.c.Key, "err", why)
	p.reset()
	if err := p.Discard(); err != nil {
		return err
	}
	return fs.ErrNotExist
}

func (p *Part) rehash(ctx context.Context) error {
	buf := make([]byte, 1<<20)
	for ctx.Err() == nil {
		n, err := p.f.ReadAt(buf, p.size)
		p.hash(buf[:n])
		p.setSize(p.size + int64(n))
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
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

// Size is the number of bytes in the part.
func (p *Part) Size() int64 { return p.size }

// Path is where the part lies, for a program that reads it.
func (p *Part) Path() string { return p.path }

// Head is the beginning of the part, at most 1 KiB.
func (p *Part) Head() []byte { return p.head }

// Write appends b and hashes it, both at once on two cores. After an error the
// part may hold a piece of b and must not be written any more; it can still
// be kept for a resume, because that hashes it again.
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
	return n, err
}

// writeBehind is how much may be dirty before the kernel is asked to begin
// writing it out, so that the fsync at the end finds little left to do.
const writeBehind = 8 << 20

func (p *Part) flushBehind(n int64) {
	from, to := (p.size-n)/writeBehind, p.size/writeBehind
	if from == to {
		return
	}
	_ = unix.SyncFileRange(int(p.f.Fd()), from*writeBehind, (to-from)*writeBehind, unix.SYNC_FILE_RANGE_WRITE)
}

// Restart empties the part: what the origin sends is not what the part begins. The next Start says so
// in the job, before anything else is kept.
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
}

// SHA256 is the digest of what is in the part, in 64 hex digits.
func (p *Part) SHA256() string {
	return held.SumHex([32]byte(p.sum.Sum(nil)))
}

// WriteTo copies what is in the part to w, from the file: for a digest that an
// origin announced only after bytes were kept.
func (p *Part) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(p.f, 0, p.size))
}

// Discard unlinks the part: its bytes failed a check.
func (p *Part) Discard() error {
	if p.f == nil {
		return nil
	}
	err := os.Remove(p.path)
	if errors.Is(err, fs.ErrNotExist) { // it is a blob by now, which nothing names
		err = nil
	}
	p.f.Close()
	p.f = nil
	p.c.part = nil
	p.c.written.Store(0)
	return err
}

// close lets go of a part that is a blob by now.
func (p *Part) close() {
	p.f.Close()
	p.f, p.c.part = nil, nil
}

// dropParts removes the parts of a key that nobody holds. One that a power cut brings back is of an
// earlier start, which no claim adopts.
func (cs *shared) dropParts(k string) {
	for _, name := range cs.partsOf(k) {
		cs.tree.RemoveUnlocked(cs.tree.Path("tmp", name))
	}
}

// seal makes the part's bytes durable and gives them their final mode.
func (p *Part) seal() error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != p.size { //guard:TestSomebodyElseWritesToAPart
		return fmt.Errorf("%s has %d bytes where %d were written: somebody else wrote to it", p.path, info.Size(), p.size)
	}
	if err := p.f.Sync(); err != nil { //guard:fsstore/key.TestParts
		return errors.Join(err, p.Discard())
	}
	return p.f.Chmod(0o444)
}

// toBlob makes the part a blob: its bytes, and its name in blobs/, are on the disk when it returns.
func (p *Part) toBlob() (digest string, err error) {
	digest = p.SHA256()
	if !tree.StillNames(p.f, p.path) { //guard:TestAPartHasOneWriter
		return "", fmt.Errorf("%s was replaced while it was written", p.path)
	}
	if err := os.Rename(p.path, p.c.tree.Path("blobs", digest)); err != nil {
		return "", err
	}
	p.c.held.Withhold(digest, false)
	return digest, tree.SyncDir(p.c.tree.Path("blobs", "")) //guard:TestEachStepIsSynced
}
