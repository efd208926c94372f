package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

// viaImport is the Via of an approval by import.
const viaImport = "import"

// Import holds an artifact that another cache held, or a file with its URL. What is held here and
// was fetched at the same time or later stays. Import verifies what it copies, calls progress with
// the number of bytes after each piece, and commits as Put does: jobs of the URL in queue/ and
// active/ are cancelled, done/ gets a job, and the URL's miss is removed. Hits become the larger
// number of both caches'.
//
// With an Outcome the error is nil. Else it is that of ctx or of the disk, or holds
// *kind.WrongDigest, *kind.Mismatch (of bytes whose digest was not given), spool.ErrDenied,
// spool.ErrInvalid, key.ErrBadURL or health.ErrNoSpace.
func (c *Carrier) Import(ctx context.Context, in *Incoming, by spool.Operator,
	progress func(n int64)) (Outcome, error) {
	by.Via = viaImport
	if in.URL == "" {
		in.URL = c.wholeURL(in)
	}
	if in.URL == "" {
		return c.importRedacted(ctx, in, progress)
	}
	add := verbs.Addition{URL: in.URL}
	if in.Key == "" {
		add.SHA256 = in.Meta.SHA256
	}
	u, _, err := c.verbs.PrepareJob(add, by)
	if err != nil {
		return 0, err
	}
	if o, done, err := c.settle(u, in, in.Meta.SHA256); done {
		return o, err
	}
	return c.copyAndPut(ctx, u, in, add, by, progress)
}

// copyAndPut copies the bytes and commits them, unless what came of u meanwhile stays.
func (c *Carrier) copyAndPut(ctx context.Context, u key.URL, in *Incoming, add verbs.Addition,
	by spool.Operator, progress func(n int64)) (Outcome, error) {
	b, err := c.take(ctx, in, progress)
	if err != nil {
		return 0, err
	}
	defer b.discard()
	if o, done, err := c.settle(u, in, b.digest); done {
		return o, err
	}
	if err := in.judge(b); err != nil {
		return 0, err
	}
	if err := c.publish(b); err != nil {
		return 0, err
	}
	if o, done, err := c.settle(u, in, b.digest); done { // the fsync of the bytes may take seconds
		return o, err
	}
	a, err := c.claims.PutBlob(add, b.digest, b.size, by, "imported from "+in.From, in.describe)
	if err != nil {
		return 0, err
	}
	return Taken, c.counts.RaiseHits(a.Key, in.Hits)
}

// wholeURL returns the URL of an Incoming whose meta has it redacted, if a miss or a job here is
// about it, or "".
func (c *Carrier) wholeURL(in *Incoming) string {
	id := spool.IDOfHeld(in.Key, in.Meta.URLSum)
	for st, name := range map[tree.State]string{
		tree.Misses: c.spool.FindMiss(id), tree.Queue: c.spool.FindQueued(id), tree.Done: in.Key + ".job",
	} {
		if name == "" {
			continue
		}
		j, ok := c.spool.JobOf(id, st, name)
		if !ok || j.Batch > 0 {
			continue
		}
		for _, raw := range []string{j.Job.FetchURL(), j.Job.URL} {
			if u, err := c.queries.Parse(raw); err == nil && u.Sum() == in.Meta.URLSum {
				return u.Whole()
			}
		}
	}
	return ""
}

// compare reports whether nothing is to be done, where old is held here, or nil, and the bytes that
// come have this digest, "" unknown.
func (c *Carrier) compare(old *held.Artifact, in *Incoming, digest string) (Outcome, bool) {
	switch {
	case old == nil || digest == "" || c.held.CheckBlob(old) != nil:
		return Taken, false
	case old.SHA256 == digest:
		return Same, true
	case !old.Fetched.Before(past(in.Meta.Fetched)):
		return Newer, true
	}
	return Taken, false
}

