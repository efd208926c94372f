package verbs

import (
	"errors"
	"os"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// Approve moves misses/<key> to queue/<key>.job. When it returns nil the approval survives a power
// cut. seen is the job.URLSum of the URL that a person has seen and that will be fetched; "" means
// the only one that is recorded. Its error is an *UnseenError if that URL is not recorded, or if
// seen is "" and several are. No line that a client adds later changes what is fetched.
func (s *Verbs) Approve(k, seen string, by spool.Operator) error {
	_, err := s.approve(k, seen, Addition{}, by)
	return err
}

// approve writes the line that says what was approved, fsyncs it, and only then renames the file,
// because a client's line that comes later must not change what is fetched. A crash or an error
// before the rename leaves a miss, which pages show with the URL that was to be fetched.
func (s *Verbs) approve(k, seen string, a Addition, by spool.Operator) (string, error) {
	if !tree.Plain(k) { //guard:TestVerbsStayInTheirDirectories
		return "", spool.Absent(tree.Misses, k)
	}
	f, err := tree.OpenJob(s.tree.JobPath(tree.Misses, k))
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := tree.LockWait(f); err != nil && !errors.Is(err, tree.ErrLocked) {
		return "", err
	}
	if !tree.StillNames(f, f.Name()) { // what a claim has read takes no more options
		return "", spool.Absent(tree.Misses, k)
	}
	b, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		return "", err
	}
	url, err := approvedURL(b, k, seen, a)
	if err != nil {
		return "", err
	}
	if err := writeApproval(f, b, url, a, by); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil { //guard:fsstore/active.TestEachStepIsSynced
		return "", err
	}
	s.misses.FlushRepeatsOf(k)
	name, err := tree.RenameFree(f.Name(), s.tree.Path(string(tree.Queue), ""), k)
	if err != nil {
		return "", err
	}
	defer spool.UnlockQueued(f)
	return name, tree.SyncDir(s.tree.Path(string(tree.Queue), "")) //guard:fsstore/active.TestEachStepIsSynced
}

// approvedURL returns the URL to approve: the one that an addition names, or the one that a person
// has seen. It is "" where the file does not hold exactly one job.
func approvedURL(b []byte, k, seen string, a Addition) (string, error) {
	jobs := job.Parse(b).Jobs
	if a.URL != "" || len(jobs) != 1 {
		return a.URL, nil
	}
	return chooseURL(&jobs[0], k, seen)
}

// writeApproval appends the lines that approve a miss, whose text was b. Where a client has added
// a URL since b was read, one more line names what is approved.
func writeApproval(f *os.File, b []byte, url string, a Addition, by spool.Operator) error {
	line1 := ""
	if url != "" && len(job.Parse(b).Jobs) == 0 { // a power cut has emptied it
		line1 = url + "\n"
	}
	e := by.Event(job.Approve)
	e.URL = URLToLog(b, url)
	if err := spool.AppendWhole(f, line1+OptionLines(a)+e.Line()); err != nil || e.URL == url {
		return err //guard:TestHalfALineApprovesNothing
	}
	now, err := tree.Slurp(f, tree.MaxJobFile)
	if err != nil {
		return err
	}
	if jobs := job.Parse(now).Jobs; len(jobs) != 1 || jobs[0].FetchURL() == url {
		return nil
	}
	e.URL = url
	return spool.AppendWhole(f, e.Line())
}

// URLToLog returns the URL that an approval's line must name, or "" where line 1 of the file says
// it already.
func URLToLog(b []byte, url string) string {
	jobs := job.Parse(b).Jobs
	if len(jobs) != 1 {
		return ""
	}
	j := &jobs[0]
	if url == j.URL && len(j.URLs()) < 2 {
		return ""
	}
	return url
}
