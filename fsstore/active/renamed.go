package active

import (
	"errors"
	"io/fs"
	"os"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// The key of a URL changes with the rule that makes it: an earlier server had shorter keys, and
// queries/ may say since then that other parameters matter. The code here gives what was held or
// fetched under an older key today's, when its URL is fetched again.

// dropOldMeta removes the meta old of this claim's URL, which has an older key, once the artifact
// is held under today's key: an evict must find it in one place. After a crash before this both are
// held, and the newer is served.
func (c *Claim) dropOldMeta(old *held.Artifact) {
	if old == nil || old.Key == c.Key {
		return
	}
	if h, err := c.held.LastRecord(old.Key); err == nil && !h.Evicted { // else fsck reports a loss
		evicted := spool.Operator{Via: "renamed"}.Event(job.Evicted)
		c.health.Complain("job in done/ under an older key", c.verbs.AppendRecord(old.Key, evicted))
	}
	err := os.Remove(c.tree.Path("meta", old.Key+".json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.health.Complain("meta under an older key", err)
	}
	_ = tree.RenameNew(c.tree.Path("hits", old.Key), c.tree.Path("hits", c.Key)) // a count may be lost
}

// setURL has m, a meta that may have had an older key, say that it is of this claim's URL. It still
// says for which URL it was fetched.
func (c *Claim) setURL(m *held.Meta) {
	asked := m.AskedURL()
	m.URL, m.URLSum = key.Redact(c.url.String()), c.url.Sum()
	if m.AskedURL() != asked {
		m.Asked = asked
	}
	if u, err := key.Parse(c.URL, key.Auto); err == nil {
		m.AskedSum = u.Sum()
	}
}

// freeKey moves an artifact of another URL that is held under this claim's key. It got the key by
// rules in queries/ that have changed since; it gets the one that it has without them.
func (c *Claim) freeKey() error {
	other, err := c.held.Artifact(c.Key)
	if err != nil || c.held.IsFor(other, c.url) ||
		other.AskedSum == "" || other.AskedSum == other.URLSum {
		return nil
	}
	u, err := key.ParseRedacted(other.AskedURL(), key.Auto, nil)
	if err != nil {
		return nil
	}
	m := other.Meta
	m.URL, m.URLSum = u.String(), other.AskedSum
	err = c.held.WriteNewMeta(key.CurrentName(u.OldKey(), m.URLSum), &m)
	if errors.Is(err, fs.ErrExist) { //guard:fsstore/held.TestRulesAtRandom
		return nil
	}
	return err
}

// renameOldHistory gives the newest job in done/ that has an older key today's, so that who looks
// for the history of this URL finds all of it.
func (c *Claim) renameOldHistory() {
	for _, k := range c.artifactID().Names[1:] {
		name := k + ".job"
		if tree.Exists(c.tree.JobPath(tree.Done, name)) &&
			c.spool.MatchesFile(c.artifactID(), tree.Done, name) {
			_, err := tree.RenameFree(c.tree.JobPath(tree.Done, name), c.tree.Dir(tree.Done), c.Key)
			c.health.Complain("job in done/ under an older key", err)
		}
	}
}
