package active

import (
	"fromcache/fsstore/spool"
)

// A job may stand for hours between its approval and its commit: for a worker,
// for its origin, for room. What an operator has done to the artifact meanwhile
// is newer than the approval, and stands. So the first claim under an approval
// notes what is held, and each later claim, and the commit, look whether it still
// is; who carries in or evicts takes out of queue/ what waits there unclaimed, and who carries in
// ends what is being fetched.
//
// A limit: `rm meta/k.json` in a shell is an evict that no job knows of before its
// first claim. Such a job goes on.

// mayCommit looks at the last moment. It returns an *OvertakenError where what is there now is newer
// than the job.
func (c *Claim) mayCommit() error {
	if d := c.spool.DenialOf(c.url); d != "" {
		return &spool.OvertakenError{Why: "denied/" + d + " denies this URL by now: remove that file, then retry this job"}
	}
	return c.spool.CheckOvertaken(&c.Job, c.url)
}
