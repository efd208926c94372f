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

const wroteAnew = "written anew, as far as done/ tells: the origin's header and the redirects are not known any more"

// unnamed: a blob that was held last, as its job in done/ says, that no verb has
// evicted, and that no meta names. An `rm` by hand looks like a loss: it takes a
// verb to say that it was meant.
func (c *checker) unnamed() error {
	held := map[string]*holding{}
	err := c.s.eachHistory(func(k string, newest bool, h *holding) {
		if newest {
			held[k] = h
		}
	})
	if err != nil {
		return err
	}
	wanted, err := c.s.wanted() // now: who publishes writes its meta before done/ speaks of it
	if err != nil {
		return nil //nolint:nilerr // metas has told of that meta, which may name any of them
	}
	for k, h := range held {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if !h.evicted && !wanted.has(h.done.Sha256) && !c.rotten[h.done.Sha256] {
			c.unnamedBlob(k, h)
		}
	}
	return nil
}

func (c *checker) unnamedBlob(k string, h *holding) {
	if !c.s.stillThere(h.done.Sha256) {
		return // nothing is left to be named
	}
	old, text := c.lostMeta(k, h)
	if text == "" || !c.lastHeldStill(k, h) {
		return
	}
	p := c.found("meta/"+k+".json", text, "`fromcache fsck --repair` writes it anew; if it was meant, `fromcache evict "+k+"` says so, else its blob goes a day after gc has come by")
	if !c.o.Repair {
		return
	}
	if err := c.writeAnew(k, h, old); err != nil {
		p.Do = "it could not be written anew: " + err.Error()
	} else {
		p.Do, p.Repaired = wroteAnew, true
	}
}

// lostMeta says what is wrong with the meta of key k, "" where nothing is. One
// that is older than what done/ speaks of was restored, unless it knows that
// version as an earlier one: then a clock was set back.
func (c *checker) lostMeta(k string, h *holding) (old *Meta, text string) {
	a, err := c.s.Artifact(k)
	switch {
	case err == nil && a.Fetched.Before(h.done.Time) && !a.replaced(h.done.Sha256):
		return &a.Meta, "it is older than what done/" + k + ".job says was held last, whose blob is there"
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errMalformed) && !errors.Is(err, errForeign):
		return nil, "it is gone, and no verb has evicted it: done/" + k + ".job says that it was held, and its blob is there"
	}
	return nil, ""
}

// lastHeldStill: an evict writes its line before it removes a meta, so whoever
// finds a meta gone looks once more.
func (c *checker) lastHeldStill(k string, h *holding) bool {
	now, _ := c.s.lastHeld(k)
	return !now.evicted && now.done.Sha256 == h.done.Sha256
}

// replaced reports whether a version with that digest was held before.
func (m *Meta) replaced(d string) bool {
	return slices.ContainsFunc(m.History, func(v Version) bool { return v.SHA256 == d })
}

// writeAnew writes the meta that h tells of, once its blob has been read and is
// what it should be. Where a meta is none, one that comes in meanwhile stays.
func (c *checker) writeAnew(k string, h *holding, old *Meta) error {
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
	if !c.lastHeldStill(k, h) { // that took its time
		return errors.New("it was evicted or fetched again meanwhile")
	}
	if old != nil {
		m.succeed(old)
		err = c.s.writeMeta(k, m)
	} else {
		err = c.s.writeNewMeta(k, m)
	}
	return errors.Join(err, c.s.bringBack(m.SHA256)) // gc may have come in between
}

// soundSize is the size of a blob that is what its name says, which it brings
// back into its place.
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
	if !ok {
		return nil, errors.New("done/ tells no URL of that key: fetch it again with `fromcache add URL`")
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
