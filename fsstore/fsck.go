package fsstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"fromcache/fsstore/key"
)

// checker is one run of Fsck.
type checker struct {
	s       *Store
	ctx     context.Context
	o       FsckOptions
	r       FsckReport
	wanted  map[string][]*Artifact // digest to the artifacts that need it
	total   int64
	done    int64
	present map[string]bool     // blobs that are what their names say
	rotten  map[string]bool     // blobs that are not
	copies  map[string][]string // names in tmp/ of blobs that were taken out as rotten
	twice   map[string]bool     // paths that were found to be second names of a job
}

// Fsck checks what the tree can show: that every meta is well formed and has
// its blob, that every blob is what its name says (with Quick: has the size
// that meta says), that what was held last is held still or was evicted, that the server's user may read both, that no job has two
// names and no key two claims, that every name is a regular file of a known
// kind, and that nothing half-written is older than its rule. A server may run
// meanwhile. Repair takes rotten blobs out of service, brings back those that
// are sound after all, queues the URLs of the others again, writes metas anew that
// were lost, puts orphans back and sweeps tmp/; it never deletes the only copy of anything.
func (s *Store) Fsck(ctx context.Context, o FsckOptions) (FsckReport, error) {
	c := &checker{s: s, ctx: ctx, o: o, wanted: map[string][]*Artifact{}, present: map[string]bool{}, rotten: map[string]bool{}, twice: map[string]bool{}}
	for _, step := range []func() error{c.metas, c.blobs, c.unnamed, c.missing, c.shut, c.spool, c.notes, c.kinds, c.brokenOff, c.halfWritten} {
		if err := step(); err != nil {
			return c.r, err
		}
	}
	slices.SortStableFunc(c.r.Problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return c.r, nil
}

func (c *checker) found(path, text, do string) *Problem {
	c.r.Problems = append(c.r.Problems, Problem{Path: path, Text: text, Do: do})
	return &c.r.Problems[len(c.r.Problems)-1]
}

func (c *checker) metas() error {
	for a, err := range c.s.Artifacts() {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		switch {
		case errors.Is(err, errMalformed):
			path := "meta/" + a.Key + ".json"
			p := c.found(path, strings.TrimPrefix(err.Error(), c.s.dir+"/"+path+": "), "it is served as a miss; `fromcache fsck --repair` queues its URL again if it was fetched")
			c.refetch(p, a.Key, "")
		case errors.Is(err, errForeign):
		case a == nil:
			return err
		case err != nil:
			c.found("meta/"+a.Key+".json", err.Error(), "mend the disk or the file's mode")
		default:
			c.named(a)
			c.r.Artifacts++
			c.wanted[a.SHA256] = append(c.wanted[a.SHA256], a)
			if len(c.wanted[a.SHA256]) == 1 {
				c.total += a.Size
			}
		}
	}
	return nil
}

// named: a lookup finds a meta by the key of its URL, and compares the sum of
// the whole. What is redacted in meta can't be compared.
func (c *checker) named(a *Artifact) {
	path := "meta/" + a.Key + ".json"
	if !key.OfSum(a.Key, a.URLSum) {
		c.found(path, "its name and its url_sha256 are of two URLs: no lookup finds it", "give it back its name, or rm it and fetch its URL with `fromcache add`")
		return
	}
	u, err := key.Parse(a.URL, key.Keep) // what was to be dropped has been
	if err == nil && !key.IsRedacted(a.URL) && (u.Key() != a.Key && u.OldKey() != a.Key || u.Sum() != a.URLSum) {
		c.found(path, "its name or its url_sha256 is of another URL than the one in it: no lookup finds it", "rm it, and fetch its URL with `fromcache add`")
	}
}

func (c *checker) blobs() error {
	names, err := c.s.names("blobs")
	if err != nil {
		return err
	}
	for _, d := range names {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := c.blob(d); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) blob(d string) error {
	if !IsDigest(d) {
		c.found("blobs/"+d, "its name is no SHA-256", "move it away")
		return nil
	}
	f, err := c.s.OpenBlob(d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		c.found("blobs/"+d, err.Error(), "mend the disk or the file's mode")
		return nil
	}
	defer f.Close()
	c.r.Blobs++
	size, why, err := c.judge(f, d)
	if err != nil {
		return err
	}
	if why == "" {
		c.present[d] = true
		c.sizes(d, size)
		return nil
	}
	p := c.found("blobs/"+d, why, "`fromcache fsck --repair` takes it out of service, and queues its URL again if it was fetched")
	c.rotten[d] = true
	if c.o.Repair {
		c.takeOut(f, d, p)
	}
	return nil
}

func (c *checker) takeOut(f *os.File, d string, p *Problem) {
	kept, err := c.s.takeOutRotten(f, d)
	switch {
	case err != nil:
		p.Do = "it could not be taken out of service: " + err.Error()
	case kept == "":
		p.Do, p.Repaired = "another has taken its place meanwhile", true
		delete(c.rotten, d)
		c.present[d] = true
	default:
		p.Do, p.Repaired = "taken out of service: it is tmp/"+kept+" now", true
	}
}

// judge says what is wrong with a blob, or "". Only its hash condemns it: a size
// that no meta gives it is a reason to look.
func (c *checker) judge(f *os.File, d string) (size int64, why string, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, "", err
	}
	size = info.Size()
	fits := len(c.wanted[d]) == 0 || slices.ContainsFunc(c.wanted[d], func(a *Artifact) bool { return a.Size == size })
	if c.o.Quick && fits {
		return size, "", nil
	}
	if c.o.Quick && !c.o.Repair {
		a := c.wanted[d][0]
		return size, fmt.Sprintf("it has %d bytes, meta/%s.json says %d", size, a.Key, a.Size), nil
	}
	h := sha256.New()
	n, err := io.CopyBuffer(h, &counted{c, f}, make([]byte, 1<<20))
	c.r.Bytes += n
	if c.ctx.Err() != nil {
		return 0, "", c.ctx.Err()
	}
	if err != nil {
		return size, "it can't be read: " + err.Error(), nil
	}
	if got := sumHex([32]byte(h.Sum(nil))); got != d {
		return size, fmt.Sprintf("its %d bytes have the SHA-256 %s", n, got), nil
	}
	return size, "", nil
}

// sizes: where the blob is sound, it is the meta that is wrong.
func (c *checker) sizes(d string, size int64) {
	for _, a := range c.wanted[d] {
		if a.Size != size {
			p := c.found("meta/"+a.Key+".json", fmt.Sprintf("it says %d bytes, and its blob has %d: it is served as a miss", a.Size, size),
				fmt.Sprintf("write %d as its size, or have `fromcache fsck --repair` queue its URL again", size))
			c.refetch(p, a.Key, a.URL)
		}
	}
}

// counted reports progress, and ends when the run does.
type counted struct {
	c *checker
	r io.Reader
}

func (r *counted) Read(b []byte) (int, error) {
	if err := r.c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	r.c.done += int64(n)
	if r.c.o.Progress != nil {
		r.c.o.Progress(r.c.done, max(r.c.total, r.c.done))
	}
	return n, err
}

// missing: metas whose blob is not there, or not any more.
func (c *checker) missing() (err error) {
	if c.o.Repair {
		if c.copies, err = c.s.rottenCopies(); err != nil {
			return err
		}
	}
	for d, list := range c.wanted {
		if c.present[d] {
			continue
		}
		for _, a := range list {
			if c.mended(a) || c.rotten[d] && !c.o.Repair {
				continue // of a rotten one its own line says what becomes of the meta
			}
			if !c.o.Repair && c.waits(a) {
				continue
			}
			p := c.found("meta/"+a.Key+".json", "its blob "+d+" is missing or rotten", "it is served as a miss; `fromcache fsck --repair` brings it back or queues its URL again if it was fetched")
			if c.o.Repair && (c.restored(d) || c.soundAgain(d)) {
				p.Do, p.Repaired = "brought back", true
				continue
			}
			c.refetch(p, a.Key, a.URL)
		}
	}
	return nil
}

// mended reports whether an artifact was evicted or fetched again meanwhile.
func (c *checker) mended(a *Artifact) bool {
	now, err := c.s.Artifact(a.Key)
	return err != nil || now.SHA256 != a.SHA256 || !c.rotten[a.SHA256] && c.s.HasBlob(now.SHA256, now.Size)
}

// waits reports whether gc has taken a blob out that is whole: it comes back when
// it is asked for.
func (c *checker) waits(a *Artifact) bool {
	f, size, err := openSized(c.s.path("tmp", a.SHA256+goneSuffix), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	return size == a.Size && (c.o.Quick || hasDigest(untilDone{c.ctx, f}, a.SHA256))
}

// restored brings back a blob that gc took out, if it is still what it was. Else
// it is put aside: a look at its artifact would bring it back.
func (c *checker) restored(d string) bool {
	f, err := open(c.s.path("tmp", d+goneSuffix), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	if hasDigest(untilDone{c.ctx, f}, d) {
		return c.s.bringBack(d) == nil
	}
	if c.ctx.Err() == nil {
		_, err := c.s.putAsideFrom(f.Name(), d, func(path string) bool { return same(f, path) })
		c.s.complain("rotten", err)
	}
	return false
}

// soundAgain brings back a blob that was taken out as rotten, now or earlier, if
// it is what its name says.
func (c *checker) soundAgain(d string) bool {
	back := slices.ContainsFunc(c.copies[d], func(name string) bool {
		return c.s.bringBackSound(name, d, func(f *os.File) bool { return hasDigest(untilDone{c.ctx, f}, d) })
	})
	if back {
		delete(c.rotten, d)
	}
	return back
}

// refetch queues the URL of a broken artifact again.
func (c *checker) refetch(p *Problem, k, url string) {
	if c.o.Repair {
		p.Do, p.Repaired = c.s.requeue(k, url, By{Via: "fsck"})
	}
}
