package upkeep

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/tokens"
)

// checks lists the directories in the order in which a checker walks them, and what it checks of
// each regular file. Scrub walks meta/ and blobs/ alone, because the pages show the other files.
// inOrder is for what depends on the files before it.
var checks = []struct {
	dir     string
	inOrder bool
	of      []func(*checker, *file)
}{
	{dir: "meta", of: []func(*checker, *file){(*checker).checkReadable, (*checker).checkMeta}},
	{dir: "blobs", of: []func(*checker, *file){(*checker).checkReadable, (*checker).checkBlob}},
	{dir: string(tree.Misses), of: []func(*checker, *file){(*checker).checkJob}},
	{dir: string(tree.Queue), of: []func(*checker, *file){(*checker).checkJob}},
	{dir: string(tree.Active), inOrder: true,
		of: []func(*checker, *file){(*checker).checkClaim, (*checker).checkJob}},
	{dir: string(tree.Done), of: []func(*checker, *file){(*checker).checkJob}},
	{dir: string(tree.Failed), of: []func(*checker, *file){(*checker).checkJob}},
	{dir: string(tree.Cancelled), of: []func(*checker, *file){(*checker).checkJob}},
	{dir: string(tree.Denied), of: []func(*checker, *file){(*checker).checkDenied}},
	{dir: "hits", of: []func(*checker, *file){(*checker).checkHits}},
	{dir: "stats"},
	{dir: "queries"},
	{dir: "allowed"},
	{dir: tokens.Dir, of: []func(*checker, *file){(*checker).checkReadable, (*checker).checkToken}},
	{dir: "tmp", inOrder: true, of: []func(*checker, *file){(*checker).checkTemp}},
	{dir: "", inOrder: true},
}

// checker is one walk through the data directory.
type checker struct {
	s      *Keeper
	ctx    context.Context
	o      FsckOptions
	r      FsckReport
	pace   *pace        // of Scrub; nil: full speed
	atOnce int          // files that are looked at together
	reader *held.Reader // of a probe
	server unix.Stat_t
	buf    []byte
	total  int64 // bytes to be read
	hasOld bool  // a half-written file is older than its rule

	rotten map[string]bool   // blobs that are not what their names say
	unread []file            // could not be read, or not be taken out of service
	links  []*file           // that have several names
	claims map[string]string // paths in active/, by key
	flawed bool              // a problem was found in meta/
	named  *digests          // see wanted
}

func newChecker(ctx context.Context, s *Keeper, o FsckOptions) *checker {
	return &checker{
		s: s, ctx: ctx, o: o, atOnce: s.tree.AtOnce(), rotten: map[string]bool{}, claims: map[string]string{},
	}
}

// file is a name in a directory of the data directory, and what lstat says of it.
type file struct {
	dir, name, path string // path is relative to the data directory
	st              unix.Stat_t
}

// Fsck checks the data directory. A server may run meanwhile. Fsck reports
//
//   - a meta that is malformed or lost, or has no blob
//   - a blob whose SHA-256 is not its name (with Quick it reads no blob)
//   - a meta or blob that the server's user may not read
//   - a job that has two names, a key that has two claims, and a claim without a worker
//   - a name that is no regular file of a known kind
//   - a file in tmp/ that gc should have removed
//
// Repair takes rotten blobs out of service, writes lost and malformed metas anew, ends orphans and
// sweeps tmp/. It fetches nothing, and never deletes the only copy of anything.
//
// Of a replica it checks what is served: meta/, blobs/ and queries/. It repairs none.
func (s *Keeper) Fsck(ctx context.Context, o FsckOptions) (FsckReport, error) {
	c := newChecker(ctx, s, o)
	err := s.tree.Writable()
	if err == nil || !o.Repair {
		err = c.run()
	}
	if s.tree.ReadOnly {
		c.adviseReplica()
	}
	slices.SortStableFunc(c.r.Problems, func(a, b health.Problem) int {
		return strings.Compare(a.Path, b.Path)
	})
	return c.r, err
}

