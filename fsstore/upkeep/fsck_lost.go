package upkeep

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"fromcache/fsstore/active"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
)

const wroteAnew = "written anew, as far as done/ tells, without the origin's header and the redirects"

// unnamed finds blobs that were held last, as their jobs in done/ say, that no verb has evicted,
// and that no meta names. An `rm` by hand looks like a loss: it takes a verb to say that it was
// meant.
func (c *checker) unnamed() error {
	wanted, err := c.s.wanted()
	if err != nil {
		return nil //nolint:nilerr // the look at that meta, which may name any of them, has told
	}
	var lost []string
	err = c.s.held.EachRecord(func(k string, newest bool, h *held.Record) {
		d := h.Done.Sha256
		if newest && !wanted.has(d) && c.s.held.BlobOrGone(d) {
			lost = append(lost, k)
		}
	})
	for _, k := range lost {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		c.lostMeta(k, wanted)
	}
	return err
}

// lostMeta looks at meta first: an evict writes its line before it removes a meta. A meta that
// is older than what done/ speaks of was restored, unless it knows that version as an earlier
// one: then a clock was set back.
func (c *checker) lostMeta(k string, wanted digests) {
	a, err := c.s.held.Artifact(k)
	h, _ := c.s.held.LastRecord(k)
	d, text := h.Done.Sha256, ""
	var old *held.Meta
	switch {
	case h.Evicted || //guard:TestFsckUndoesNoEvict
		wanted.has(d) || c.rotten[d] || !c.s.held.BlobOrGone(d):
		return
	case err == nil &&
		a.Fetched.Before(h.Done.Time) && //guard:TestALostMetaIsWrittenAnew
		!a.Replaced(d): //guard:TestALostMetaIsWrittenAnew
		old, text = &a.Meta, "it is older than what done/"+k+".job says was held last, whose blob is there"
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, held.ErrMalformed) && !errors.Is(err, tree.ErrNotRegular):
		text = "it is gone, and no verb has evicted it: done/" + k + ".job says that it was held, and its blob is there"
	default:
		return
	}
	p := c.found("meta/"+k+".json", text, "`fromcache fsck --repair` writes it anew; if it was meant, `fromcache evict "+k+"` says so, else its blob goes a day after gc has come by")
	if c.o.Repair {
		p.Done(wroteAnew, c.writeAnew(k, &h, old, old != nil))
	}
}

// writeAnew writes the meta that h tells of, once its blob has been read and is what it should
// be. Where it is to replace none, one that comes in meanwhile stays.
func (c *checker) writeAnew(k string, h *held.Record, old *held.Meta, replace bool) error {
	m, err := c.s.metaOf(k, h)
	if err != nil {
		return err
	}
	if c.s.spool.FindActiveByKey(k) != "" {
		return errors.New("it is being fetched now")
	}
	if m.Size, err = c.s.soundSize(c.ctx, m.SHA256); err != nil {
		return err
	}
	if now, _ := c.s.held.LastRecord(k); now.Evicted || now.Done.Sha256 != m.SHA256 { // that took its time //guard:TestFsckUndoesNoEvict
		return errors.New("it was evicted or fetched again meanwhile")
	}
	if old != nil {
		m.AddHistory(old)
	}
	if replace {
		err = c.s.held.WriteMeta(k, m)
	} else {
		err = c.s.held.WriteNewMeta(k, m)
	}
	return err
}

// soundSize is the size of a blob that is what its name says, which it brings back into its
// place.
func (s *Keeper) soundSize(ctx context.Context, d string) (int64, error) {
	if err := s.held.RestoreBlob(d); err != nil {
		return 0, err
	}
	if !s.held.VerifyBlob(ctx, d) { //guard:TestALostMetaIsWrittenAnew
		return 0, held.ErrCorrupt
	}
	info, err := os.Lstat(s.tree.Path("blobs", d))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// metaOf is the meta of key k as its job in done/ tells it.
func (s *Keeper) metaOf(k string, h *held.Record) (*held.Meta, error) {
	u, ok := s.asNamed(h.Job.FetchURL(), k)
	if !ok || h.Done.Sha256 == "" || h.Evicted {
		return nil, errors.New("done/ tells no URL of that key that was held last: rm it, and fetch that with `fromcache add URL`")
	}
	m := active.MetaOf(k, h.Job, u, h.Done.Sha256)
	m.Fetched = h.Done.Time
	return m, nil
}

// asNamed is a URL in the form that has the name k, by whatever rule.
func (s *Keeper) asNamed(rawURL, k string) (key.URL, bool) {
	u, err := s.queries.Parse(rawURL)
	if err != nil || k == u.Key() || k == u.OldKey() {
		return u, err == nil
	}
	for v := range u.Variants() {
		if k == v.Key() || k == v.OldKey() {
			return v, true
		}
	}
	return u, false
}
