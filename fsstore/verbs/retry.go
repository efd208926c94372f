package verbs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// retryStates are where Retry looks for a job that it is not told the directory of.
var retryStates = []tree.State{tree.Failed, tree.Cancelled, tree.Done}

// Retry puts a failed, cancelled or done job back into queue/, due at once. Of several of that name
// it is the one whose log is newest.
func (s *Verbs) Retry(name string, by spool.Operator) error { return s.RetryAs("", name, "", by) }

// RetryAs is Retry of the file in one directory, or in any where st is "". rawURL, if not "", is
// another URL of the same artifact to fetch, such as one with a new signature. ErrInvalid: that
// URL has another key.
func (s *Verbs) RetryAs(st tree.State, name, rawURL string, by spool.Operator) error {
	return s.RetryWith(st, name, Addition{URL: rawURL}, by)
}

// RetryWith is RetryAs with the options of more, which are written into the job before it moves.
func (s *Verbs) RetryWith(st tree.State, name string, more Addition, by spool.Operator) error {
	if !tree.Plain(name) { //guard:TestVerbsStayInTheirDirectories
		return spool.Absent(tree.Failed, name)
	}
	if more.SHA256 != "" && !held.IsDigest(strings.ToLower(more.SHA256)) {
		return fmt.Errorf("%w: a SHA-256 has 64 hexadecimal digits", spool.ErrInvalid)
	}
	e := by.Event(job.Retry)
	if more.URL != "" {
		fetch, err := key.FetchURL(more.URL)
		if err != nil {
			return err
		}
		e.URL = fetch
	}
	for _, j := range s.candidates(st, name, retryStates) {
		err := s.retryFrom(j.State, j.Name, e, OptionLines(more))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return spool.Absent(cmp.Or(st, tree.Failed), name)
}

// retryFrom moves st/<name> to queue/ after its log says so.
func (s *Verbs) retryFrom(st tree.State, name string, e job.Event, options string) error {
	f, err := tree.OpenJob(s.tree.JobPath(st, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.checkSameArtifact(f, e.URL); err != nil {
		return err
	}
	if err := tree.LockWait(f); err != nil && !errors.Is(err, tree.ErrLocked) {
		return err
	}
	if err := s.logRetry(f, e, options); err != nil {
		return err
	}
	stem, _, ok := tree.SplitActive(name)
	if !ok {
		stem = strings.TrimSuffix(name, ".job")
	}
	if _, err := tree.RenameFree(f.Name(), s.tree.Path(string(tree.Queue), ""), stem); err != nil {
		return err
	}
	os.Remove(s.tree.JobPath(st, name+".why"))
	defer spool.UnlockQueued(f)
	return tree.SyncDir(s.tree.Path(string(tree.Queue), "")) //guard:fsstore/active.TestEachStepIsSynced
}

// logRetry writes a retry's line and fsyncs it before the job moves. A line that names a URL or an
// option decides what is fetched, so that its error stops the retry. A plain line may be lost: a
// full disk, or a file that another user made, hinders no retry.
func (s *Verbs) logRetry(f *os.File, e job.Event, options string) error {
	if e.URL == "" && options == "" {
		s.spool.LogLine(f, e)
	} else if err := spool.AppendWhole(f, options+e.Line()); err != nil { //guard:TestHalfALineRetriesNothing
		return err
	}
	return f.Sync() //guard:fsstore/active.TestEachStepIsSynced
}

// checkSameArtifact returns ErrInvalid unless rawURL is "" or names the artifact of the open job.
func (s *Verbs) checkSameArtifact(f *os.File, rawURL string) error {
	if rawURL == "" {
		return nil
	}
	u, err := s.queries.Parse(rawURL)
	if err != nil {
		return err
	}
	b, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	jobs := job.Parse(b).Jobs
	if len(jobs) == 1 {
		for _, raw := range jobs[0].URLs() { // of an earlier server's, each may be another artifact
			if own, err := s.queries.Parse(raw); err == nil && own.Sum() == u.Sum() {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: that URL names another artifact than this job; add it as a URL of its own",
		spool.ErrInvalid)
}