// settle is compare with what is held of u now. Where nothing is to be done it brings the hits, and
// removes a miss of u.
func (c *Carrier) settle(u key.URL, in *Incoming, digest string) (o Outcome, done bool, err error) {
	old, err := c.held.Find(u)
	if err != nil {
		return Taken, false, nil
	}
	if o, done = c.compare(old, in, digest); done {
		err = errors.Join(c.counts.RaiseHits(old.Key, in.Hits), c.misses.RemoveMiss(c.spool.IDOf(u)))
	}
	return o, done, err
}

// judge returns a *kind.Mismatch where nobody vouches for the bytes, and the URL's name says
// something else.
func (in *Incoming) judge(b *blob) error {
	if in.Meta.SHA256 != "" && !in.Judge || b.f == nil {
		return nil
	}
	if m := kind.CheckFile(kind.Name(in.URL), b.head, false); m != nil {
		return m
	}
	return nil
}

// describe completes a meta of here by what the other cache knew.
func (in *Incoming) describe(m *held.Meta) {
	there := clean(in.Meta)
	m.Fetched = there.Fetched
	if in.Key == "" { // a file
		return
	}
	m.FinalURL, m.Redirects, m.Header = there.FinalURL, there.Redirects, there.Header
	m.Ranges, m.Notes, m.History = there.Ranges, there.Notes, there.History
	m.Misses, m.AtLeast = m.Misses+there.Misses, m.AtLeast || there.AtLeast
	if there.Approved != nil {
		m.Approved = there.Approved
	}
}

// importRedacted is Import of an artifact whose URL holds what is redacted in its meta. It is held
// under its key as it was, for whoever asks for that URL. It has no job in done/, because no job
// could name the URL.
func (c *Carrier) importRedacted(ctx context.Context, in *Incoming, progress func(n int64)) (
	Outcome, error) {
	if tree.Exists(c.tree.JobPath(tree.Denied, in.Key)) {
		return 0, fmt.Errorf("%w: denied/%s denies this URL", spool.ErrDenied, in.Key)
	}
	if u, err := key.ParseRedacted(in.Meta.URL, key.Keep, nil); err == nil {
		if d := c.spool.DenialOf(u); d != "" {
			return 0, fmt.Errorf("%w: denied/%s denies this URL", spool.ErrDenied, d)
		}
	}
	return c.place(ctx, in, progress)
}

// place holds an artifact under the key that it had, with the meta that it had. The commit is the
// rename of the meta.
func (c *Carrier) place(ctx context.Context, in *Incoming, progress func(n int64)) (Outcome, error) {
	if err := checkName(in.Key, &in.Meta); err != nil {
		return 0, err
	}
	old, err := c.replacedBy(in)
	if err != nil {
		return 0, err
	}
	if o, done := c.compare(old, in, in.Meta.SHA256); done {
		return o, c.counts.RaiseHits(in.Key, in.Hits)
	}
	b, err := c.take(ctx, in, progress)
	if err != nil {
		return 0, err
	}
	defer b.discard()
	if err := c.publish(b); err != nil {
		return 0, err
	}
	if old, err = c.replacedBy(in); err != nil { // a put may have committed during the copy
		return 0, err
	}
	if o, done := c.compare(old, in, b.digest); done { //guard:TestAnImportComparesWithWhatCameMeanwhile
		return o, c.counts.RaiseHits(in.Key, in.Hits)
	}
	m := clean(in.Meta)
	m.Size, m.Claim = b.size, tree.RandomID()
	if old != nil && old.SHA256 != m.SHA256 {
		m.AddHistory(&old.Meta)
	}
	if err := c.held.WriteMeta(in.Key, &m); err != nil {
		return 0, err
	}
	c.held.Index(&held.Artifact{Key: in.Key, Meta: m})
	return Taken, errors.Join(c.held.RestoreBlob(m.SHA256), c.counts.RaiseHits(in.Key, in.Hits))
}

// replacedBy returns what is held under the key of an Incoming now, nil for nothing.
func (c *Carrier) replacedBy(in *Incoming) (*held.Artifact, error) {
	old, err := c.held.Artifact(in.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && old.URLSum != in.Meta.URLSum {
		return nil, fmt.Errorf("%s is held for another URL: evict it first", in.Key)
	}
	return old, err
}