func (c *checker) run() error {
	if err := unix.Stat(c.s.tree.Root, &c.server); err != nil {
		return err
	}
	if c.o.Progress != nil && !c.o.Quick {
		c.total, _ = c.s.bytesOfBlobs()
	}
	if _, err := c.s.spool.Due(); err != nil { // reads queue/, whose jobs want their parts in tmp/
		return err
	}
	for _, check := range checks {
		if c.s.tree.MayLack(check.dir) && check.dir != "" {
			continue
		}
		if check.dir == "tmp" && c.flawed {
			c.wanted()
		}
		if err := c.walk(check.dir, check.inOrder, check.of); err != nil {
			return err
		}
		if check.dir == "meta" {
			c.flawed = len(c.r.Problems) > 0
		}
		if check.dir == "blobs" && !c.s.tree.ReadOnly {
			if err := c.findLostMetas(); err != nil {
				return err
			}
		}
	}
	c.addHardLinks()
	flaws, err := c.s.queries.QueryFlaws()
	c.r.Problems = append(c.r.Problems, flaws...)
	if err == nil {
		flaws, err = c.s.allowed.Flaws()
		c.r.Problems = append(c.r.Problems, flaws...)
	}
	if err == nil && c.o.Repair {
		err = c.sweep()
	}
	return err
}

// checkName checks one name of a directory.
func (c *checker) checkName(dir, name string, of []func(*checker, *file)) {
	f := file{dir: dir, name: name, path: strings.TrimPrefix(dir+"/"+name, "/")}
	if unix.Lstat(c.s.tree.Path(dir, name), &f.st) != nil {
		return // it is gone
	}
	switch {
	case dir == "" && !tree.BelongsInRoot(name):
		c.addProblem(name, "not a part of a data directory: ignored", "move it away")
	case dir == "":
	case !tree.Plain(name) && dir != "tmp":
		c.checkBrokenCopy(&f)
	case f.st.Mode&unix.S_IFMT != unix.S_IFREG:
		c.addProblem(f.path, "not a regular file: ignored", "move it away")
	default:
		if f.st.Nlink > 1 {
			c.links = append(c.links, &f)
		}
		for _, ask := range of {
			ask(c, &f)
		}
	}
	if c.pace != nil {
		c.s.updateProblems(f.path, c.r.Problems)
		c.r.Problems = c.r.Problems[:0]
	}
}

// addProblem adds a problem. The pointer that it returns is valid until the next call.
func (c *checker) addProblem(path, text, do string) *health.Problem {
	c.r.Problems = append(c.r.Problems, health.Problem{Path: path, Text: text, Do: do})
	return &c.r.Problems[len(c.r.Problems)-1]
}

// addUnreadable reports a file that can't be read. That says nothing of its bytes, so it stays.
func (c *checker) addUnreadable(f *file, err error) {
	c.addProblem(f.path, "it can't be read: "+err.Error(),
		"look at dmesg; mend the disk or the file's mode, or move it away to have it served as a miss")
	c.retryLater(f, err)
}

// retryLater has Scrub check a file again within the hour, and Health tell of it.
func (c *checker) retryLater(f *file, err error) {
	if c.pace != nil && c.ctx.Err() == nil {
		c.unread = append(c.unread, *f)
		c.s.health.SetTrouble("scrub", scrubTrouble, err)
	}
}

