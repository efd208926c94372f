package active

import (
	"cmp"
	"errors"
	"io"
	"os"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// A person may append to a file that a claim has already read: a second URL, or the sha256 of the
// first. Nothing of that is lost, because the worker reads the file again before the job leaves
// active/. Other URLs become a file of their own in queue/. A job that was given an option goes
// back to queue/, even where it has been fetched.

// ErrAdded says that the job was given an option since it was claimed. Call Requeue.
var ErrAdded = errors.New(
	"a line was added to the job while it was fetched: it begins again with that")

// readAdded returns what was appended to the job since it was claimed. Where the claim works on a
// copy, it appends to the copy what came into the original.
func (c *Claim) readAdded() (a job.Appended, err error) {
	if c.orig != nil { //guard:TestWhatIsAddedToAnotherUsersFile
		b, err := io.ReadAll(io.NewSectionReader(c.orig, c.origRead, tree.MaxJobFile))
		if err == nil && len(b) > 0 {
			err = spool.AppendWhole(c.f, string(b))
		}
		if err != nil {
			return a, err
		}
		c.origRead += int64(len(b))
	}
	b, err := io.ReadAll(io.NewSectionReader(c.f, c.read, tree.MaxJobFile))
	return job.SplitAppended(b, c.ownURL), err
}

// hasNewOption reports whether the job was given an option since it was claimed.
func (c *Claim) hasNewOption() bool {
	a, err := c.readAdded()
	return err == nil && a.Options != ""
}

// queueAdded moves the URLs that were added to a file of their own in queue/. That file is durable
// before they are taken out of the claim's, so that a crash in between at worst fetches them twice.
func (c *Claim) queueAdded() error {
	a, err := c.readAdded()
	if c.Key == "" && a.Options != "" { // of a list's last URL, which has a job without them by now
		a.URLs = c.ownURL + "\n" + a.Options + a.URLs
	}
	if err != nil || a.URLs == "" || c.ownURL == "" { // "": the file has lost its first line
		return err
	}
	f, err := c.tree.WriteTemp([]byte(a.URLs), 0o660, true)
	if err != nil {
		return err
	}
	defer f.Close()
	tree.Unlock(f) // else the claim that its rename wakes finds it locked
	name, err := tree.RenameFree(f.Name(), c.tree.Dir(tree.Queue), cmp.Or(c.givenName, c.Key+".more"))
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	c.tree.Log.Info("URLs were added to a job that had been claimed: they are a job of their own",
		"key", c.Key, "job", "queue/"+name)
	if err := tree.SyncDir(c.tree.Dir(tree.Queue)); err != nil { //guard:TestEachStepIsSynced
		return err
	}
	before, err := tree.Slurp(c.f, c.read)
	if err != nil {
		return err
	}
	old, err := c.replaceFile(append(before, a.Rest...))
	old.Close()
	return err
}

// replaceFile puts a new file with this text into the place of the claim's and goes on with that.
// It returns the old one, which is still open.
func (c *Claim) replaceFile(b []byte) (old *os.File, err error) {
	f, err := c.tree.WriteTemp(b, 0o660, true)
	if err != nil {
		return nil, err
	}
	if !c.Owns() {
		os.Remove(f.Name())
		f.Close()
		return nil, ErrLost
	}
	if err := tree.RenameOver(f, c.path); err != nil {
		return nil, err
	}
	old, c.f = c.f, f
	return old, nil
}
