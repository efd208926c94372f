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
	present map[string]bool // blobs that are what their names say
}

// Fsck checks what the tree can show: that every meta is well formed and has
// its blob, that every blob is what its name says (with Quick: has the size
// that meta says), that no job has two names and no key two claims, that every
// name is a regular file of a known kind, and that nothing half-written is
// older than its rule. A server may run meanwhile. Repair takes rotten blobs
// out of service, queues their URLs again, puts orphans back and sweeps tmp/;
// it never deletes the only copy of anything.
func (s *Store) Fsck(ctx context.Context, o FsckOptions) (FsckReport, error) {
	c := &checker{s: s, ctx: ctx, o: o, wanted: map[string][]*Artifact{}, present: map[string]bool{}}
	for _, step := range []func() error{c.metas, c.blobs, c.missing, c.spool, c.notes, c.kinds, c.halfWritten} {
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
			p := c.found("meta/"+a.Key+".json", err.Error(), "it is served as a miss; `fromcache fsck --repair` queues its URL again")
			c.refetch(p, a.Key, "")
		case errors.Is(err, errForeign):
		case a == nil:
			return err
		case err != nil:
			c.found("meta/"+a.Key+".json", err.Error(), "mend the disk or the file's mode")
		default:
			if !strings.HasSuffix(a.Key, "--"+a.URLSum[:16]) {
				c.found("meta/"+a.Key+".json", "it is named for another URL than the one in it: no lookup finds it", "give it back its name, or rm it and fetch its URL with `fromcache add`")
			}
			c.r.Artifacts++
			c.wanted[a.SHA256] = append(c.wanted[a.SHA256], a)
			if len(c.wanted[a.SHA256]) == 1 {
				c.total += a.Size
			}
		}
	}
	return nil
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
	why, err := c.judge(f, d)
	if err != nil {
		return err
	}
	if why == "" {
		c.present[d] = true
		return nil
	}
	p := c.found("blobs/"+d, why, "`fromcache fsck --repair` takes it out of service and queues its URL again")
	if c.o.Repair {
		p.Repaired = c.s.takeOutRotten(f, d) == nil
	}
	return nil
}

// judge says what is wrong with a blob, or "".
func (c *checker) judge(f *os.File, d string) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	for _, a := range c.wanted[d] {
		if info.Size() != a.Size {
			return fmt.Sprintf("it has %d bytes, meta/%s.json says %d", info.Size(), a.Key, a.Size), nil
		}
	}
	if c.o.Quick {
		return "", nil
	}
	h := sha256.New()
	n, err := io.CopyBuffer(h, &counted{c, f}, make([]byte, 1<<20))
	c.r.Bytes += n
	if c.ctx.Err() != nil {
		return "", c.ctx.Err()
	}
	if err != nil {
		return "it can't be read: " + err.Error(), nil
	}
	if got := sumHex([32]byte(h.Sum(nil))); got != d {
		return "its bytes have the SHA-256 " + got, nil
	}
	return "", nil
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
func (c *checker) missing() error {
	for d, list := range c.wanted {
		if c.present[d] {
			continue
		}
		for _, a := range list {
			if now, err := c.s.Artifact(a.Key); err != nil || now.SHA256 != d {
				continue // evicted or fetched again meanwhile
			}
			p := c.found("meta/"+a.Key+".json", "its blob "+d+" is missing or rotten", "it is served as a miss; `fromcache fsck --repair` brings it back or queues its URL again")
			if c.o.Repair && c.restored(d) {
				p.Repaired = true
				continue
			}
			c.refetch(p, a.Key, a.URL)
		}
	}
	return nil
}

// restored brings back a blob that gc took out, if it is still what it was.
func (c *checker) restored(d string) bool {
	f, err := open(c.s.path("tmp", d+goneSuffix), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil || sumHex([32]byte(h.Sum(nil))) != d {
		return false
	}
	return c.s.bringBack(d) == nil
}

// refetch queues the URL of a broken artifact again.
func (c *checker) refetch(p *Problem, k, url string) {
	if c.o.Repair {
		p.Do, p.Repaired = c.s.requeue(k, url, By{Via: "fsck"})
	}
}
