package upkeep

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

const writtenAnew = "written anew, as far as done/ tells, without the origin's header " +
	"and the redirects"

// findLostMetas finds artifacts whose meta is gone: a job in done/ says that the blob was held
// last, no verb has evicted it, and no meta names it. An `rm` in a shell looks the same, because
// only a verb writes that it was meant.
func (c *checker) findLostMetas() error {
	var mu sync.Mutex
	var lost []string
	err := c.s.held.EachRecord(c.atOnce, func(k string, newest bool, h *held.Record) {
		if !newest || h.Evicted || c.isNamedBy(k, h.Done.Sha256) || !c.s.held.BlobOrGone(h.Done.Sha256) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		lost = append(lost, k)
	})
	if len(lost) == 0 {
		return err
	}
	wanted, wrong := c.s.wanted(c.atOnce)
	if wrong != nil {
		return nil //nolint:nilerr // checkMeta has reported that meta, which may name any blob
	}
	slices.Sort(lost)
	for _, k := range lost {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		c.checkLostMeta(k, wanted)
	}
	return err
}

// isNamedBy reports whether the meta of key k names the digest. That is so of most, and spares the
// reading of all metas.
func (c *checker) isNamedBy(k, digest string) bool {
	a, err := c.s.held.ReadArtifact(k + ".json")
	return err == nil && a.SHA256 == digest
}

// checkLostMeta reports the meta of key k if it is gone, or if it is older than the version that
// done/ says was held last, as after a backup was restored. If the meta lists that version as an
// earlier one, only a clock was set back. It reads the meta before the job in done/, because an
// evict writes its line before it removes the meta.
func (c *checker) checkLostMeta(k string, wanted digests) {
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
		old = &a.Meta
		text = "it is older than what done/" + k + ".job says was held last, whose blob is there"
	case errors.Is(err, fs.ErrNotExist) &&
		!errors.Is(err, held.ErrMalformed) && !errors.Is(err, tree.ErrNotRegular):
		text = "it is gone, and no verb has evicted it: done/" + k +
			".job says that it was held, and its blob is there"
	default:
		return
	}
	p := c.addProblem("meta/"+k+".json", text,
		"`fromcache fsck --repair` writes it anew; if it was meant, `fromcache evict "+k+
			"` says so, else its blob goes a day after gc has come by")
	if c.o.Repair {
		p.Done(writtenAnew, c.writeAnew(k, &h, old, old != nil))
	}
}

// writeAnew writes the meta of key k from its job in done/, after it has read the blob and found it
// sound. It takes old, if there is one, into the history. Without replace it keeps a meta that came
// in meanwhile.
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
	now, _ := c.s.held.LastRecord(k)                // again, because reading the blob may take minutes
	if now.Evicted || now.Done.Sha256 != m.SHA256 { //guard:TestFsckUndoesNoEvict
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

// soundSize returns the size of a blob, or held.ErrCorrupt if its digest is not its name. It
// restores a blob that gc has taken out of service.
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

// metaOf returns the meta of key k as far as its job in done/ tells it: what only the origin knew is
// missing.
func (s *Keeper) metaOf(k string, h *held.Record) (*held.Meta, error) {
	u, ok := s.parseNamed(h.Job.FetchURL(), k)
	if !ok || h.Done.Sha256 == "" || h.Evicted {
		return nil, errors.New("done/ tells no URL of that key that was held last: " +
			"rm it, and fetch that with `fromcache add URL`")
	}
	claim, _ := h.Job.Newest(job.Claim)
	f := held.Fetched{
		Job: &h.Job, URL: u, Asked: u.Whole(), SHA256: h.Done.Sha256,
		Claim: claim.Text[max(0, len(claim.Text)-16):],
	}
	m := f.Meta()
	m.Fetched = h.Done.Time
	return m, nil
}

// parseNamed parses a URL by the rule that gives it the key k: today's, an earlier server's, or
// that of a variant.
func (s *Keeper) parseNamed(rawURL, k string) (key.URL, bool) {
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
