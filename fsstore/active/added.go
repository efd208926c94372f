package active

import (
	"cmp"
	"errors"
	"io"
	"os"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// A person may append to a file that a claim has read already: a second URL, or
// the sha256 of the first. Nothing of that is lost. Before the job leaves active/
// its worker looks at the file again: other URLs go to queue/ as a file of their
// own, and a job that was given an option goes back there, whatever became of it.

// ErrAdded: the job was given an option while it was fetched. Requeue has it
// claimed again, with that.
var ErrAdded = errors.New("a line was added to the job while it was fetched: it begins again with that")

// reading notes how much of the claim's file has been read, and what its own URL
// is as it stands there.
func (c *Claim) reading(n int, url string) *Claim {
	c.read, c.ownURL = int64(n), url
	return c
}

// readAdded is what was appended since. Where the claim works on a copy, for the
// file is another user's, what came into that file comes into the copy first.
func (c *Claim) readAdded() (a job.Appended, err error) {
	if c.orig != nil { //guard:TestWhatIsAddedToAnotherUsersFile
		if err := c.copyAdded(); err != nil {
			return a, err
		}
	}
	b, err := io.ReadAll(io.NewSectionReader(c.f, c.read, tree.MaxJobFile))
	return job.SplitAppended(b, c.ownURL), err
}

func (c *Claim) copyAdded() error {
	b, err := io.ReadAll(io.NewSectionReader(c.orig, c.origRead, tree.MaxJobFile))
	if err != nil || len(b) == 0 {
		return err
	}
	if err := spool.AppendWhole(c.f, string(b)); err != nil {
		return err
	}
	c.origRead += int64(len(b))
	return nil
}

// hasNewOption reports whether the job was given an option since it was claimed.
func (c *Claim) hasNewOption() bool {
	a, err := c.readAdded()
	return err == nil && a.Options != ""
}

// queueAdded makes a file in queue/ of the URLs that were added, which is durable
// before they are taken out of the claim's own. A crash in between fetches them
// once too often.
func (c *Claim) queueAdded() error {
	a, err := c.readAdded()
	if c.Key == "" && a.Options != "" { // the last URL of a list is a job by now, which lacks them
		a.URLs = c.ownURL + "\n" + a.Options + a.URLs
	}
	if err != nil || a.URLs == "" || c.ownURL == "" { // a file that has lost its first line
		return err
	}
	f, err := c.tree.WriteTemp([]byte(a.URLs), 0o660, true)
	if err != nil {
		return err
	}
	defer f.Close()
	tree.Unlock(f)
	name, err := tree.RenameFree(f.Name(), c.tree.Path(string(tree.Queue), ""), cmp.Or(c.givenName, c.Key+".more"))
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	c.tree.Log.Info("URLs were added to a job that had been claimed: they are a job of their own", "key", c.Key, "job", "queue/"+name)
	if err := tree.SyncDir(c.tree.Path(string(tree.Queue), "")); err != nil {
		return err
	}
	before, err := tree.Slurp(c.f, c.read)
	if err != nil {
		return err
	}
	return c.replaceBy(append(before, a.Rest...))
}

// replaceBy puts other text into the place of the claim's file.
func (c *Claim) replaceBy(b []byte) error {
	own, err := c.tree.WriteTemp(b, 0o660, true)
	if err != nil {
		return err
	}
	if !c.Owns() {
		os.Remove(own.Name())
		own.Close()
		return ErrLost
	}
	if err := tree.RenameOver(own, c.path); err != nil {
		return err
	}
	c.f.Close()
	c.f = own
	return nil
}

// listName is the name in queue/ that a person gave, without .job, or "".
func listName(name string) string {
	if stem := tree.StemOf(name); !key.Valid(stem) {
		return stem
	}
	return ""
}