func (c *checker) checkMeta(f *file) {
	k, ok := strings.CutSuffix(f.name, ".json")
	if !ok {
		c.addProblem(f.path, "ignored: its name does not end in .json", "rename it, or move it away")
		return
	}
	read := c.s.held.ReadListed
	if c.reader != nil {
		read = c.reader.Listed
	}
	a, err := read(f.name)
	switch {
	case errors.Is(err, held.ErrMalformed):
		p := c.addProblem(f.path, strings.TrimPrefix(err.Error(), c.s.tree.Root+"/"+f.path+": "),
			"it is served as a miss: mend it, or have `fromcache fsck --repair` write it anew "+
				"as far as done/ tells")
		if c.o.Repair {
			h, _ := c.s.held.LastRecord(k)
			p.Done(writtenAnew, c.writeAnew(k, &h, nil, true))
		}
	case errors.Is(err, tree.ErrNotRegular):
	case err != nil:
		c.addUnreadable(f, err)
	case a != nil:
		c.r.Artifacts++
		if text, do := misnamed(a); text != "" {
			c.addProblem(f.path, text, do)
		}
		c.hasBlob(f, a)
	}
}

// misnamed returns why no lookup finds a meta and what to do, or "". A lookup finds a meta by the
// key of its URL and compares the sum of the whole URL. A redacted URL can't be compared.
func misnamed(a *held.Artifact) (text, do string) {
	if !key.HasSum(a.Key, a.URLSum) {
		return "its name and its url_sha256 are of two URLs: no lookup finds it",
			"give it back its name, or rm it and fetch its URL with `fromcache add`"
	}
	u, err := key.Parse(a.URL, key.Keep) // the parameters that the rule drops are not in it
	if err == nil && !key.IsRedacted(a.URL) &&
		(u.Key() != a.Key && u.OldKey() != a.Key || u.Sum() != a.URLSum) {
		return "its name or its url_sha256 is of another URL than the one in it: no lookup finds it",
			"rm it, and fetch its URL with `fromcache add`"
	}
	return "", ""
}

// hasBlob reports an artifact whose blob is missing or has another size. It takes one stat if all
// is well.
func (c *checker) hasBlob(f *file, a *held.Artifact) {
	if c.s.held.CheckBlob(a) == nil {
		return
	}
	now, err := c.s.held.Artifact(a.Key) // it may have been evicted or fetched again
	if err != nil || now.SHA256 != a.SHA256 || c.pace != nil && c.s.health.Check(0).Faulty {
		return
	}
	info, err := os.Lstat(c.s.tree.Path("blobs", a.SHA256))
	switch {
	case err != nil || !info.Mode().IsRegular():
		c.addProblem(f.path, "its blob "+a.SHA256+" is missing",
			"it is served as a miss; "+c.s.fetchAgain(a))
	case info.Size() == a.Size: // it can't be read, which checkBlob will report
	default:
		c.wrongSize(f, a, info.Size())
	}
}

// wrongSize reports a meta whose blob has another size than it says. Only the digest of the blob
// tells which of the two is wrong, so it reads the blob, except with Quick.
func (c *checker) wrongSize(f *file, a *held.Artifact, size int64) {
	text := fmt.Sprintf("it says %d bytes, and its blob has %d: it is served as a miss", a.Size, size)
	if c.o.Quick &&
		!c.o.Repair { //guard:TestAWrongSizeIsNoProof
		c.addProblem(f.path, text, "run `fromcache fsck`, which reads the blob")
		return
	}
	blob := file{dir: "blobs", name: a.SHA256, path: "blobs/" + a.SHA256}
	if c.rotten[a.SHA256] || !c.isSound(&blob) {
		return
	}
	p := c.addProblem(f.path, text,
		fmt.Sprintf("write %d as its size, or have `fromcache fsck --repair` do so", size))
	if c.o.Repair {
		m := a.Meta
		m.Size = size
		p.Done("written", c.s.held.WriteMeta(a.Key, &m))
	}
}

func (c *checker) checkBlob(f *file) {
	if !held.IsDigest(f.name) {
		c.addProblem(f.path, "its name is no SHA-256", "move it away")
		return
	}
	c.r.Blobs++
	if !c.o.Quick && !c.rotten[f.name] { //guard:cmd/fromcache-torture.TestRot
		c.isSound(f)
	}
}

