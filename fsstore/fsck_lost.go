package fsstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"fromcache/fsstore/job"
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
	err = c.s.eachHistory(func(k string, newest bool, h *holding) {
		d := h.done.Sha256
		if newest && !h.evicted && !wanted.has(d) && !c.rotten[d] && c.s.stillThere(d) {
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
	a, err := c.s.Artifact(k)
	h, _ := c.s.lastHeld(k)
	d, text := h.done.Sha256, ""
	var old *Meta
	switch {
	case h.evicted || wanted.has(d) || c.rotten[d] || !c.s.stillThere(d):
		return
	case err == nil && a.Fetched.Before(h.done.Time) && !a.replaced(d):
		old, text = &a.Meta, "it is older than what done/"+k+".job says was held last, whose blob is there"
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errMalformed) && !errors.Is(err, errForeign):
		text = "it is gone, and no verb has evicted it: done/" + k + ".job says that it was held, and its blob is there"
	default:
		return
	}
	p := c.found("meta/"+k+".json", text, "`fromcache fsck --repair` writes it anew; if it was meant, `fromcache evict "+k+"` says so, else its blob goes a day after gc has come by")
	if c.o.Repair {
		p.done(wroteAnew, c.writeAnew(k, &h, old, old != nil))
	}
}

// replaced reports whether a version with that digest was held before.
func (m *Meta) replaced(d string) bool {
	return slices.ContainsFunc(m.History, func(v Version) bool { return v.SHA256 == d })
}

// writeAnew writes the meta that h tells of, once its blob has been read and is what it should
// be. Where it is to replace none, one that comes in meanwhile stays.
func (c *checker) writeAnew(k string, h *holding, old *Meta, replace bool) error {
	m, err := c.s.metaOf(k, h)
	if err != nil {
		return err
	}
	if c.s.activeName(k) != "" {
		return errors.New("it is being fetched now")
	}
	if m.Size, err = c.s.soundSize(c.ctx, m.SHA256); err != nil {
		return err
	}
	if now, _ := c.s.lastHeld(k); now.evicted || now.done.Sha256 != m.SHA256 { // that took its time
		return errors.New("it was evicted or fetched again meanwhile")
	}
	if old != nil {
		m.succeed(old)
	}
	if replace {
		err = c.s.writeMeta(k, m)
	} else {
		err = c.s.writeNewMeta(k, m)
	}
	return errors.Join(err, c.s.bringBack(m.SHA256)) // gc may have come in between
}

// soundSize is the size of a blob that is what its name says, which it brings back into its
// place.
func (s *Store) soundSize(ctx context.Context, d string) (int64, error) {
	if err := s.bringBack(d); err != nil {
		return 0, err
	}
	if !s.sound(ctx, d) {
		return 0, ErrCorrupt
	}
	info, err := os.Lstat(s.path("blobs", d))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (s *Store) writeNewMeta(k string, m *Meta) error {
	b, err := m.encode()
	if err == nil {
		err = s.publishNew(string(b), s.path("meta", k+".json"), true)
	}
	if err != nil {
		return err
	}
	return syncDir(s.path("meta", ""))
}

// metaOf is the meta of key k as its job in done/ tells it.
func (s *Store) metaOf(k string, h *holding) (*Meta, error) {
	u, ok := s.asNamed(h.job.FetchURL(), k)
	if !ok || h.done.Sha256 == "" || h.evicted {
		return nil, errors.New("done/ tells no URL of that key that was held last: rm it, and fetch that with `fromcache add URL`")
	}
	last, _ := h.job.Newest(job.Claim)
	c := &Claim{Key: k, Worker: last.Text[max(0, len(last.Text)-16):], Job: h.job, URL: u.Whole(), s: s, url: u}
	m := c.meta(h.done.Sha256, 0, Origin{})
	m.Fetched = h.done.Time
	return m, nil
}

// asNamed is a URL in the form that has the name k, by whatever rule.
func (s *Store) asNamed(rawURL, k string) (key.URL, bool) {
	u, err := s.Parse(rawURL)
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