// isSound reads a blob and reports whether its digest is its name. If not it reads the blob again,
// because a bit may have flipped in memory and not on the disk, and then handles it as rotten.
func (c *checker) isSound(f *file) bool {
	blob, err := c.s.held.OpenBlob(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	var got string
	var size int64
	for turn := 0; turn < 2 && err == nil; turn++ {
		if turn == 0 {
			defer blob.Close()
		}
		if got, size, err = c.sum(blob); err == nil && got == f.name {
			c.s.held.Withhold(f.name, false)
			return true
		}
	}
	switch {
	case c.ctx.Err() != nil:
	case err != nil: //guard:TestScrubOfABadDisk
		c.s.held.Withhold(f.name, true)
		c.addUnreadable(f, err)
	default:
		c.handleRotten(f, blob, fmt.Sprintf("its %d bytes have the SHA-256 %s", size, got))
	}
	return false
}

// sum hashes a file. It drops what it has read from the page cache, so that a second call reads the
// disk, and so that reading all blobs does not evict what clients ask for.
func (c *checker) sum(f *os.File) (sum string, size int64, err error) {
	if c.buf == nil {
		c.buf = make([]byte, 1<<20)
	}
	h := sha256.New()
	for {
		began := time.Now()
		n, err := unix.Pread(int(f.Fd()), c.buf, size)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", size, fmt.Errorf("read %s: %w", f.Name(), err)
		}
		if n == 0 {
			return held.SumHex([32]byte(h.Sum(nil))), size, nil
		}
		h.Write(c.buf[:n])
		tree.DropCached(f, size, int64(n))
		size += int64(n)
		c.r.Bytes += int64(n)
		if c.o.Progress != nil {
			c.o.Progress(c.r.Bytes, max(c.total, c.r.Bytes))
		}
		if !c.pace.throttle(c.ctx, n, began) {
			return "", size, c.ctx.Err()
		}
	}
}

// handleRotten reports a rotten blob. Under Scrub and Repair it takes the blob out of service and
// reports the artifacts that need it. A crash in between leaves metas without their blob, which are
// served as misses.
func (c *checker) handleRotten(f *file, blob *os.File, text string) {
	d := f.name
	c.rotten[d] = true
	p := c.addProblem(f.path, text, "`fromcache fsck --repair` takes it out of service")
	if c.pace == nil && !c.o.Repair {
		return
	}
	kept, err := c.s.putAside(d, func(path string) bool { return tree.StillNames(blob, path) })
	switch {
	case err != nil:
		c.s.held.Withhold(d, true)
		p.Do = "it could not be taken out of service, and only the server whose scrub found it " +
			"serves it as a miss: " + err.Error()
		c.retryLater(f, err)
	case kept == "":
		p.Do, p.Repaired = "another has taken its place meanwhile", true
		delete(c.rotten, d)
	default:
		p.Do, p.Repaired = "taken out of service: it is tmp/"+kept+" now", true
		c.addArtifactsOf(d, kept)
	}
}

// addArtifactsOf reports each artifact whose blob d was taken out of service as tmp/<kept>, or that
// no artifact needs it. A meta that can't be read may need it.
func (c *checker) addArtifactsOf(d, kept string) {
	text, do := "a blob that no artifact needs is rotten on the disk", "look at it, and rm it"
	needed := false
	for a, err := range c.s.held.Artifacts() {
		switch {
		case err != nil: //guard:TestScrubOfABlobThatAMalformedMetaNeeds
			text = "a blob is rotten on the disk, and a meta that is malformed or can't be read may need it"
			do = "run `fromcache fsck`, which says which meta that is, and mend it; keep tmp/" +
				kept + " until then"
		case a.SHA256 == d:
			needed = true
			c.addProblem("meta/"+a.Key+".json",
				"its blob was rotten on the disk, and is out of service as tmp/"+kept,
				"it is served as a miss; "+c.s.fetchAgain(a))
		}
	}
	if !needed {
		c.addProblem("tmp/"+kept, text, do)
	}
}
